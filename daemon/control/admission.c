/* SPDX-License-Identifier: MIT */
#include "daemon/control/admission.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define PLACES_MIN    1024u
#define SECOND_NS     UINT64_C(1000000000)
#define SPREAD_FACTOR 4u /* Places for each connection, so that few addresses share one. */

void admission_init(struct admission *admission, struct arena *arena, uint32_t connections_max,
                    const uint8_t key[16])
{
    uint32_t count = PLACES_MIN;

    while (count / SPREAD_FACTOR < connections_max && count < (UINT32_C(1) << 30)) {
        count *= 2;
    }
    *admission = (struct admission){.place_mask = count - 1};
    memcpy(admission->key, key, sizeof(admission->key));
    admission->places = arena_take(arena, count, sizeof(*admission->places));
}

uint32_t admission_place(const struct admission *admission, const struct addr *peer)
{
    static_assert(crypto_shorthash_KEYBYTES == sizeof(admission->key), "SipHash has 16 byte keys");
    uint64_t prefix = addr_prefix_key(peer);
    uint8_t bytes[sizeof(prefix)];
    uint64_t hash = 0;

    memcpy(bytes, &prefix, sizeof(bytes));
    crypto_shorthash((unsigned char *)&hash, bytes, sizeof(bytes), admission->key);
    return (uint32_t)hash & admission->place_mask;
}

struct admission_answer admission_enter(struct admission *admission, uint32_t place_index,
                                        const struct control_limits *limits, uint64_t now_ns)
{
    struct admission_place *place = &admission->places[place_index];
    struct admission_answer answer = {.reason = REASON_NONE};
    uint64_t interval_ns = rate_interval(limits->accepts_per_ip_s, SECOND_NS);

    /* The rate comes first: it bounds how often the other refusals are answered at all. */
    if (!rate_take(&place->accepts, interval_ns, limits->accepts_per_ip_burst, now_ns,
                   &answer.retry_ns)) {
        answer.reason = REASON_ACCEPTS_PER_IP;
        answer.limit = limits->accepts_per_ip_s;
        answer.is_silent = true;
        return answer;
    }
    answer.retry_ns = admission_lockout_ns(admission, place_index, now_ns);
    if (answer.retry_ns > 0) {
        answer.reason = REASON_LOCKOUT;
        answer.limit = limits->fail_limit;
        return answer;
    }
    if (place->connection_count >= limits->connections_per_ip) {
        answer.reason = REASON_CONNECTIONS_PER_IP;
        answer.limit = limits->connections_per_ip;
        answer.retry_ns = SECOND_NS;
        return answer;
    }
    place->connection_count++;
    return answer;
}

void admission_leave(struct admission *admission, uint32_t place_index)
{
    assert(admission->places[place_index].connection_count > 0);
    admission->places[place_index].connection_count--;
}

bool admission_session_enter(struct admission *admission, uint32_t place_index,
                             const struct control_limits *limits)
{
    struct admission_place *place = &admission->places[place_index];

    if (place->session_count / ADMISSION_SESSIONS_FACTOR >= limits->connections_per_ip) {
        return false;
    }
    place->session_count++;
    return true;
}

void admission_session_leave(struct admission *admission, uint32_t place_index)
{
    assert(admission->places[place_index].session_count > 0);
    admission->places[place_index].session_count--;
}

void admission_session_move(struct admission *admission, uint32_t from, uint32_t to)
{
    admission_session_leave(admission, from);
    admission->places[to].session_count++;
}

bool admission_fail(struct admission *admission, uint32_t place_index,
                    const struct control_limits *limits, uint64_t now_ns)
{
    struct admission_place *place = &admission->places[place_index];

    if (now_ns >= place->fail_window_end_ns) {
        place->fail_window_end_ns = now_ns + limits->fail_window_ns;
        place->fail_count = 0;
    }
    place->fail_count++;
    if (place->fail_count < limits->fail_limit) {
        return false;
    }
    place->fail_count = 0;
    place->fail_window_end_ns = 0;
    place->lockout_end_ns = now_ns + limits->lockout_ns;
    return true;
}

uint64_t admission_lockout_ns(const struct admission *admission, uint32_t place_index,
                              uint64_t now_ns)
{
    uint64_t end_ns = admission->places[place_index].lockout_end_ns;

    return end_ns > now_ns ? end_ns - now_ns : 0;
}

bool admission_may_guess(const struct admission *admission, uint32_t place_index, uint64_t now_ns,
                         uint64_t *retry_ns_out)
{
    return rate_has(&admission->places[place_index].misses, ADMISSION_MISS_INTERVAL_NS,
                    ADMISSION_MISS_BURST, now_ns, retry_ns_out);
}

void admission_miss(struct admission *admission, uint32_t place_index, uint64_t now_ns)
{
    uint64_t retry_ns = 0;

    (void)rate_take(&admission->places[place_index].misses, ADMISSION_MISS_INTERVAL_NS,
                    ADMISSION_MISS_BURST, now_ns, &retry_ns);
}

void admission_rooms_leave(struct admission *admission, uint32_t place_index, struct rate rate)
{
    struct rate *carried = &admission->places[place_index].rooms_created;

    if (rate.full_ns > carried->full_ns) {
        *carried = rate;
    }
}

struct rate admission_rooms_enter(const struct admission *admission, uint32_t place_index)
{
    return admission->places[place_index].rooms_created;
}
