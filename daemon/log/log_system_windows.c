/* SPDX-License-Identifier: MIT */
#include "daemon/log/log_system.h"

#include "daemon/log/log_eventlog.h"
#include "daemon/log/log_stream.h"

int log_system_open(const char *service, size_t ring_bytes, struct log_sink *out)
{
    struct log_output output;
    if (service == NULL) {
        return log_stderr_open(ring_bytes, out);
    }
    const int result = log_eventlog_open(service, &log_eventlog_system, &output);
    return result < 0 ? result : log_stream_open(&output, ring_bytes, out);
}
