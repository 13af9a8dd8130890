/* SPDX-License-Identifier: MIT */

/* main.c - gsrelayd: what the command line asks for. */

#include "config/config_dump.h"
#include "daemon/configure.h"
#include "daemon/os/os.h"
#include "daemon/server.h"
#include "daemon/service/service.h"
#include "daemon/service/service_command.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* Large, and alive as long as the program is. */
static struct config config;
static struct secret_file secrets;

/* A full disk may have lost the answer, and a key that was never stored must not look like one that
 * was. */
static int end_answer(void)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0) {
        return EXIT_CODE_OK;
    }
    (void)fprintf(stderr, "gsrelayd: standard output did not take all that was written to it\n");
    return EXIT_CODE_FAILURE;
}

static int print_key(void)
{
    char line[SECRET_LINE_SIZE];

    configure_new_secret(line);
    (void)fputs(line, stdout);
    sodium_memzero(line, sizeof(line));
    return end_answer();
}

static int act(const struct options *options)
{
    static struct config_report reports[CONFIGURE_REPORTS];
    int result;

    if (options->action == OPTIONS_RUN) {
        return (int)service_run_foreground(options);
    }
    result = configure_all(options, &config, &secrets, reports);
    for (int i = 0; i < CONFIGURE_REPORTS; i++) {
        config_report_print(&reports[i], config_write_file, stderr);
    }
    if (result != RESULT_OK) {
        (void)fprintf(stderr, "gsrelayd: no relay starts with this configuration\n");
        return EXIT_CODE_CONFIG;
    }
    if (options->action == OPTIONS_DUMP_CONFIG) {
        config_dump(&config, config_write_file, stdout);
        return end_answer();
    }
    (void)printf("%s: good; at most %llu MiB of tables\n",
                 config.path[0] != '\0' ? config.path : "built-in defaults",
                 (unsigned long long)(server_memory(&config.values) >> 20));
    return end_answer();
}

int program_main(int argc, char **argv)
{
    static struct options options;
    char error[OPTIONS_ERROR_SIZE];
    int code;

    if (sodium_init() < 0) {
        (void)fprintf(stderr, "gsrelayd: the cryptographic library refuses to start\n");
        return EXIT_CODE_FAILURE;
    }
    if (argc > 1 && strcmp(argv[1], "service") == 0) {
        return service_command_run(argc - 2, argv + 2);
    }
    if (options_parse(argc, argv, &options, error) != RESULT_OK) {
        (void)fprintf(stderr, "gsrelayd: %s\n", error);
        return EXIT_CODE_CONFIG;
    }
    switch (options.action) {
    case OPTIONS_HELP:
        (void)fputs(options_help(), stdout);
        return end_answer();
    case OPTIONS_VERSION:
        (void)puts("gsrelayd " GSRELAY_VERSION);
        return end_answer();
    case OPTIONS_GENKEY:
        return print_key();
    case OPTIONS_DUMP_DEFAULTS:
        config_dump_defaults(config_write_file, stdout);
        return end_answer();
    case OPTIONS_RUN:
    case OPTIONS_CHECK_CONFIG:
    case OPTIONS_DUMP_CONFIG:
        break;
    }
    code = act(&options);
    secret_file_wipe(&secrets);
    return code;
}
