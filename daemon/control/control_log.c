/* SPDX-License-Identifier: MIT */
#include "daemon/control/control_log.h"

static const struct {
    const char *name;
    enum control_log_level level;
    unsigned fields;
} log_events[CONTROL_LOG_EVENTS] = {
#define CONTROL_LOG_ROW(symbol, name, level, fields) {(name), CONTROL_LOG_##level, (fields)},
    CONTROL_LOG_TABLE(CONTROL_LOG_ROW)
#undef CONTROL_LOG_ROW
};

const char *control_log_name(enum control_log_event event)
{
    return log_events[event].name;
}

enum control_log_level control_log_level(enum control_log_event event)
{
    return log_events[event].level;
}

unsigned control_log_fields(enum control_log_event event)
{
    return log_events[event].fields;
}
