/* SPDX-License-Identifier: MIT */
#include "daemon/control/control_log.h"

unsigned control_log_fields(enum control_log_event event)
{
    static const unsigned fields_by_event[CONTROL_LOG_EVENTS] = {
#define CONTROL_LOG_ROW(symbol, fields) [CONTROL_LOG_EVENT_##symbol] = (fields),
        CONTROL_LOG_TABLE(CONTROL_LOG_ROW)
#undef CONTROL_LOG_ROW
    };

    return fields_by_event[event];
}
