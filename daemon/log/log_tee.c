/* SPDX-License-Identifier: MIT */
#include "daemon/log/log_tee.h"

#include <stdlib.h>

#include "daemon/log/log_notable.h"
#include "daemon/os/os.h"

struct tee {
    struct log_sink all;
    struct log_sink notable;
    uint64_t (*clock_ns)(void);
    /* For each row of log_notable.h the time at which its allowance is full again: a line moves it
     * on by one interval, and none passes that would move it more than the burst ahead of now (the
     * virtual scheduling algorithm of GCRA, ITU-T I.371). */
    uint64_t full_ns[];
};

static bool admit(struct tee *tee, size_t row)
{
    const uint64_t now_ns = tee->clock_ns();
    uint64_t full_ns = tee->full_ns[row];
    if (!log_notable_at(row)->is_limited) {
        return true;
    }
    if (full_ns < now_ns) {
        full_ns = now_ns;
    }
    full_ns += LOG_TEE_INTERVAL_NS;
    if (full_ns - now_ns > LOG_TEE_BURST * LOG_TEE_INTERVAL_NS) {
        return false;
    }
    tee->full_ns[row] = full_ns;
    return true;
}

static int write_both(void *context, const char *line, size_t size)
{
    struct tee *tee = context;
    const size_t row = log_notable_find(line, size);
    if (row < log_notable_count() && admit(tee, row)) {
        (void)tee->notable.write(tee->notable.context, line, size);
    }
    return tee->all.write(tee->all.context, line, size);
}

static enum log_sink_state state_of_first(void *context, char error_out[LOG_ERROR_SIZE])
{
    struct tee *tee = context;
    return tee->all.state != NULL ? tee->all.state(tee->all.context, error_out) : LOG_SINK_DONE;
}

static void reopen_all(void *context)
{
    struct tee *tee = context;
    if (tee->all.reopen != NULL) {
        tee->all.reopen(tee->all.context);
    }
}

static void close_both(void *context)
{
    struct tee *tee = context;
    tee->all.close(tee->all.context);
    tee->notable.close(tee->notable.context);
    free(tee);
}

int log_tee_open(struct log_sink all, struct log_sink notable, uint64_t (*clock_ns)(void),
                 struct log_sink *out)
{
    struct tee *tee = calloc(1, sizeof(*tee) + log_notable_count() * sizeof(tee->full_ns[0]));
    if (tee == NULL) {
        all.close(all.context);
        notable.close(notable.context);
        return RESULT_NO_MEMORY;
    }
    tee->all = all;
    tee->notable = notable;
    tee->clock_ns = clock_ns != NULL ? clock_ns : os_clock_ns;
    *out = (struct log_sink){.write = write_both,
                             .state = state_of_first,
                             .reopen = reopen_all,
                             .close = close_both,
                             .context = tee};
    return 0;
}
