/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "daemon/core/core_internal.h"

#define PAGE 4096

static size_t count_touched(const struct fixture *f)
{
    static const uint8_t zeros[PAGE] = {0};
    const uint8_t *bytes = f->memory;
    size_t pages = 0;

    for (size_t at = 0; at + PAGE <= f->memory_size; at += PAGE) {
        pages += memcmp(bytes + at, zeros, PAGE) != 0;
    }
    return pages * PAGE;
}

static void core__for_very_many__touches_only_what_is_in_use(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    struct client b;
    (void)state;

    limits.slots_max = 100000;
    limits.rooms_max = 1000;
    fixture_open(&f, &limits);
    f.is_unchecked = true;
    assert_true(f.memory_size > (size_t)100 * 1024 * 1024);
    assert_true(count_touched(&f) < (size_t)128 * 1024);
    client_create(&f, &a, 1, 0);
    client_join(&f, &b, 2, &a);
    client_bind(&f, &a);
    client_bind(&f, &b);
    for (unsigned count = 0; count < 1000; count++) {
        client_send_record(&f, &a, MEMBER_ALL, 1, false, "x", 1);
        client_send_record(&f, &a, MEMBER_ALL, 0, false, "x", 1);
        fixture_settle(&f);
        fixture_forget(&f);
    }
    assert_true(count_touched(&f) < (size_t)512 * 1024);
    fixture_close(&f);
}

static void core__members_come_and_go__needs_no_more_memory(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    struct client b;
    uint32_t slots = 0;
    uint32_t cells = 0;
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    client_bind(&f, &a);
    for (unsigned count = 0; count < 2000; count++) {
        struct command command;

        client_join(&f, &b, 2, &a);
        client_bind(&f, &b);
        client_send_record(&f, &b, MEMBER_ALL, 1, true, "x", 1);
        client_send_record(&f, &a, MEMBER_ALL, 0, false, "x", 1);
        command = client_command(&b, COMMAND_LEAVE);
        fixture_command(&f, &command);
        f.now_ns += 10 * MS;
        fixture_settle(&f);
        fixture_forget(&f);
        if (count == 500) {
            slots = f.core->slot_pool.fresh;
            cells = f.core->cells.pool.fresh;
        }
    }
    assert_int_equal(f.core->slot_pool.fresh, slots);
    assert_in_range(slots, SLOT_REST_MIN, SLOT_REST_MIN + 4);
    assert_int_equal(f.core->cells.pool.fresh, cells);
    assert_in_range(cells, 1, 4);
    fixture_close(&f);
}

static void core__same_calls__same_bytes(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f[2];
    struct client a[2];
    struct client b[2];
    (void)state;

    for (unsigned index = 0; index < 2; index++) {
        fixture_open(&f[index], &limits);
        client_create(&f[index], &a[index], 1, 0);
        client_join(&f[index], &b[index], 2, &a[index]);
        client_bind(&f[index], &a[index]);
        client_bind(&f[index], &b[index]);
        client_send_record(&f[index], &a[index], MEMBER_ALL, 1, true, "x", 1);
        fixture_settle(&f[index]);
    }
    assert_int_equal(f[0].sent_count, 1);
    assert_int_equal(f[1].sent_count, 1);
    assert_int_equal(f[0].sent[0].size, f[1].sent[0].size);
    assert_memory_equal(f[0].sent[0].bytes, f[1].sent[0].bytes, f[0].sent[0].size);
    fixture_close(&f[0]);
    fixture_close(&f[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core__for_very_many__touches_only_what_is_in_use),
        cmocka_unit_test(core__members_come_and_go__needs_no_more_memory),
        cmocka_unit_test(core__same_calls__same_bytes),
    };

    return RUN_TESTS(tests);
}
