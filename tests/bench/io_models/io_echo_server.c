/* SPDX-License-Identifier: MIT */

/* io_echo_server.c - one of the models as a program, to be measured or looked at.
 *
 * usage: io_echo_server MODEL
 *
 * Writes "ready tcp=127.0.0.1:PORT udp=127.0.0.1:PORT" and serves until its standard input ends.
 * Exit code 2: this system has no such model. */

#include "daemon/os/os.h"
#include "tests/bench/io_models/io_model.h"

#include <stdio.h>

static int explain(const char *name)
{
    if (name == NULL) {
        (void)fprintf(stderr, "usage: io_echo_server MODEL\nmodels:");
    } else {
        (void)fprintf(stderr, "io_echo_server: no model %s here; there are:", name);
    }
    for (unsigned i = 0; io_models[i] != NULL; i++) {
        (void)fprintf(stderr, " %s", io_models[i]->name);
    }
    (void)fprintf(stderr, "\n");
    return 2;
}

int program_main(int argc, char **argv)
{
    const struct io_model *const model = argc == 2 ? io_model_find(argv[1]) : NULL;
    static struct io_server server;
    char ignored[64];

    if (model == NULL) {
        return explain(argc == 2 ? argv[1] : NULL);
    }
    if (model->start(&server) != 0) {
        (void)fprintf(stderr, "io_echo_server: %s could not start\n", model->name);
        return 1;
    }
    (void)printf("ready tcp=127.0.0.1:%u udp=127.0.0.1:%u\n", server.tcp_port, server.udp_port);
    (void)fflush(stdout);
    while (os_stdin_read(ignored, sizeof(ignored)) > 0) {
    }
    model->stop(&server);
    return 0;
}
