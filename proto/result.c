/* SPDX-License-Identifier: MIT */
#include "proto/result.h"

const char *result_name(int result)
{
    static const char *const names[] = {
        "ok",     "again",       "full",   "invalid",   "denied",      "not found",
        "in use", "unreachable", "closed", "no memory", "unsupported", "os error",
    };
    const int count = (int)(sizeof(names) / sizeof(names[0]));

    if (result > 0) {
        return names[0];
    }
    return result > -count ? names[-result] : "unknown";
}
