/* SPDX-License-Identifier: MIT */

/* sim_main.c - runs seeds: sim [--seeds N] [--seed FIRST] [--story] */

#include "daemon/os/os.h"
#include "sim.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct wish {
    uint64_t count;
    uint64_t first;
    bool wants_story;
};

static bool read_number(const char *text, uint64_t *out)
{
    char *end;

    if (text == NULL || *text < '0' || *text > '9') {
        return false;
    }
    *out = strtoull(text, &end, 10);
    return *end == '\0';
}

static bool read_wish(char **argv, struct wish *out)
{
    *out = (struct wish){.count = 2000, .first = 1};
    for (char **at = argv + 1; *at != NULL; at++) {
        if (strcmp(*at, "--story") == 0) {
            out->wants_story = true;
        } else if (strcmp(*at, "--seeds") == 0 && read_number(at[1], &out->count)) {
            at++;
        } else if (strcmp(*at, "--seed") == 0 && read_number(at[1], &out->first)) {
            at++;
        } else {
            return false;
        }
    }
    return true;
}

int program_main(int argc, char **argv)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    struct wish wish;
    uint64_t trace = 0;

    (void)argc;
    if (!read_wish(argv, &wish)) {
        (void)fputs("usage: sim [--seeds N] [--seed FIRST] [--story]\n", stderr);
        free(sim);
        return 2;
    }
    if (sim == NULL || sodium_init() < 0) {
        (void)fputs("sim: not enough memory\n", stderr);
        return 1;
    }
    for (uint64_t i = 0; i < wish.count; i++) {
        if (!sim_run(sim, wish.first + i, wish.wants_story ? stdout : NULL)) {
            (void)printf("seed %" PRIu64 ", step %" PRIu64 ", after %" PRIu64 " ms: %s\n"
                         "replay: ./dev sim --seed %" PRIu64 " --seeds 1 --story\n",
                         wish.first + i, sim->judge.step, sim->now_ns / SIM_MS, sim->judge.broken,
                         wish.first + i);
            free(sim);
            return 1;
        }
        trace = trace * 31 + sim->judge.trace;
    }
    (void)printf("%" PRIu64 " seeds from %" PRIu64 ": all held; trace %016" PRIx64 "\n", wish.count,
                 wish.first, trace);
    free(sim);
    return 0;
}
