/* SPDX-License-Identifier: MIT */
#include "client/tools/tool.h"

#include <stdio.h>

/* A member's own line has the room's clock as well. */
static bool print_json(struct gsrelay_client *client, uint16_t member, bool is_own)
{
    struct gsrelay_quality quality;
    struct gsrelay_room_time time;
    char own[160] = "";

    if (gsrelay_get_quality(client, member, &quality) != GSRELAY_OK)
        return true;
    if (is_own && gsrelay_get_room_time(client, &time) == GSRELAY_OK)
        snprintf(own, sizeof(own),
                 ",\"queue_max_us\":%u,\"room_time_us\":%llu,\"room_time_error_us\":%u",
                 quality.queue_max_us, (unsigned long long)time.time_us, time.error_us);
    return print_line("{\"event\":\"quality\",\"member\":%u,\"rtt_us\":%u,\"jitter_us\":%u,"
                      "\"loss_up_ppm\":%u,\"loss_down_ppm\":%u,\"queue_us\":%u%s}",
                      member, quality.rtt_us, quality.jitter_us, quality.loss_up_ppm,
                      quality.loss_down_ppm, quality.queue_us, own);
}

bool print_quality_of_others(struct gsrelay_client *client)
{
    uint16_t ids[GSRELAY_MEMBERS_LIMIT];
    size_t count = gsrelay_get_members(client, ids, GSRELAY_MEMBERS_LIMIT);
    struct gsrelay_room room;
    bool is_written = gsrelay_get_room(client, &room) == GSRELAY_OK;

    for (size_t i = 0; i < count && is_written; i++) {
        if (ids[i] != room.member)
            is_written = print_json(client, ids[i], false);
    }
    return is_written;
}

int print_own_quality(struct gsrelay_client *client, bool is_json)
{
    struct gsrelay_quality quality;
    struct gsrelay_room_time time;
    struct gsrelay_room room;

    if (gsrelay_get_room(client, &room) != GSRELAY_OK ||
        gsrelay_get_quality(client, room.member, &quality) != GSRELAY_OK ||
        gsrelay_get_room_time(client, &time) != GSRELAY_OK)
        return 0;
    if (is_json)
        return print_json(client, room.member, true) ? 1 : -1;
    return print_line("rtt=%u.%03u ms jitter=%u.%03u ms loss up=%u.%02u%% down=%u.%02u%% "
                      "queue=%u.%03u ms room time=%llu.%06u s (+-%u.%03u ms)",
                      quality.rtt_us / 1000, quality.rtt_us % 1000, quality.jitter_us / 1000,
                      quality.jitter_us % 1000, quality.loss_up_ppm / 10000,
                      quality.loss_up_ppm / 100 % 100, quality.loss_down_ppm / 10000,
                      quality.loss_down_ppm / 100 % 100, quality.queue_us / 1000,
                      quality.queue_us % 1000, (unsigned long long)(time.time_us / 1000000),
                      (unsigned)(time.time_us % 1000000), time.error_us / 1000,
                      time.error_us % 1000)
               ? 1
               : -1;
}
