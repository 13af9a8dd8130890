/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/client/fake_relay.h"

#define BLOB_BYTES 20000u
#define OWN        2

static struct fake_link link;
static uint8_t saved[BLOB_BYTES];
static uint8_t read[BLOB_BYTES];
static uint16_t frame_max = 4096;

/* In a room, as its host or not, with a relay that keeps blobs or not. */
static void join(uint16_t host, uint32_t features, uint32_t blob_bytes)
{
    struct gsrelay_options options;

    gsrelay_options_init(&options);
    options.blob_bytes = blob_bytes;
    fake_link_open(&link, &options);
    link.relay.membership.host = host;
    link.relay.features = features;
    link.relay.frame_max = frame_max;
    fake_link_join(&link);
    (void)fake_link_drain(&link);
    for (size_t i = 0; i < sizeof(saved); i++)
        saved[i] = (uint8_t)(i * 7 + i / 256);
}

static int tear_down(void **state)
{
    (void)state;
    fake_link_close(&link);
    return 0;
}

static void become_host(uint32_t host_epoch)
{
    struct control_message changed = {.type = CONTROL_HOST_CHANGED,
                                      .host_changed = {OWN, host_epoch}};

    fake_relay_send(&link.relay, &changed);
}

static void send_part(uint32_t version, uint32_t total, uint32_t offset, uint32_t size)
{
    struct control_message part = {.type = CONTROL_BLOB_PART,
                                   .blob = {version, total, offset, {saved + offset, size}}};

    fake_relay_send(&link.relay, &part);
}

static void send_parts(uint32_t version, uint32_t total, uint32_t begin, uint32_t end)
{
    for (uint32_t offset = begin; offset < end; offset += 1000)
        send_part(version, total, offset, end - offset < 1000 ? end - offset : 1000);
}

static void expect_blob(uint32_t size)
{
    struct gsrelay_event event;

    fake_link_turn(&link);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_BLOB, &event));
    assert_int_equal(event.blob_bytes, size);
    assert_int_equal(event.reason, 0);
    assert_int_equal(gsrelay_get_blob(link.client, read, sizeof(read)), size);
    assert_memory_equal(read, saved, size);
    assert_false(fake_link_event(&link, GSRELAY_EVENT_BLOB, NULL));
}

static void expect_failed(int32_t request, uint32_t reason, uint32_t limit)
{
    struct gsrelay_event event;

    fake_link_turn(&link);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_REQUEST_FAILED, &event));
    assert_int_equal(event.request, request);
    assert_int_equal(event.reason, reason);
    assert_int_equal(event.limit, limit);
}

/* --- Up -------------------------------------------------------------------------------------- */

static void set__whole__goes_up_in_pieces_that_fit(void **state)
{
    struct gsrelay_event event;
    uint32_t offset = 0;
    int32_t request;

    (void)state;
    join(OWN, FEATURE_BLOBS, BLOB_BYTES);
    link.relay.request_count = 0;
    request = gsrelay_set_blob(link.client, saved, sizeof(saved));
    assert_true(request > 0);
    fake_link_turn(&link);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_REQUEST_DONE, &event));
    assert_int_equal(event.request, request);
    for (unsigned i = 0; i < link.relay.request_count; i++) {
        const struct control_message *piece = &link.relay.requests[i];
        assert_int_equal(piece->type, CONTROL_BLOB_PUT);
        assert_int_equal(piece->host_epoch, 1);
        assert_int_equal(piece->blob.version, 1);
        assert_int_equal(piece->blob.total, sizeof(saved));
        assert_int_equal(piece->blob.offset, offset);
        assert_int_equal(piece->blob.bytes.size == 0, i == 0);
        assert_in_range(piece->blob.bytes.size, 0, 4096 - 39);
        assert_memory_equal(piece->blob.bytes.at, saved + offset, piece->blob.bytes.size);
        offset += (uint32_t)piece->blob.bytes.size;
    }
    assert_int_equal(offset, sizeof(saved));
    assert_int_equal(link.relay.request_count, 1 + 5);
    request = gsrelay_set_blob(link.client, NULL, 0);
    fake_link_turn(&link);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_REQUEST_DONE, &event));
    assert_int_equal(event.request, request);
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_BLOB_PUT)->blob.total, 0);
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_BLOB_PUT)->blob.version, 2);
}

static void set__frames_are_short__so_are_the_pieces(void **state)
{
    (void)state;
    frame_max = 139;
    join(OWN, FEATURE_BLOBS, BLOB_BYTES);
    assert_true(gsrelay_set_blob(link.client, saved, 250) > 0);
    fake_link_turn(&link);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_REQUEST_DONE, NULL));
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_BLOB_PUT)->blob.offset, 200);
    fake_link_close(&link);
    frame_max = 0;
    join(OWN, FEATURE_BLOBS, BLOB_BYTES);
    frame_max = 4096;
    assert_true(gsrelay_set_blob(link.client, saved, 3) > 0);
    fake_link_turn(&link);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_REQUEST_DONE, NULL));
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_BLOB_PUT)->blob.offset, 2);
}

static void set__what_cannot_be__is_refused_at_once(void **state)
{
    (void)state;
    join(OWN, FEATURE_BLOBS, BLOB_BYTES);
    assert_int_equal(gsrelay_set_blob(link.client, NULL, 1), GSRELAY_INVALID);
    assert_int_equal(gsrelay_set_blob(link.client, saved, sizeof(saved) + 1), GSRELAY_TOO_LARGE);
    assert_true(gsrelay_set_blob(link.client, saved, 100) > 0);
    assert_int_equal(gsrelay_set_blob(link.client, saved, 100), GSRELAY_BUSY);
    fake_link_turn(&link);
    assert_true(gsrelay_leave(link.client) > 0);
    fake_link_turn(&link);
    assert_int_equal(gsrelay_set_blob(link.client, saved, 100), GSRELAY_WRONG_STATE);
    fake_link_close(&link);
    join(OWN, FEATURE_BLOBS, 0);
    assert_int_equal(gsrelay_set_blob(link.client, saved, 0), GSRELAY_TOO_LARGE);
}

static void set__refused_by_the_relay__fails_once(void **state)
{
    int32_t request;

    (void)state;
    join(OWN, 0, BLOB_BYTES);
    link.relay.is_answering = false;
    request = gsrelay_set_blob(link.client, saved, 1000);
    fake_link_turn(&link);
    fake_relay_send_error(&link.relay, fake_relay_request(&link.relay, CONTROL_BLOB_PUT)->request,
                          REASON_BLOB_SIZE, 512, 0);
    expect_failed(request, GSRELAY_REASON_BLOB_SIZE, 512);
    assert_false(fake_link_event(&link, GSRELAY_EVENT_REQUEST_FAILED, NULL));
    assert_true(gsrelay_set_blob(link.client, saved, 500) > 0);
}

static void set__relay_is_busy__same_piece_goes_again_in_its_time(void **state)
{
    unsigned before;

    (void)state;
    join(OWN, FEATURE_BLOBS, BLOB_BYTES);
    link.relay.is_answering = false;
    assert_true(gsrelay_set_blob(link.client, saved, 1000) > 0);
    fake_link_turn(&link);
    before = link.relay.request_count;
    fake_relay_send_error(&link.relay, fake_relay_request(&link.relay, CONTROL_BLOB_PUT)->request,
                          REASON_COMMAND_RATE, 20, 50);
    link.relay.is_answering = true;
    fake_link_turn(&link);
    fake_link_pass(&link, 49 * FAKE_MS);
    assert_int_equal(link.relay.request_count, before);
    fake_link_pass(&link, 2 * FAKE_MS);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_REQUEST_DONE, NULL));
    assert_int_equal(link.relay.request_count, before + 2);
}

static void set__connection_breaks_on_the_way__fails(void **state)
{
    int32_t request;

    (void)state;
    join(OWN, FEATURE_BLOBS, BLOB_BYTES);
    link.relay.is_answering = false;
    request = gsrelay_set_blob(link.client, saved, 1000);
    fake_link_turn(&link);
    fake_link_break(&link);
    expect_failed(request, GSRELAY_REASON_CONNECTION_LOST, 0);
    link.relay.is_answering = true;
    link.relay.is_in_room = true;
    request = gsrelay_set_blob(link.client, saved, 1000); /* Waits for the next connection. */
    assert_true(request > 0);
    fake_link_pass(&link, 5 * FAKE_S);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_REQUEST_DONE, NULL));
}

static void set__room_is_left_on_the_way__fails(void **state)
{
    struct control_message removed = {.type = CONTROL_REMOVED, .reason = REASON_KICKED};
    int32_t request;

    (void)state;
    join(OWN, FEATURE_BLOBS, BLOB_BYTES);
    link.relay.is_answering = false;
    request = gsrelay_set_blob(link.client, saved, 1000);
    fake_link_turn(&link);
    fake_relay_send(&link.relay, &removed);
    expect_failed(request, GSRELAY_REASON_NOT_IN_ROOM, 0);
    fake_relay_send_error(&link.relay, fake_relay_request(&link.relay, CONTROL_BLOB_PUT)->request,
                          REASON_NOT_IN_ROOM, 0, 0);
    fake_link_turn(&link);
    assert_false(fake_link_event(&link, GSRELAY_EVENT_REQUEST_FAILED, NULL));
}

/* --- Down ------------------------------------------------------------------------------------ */

static void parts__whole__are_told_once(void **state)
{
    (void)state;
    join(1, FEATURE_BLOBS, BLOB_BYTES);
    become_host(2);
    send_parts(7, BLOB_BYTES, 0, BLOB_BYTES);
    expect_blob(BLOB_BYTES);
    assert_int_equal(gsrelay_get_blob(link.client, read, 3), BLOB_BYTES);
}

/* The connection breaks and the session goes on, in a room where nothing has changed. */
static void resume(uint32_t host_epoch)
{
    link.relay.membership.host = OWN;
    link.relay.membership.host_epoch = host_epoch;
    link.relay.is_in_room = true;
    fake_link_break(&link);
    fake_link_pass(&link, 5 * FAKE_S);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_RESUMED, NULL));
}

static void expect_no_blob(void)
{
    fake_link_turn(&link);
    assert_false(fake_link_event(&link, GSRELAY_EVENT_BLOB, NULL));
    assert_int_equal(gsrelay_get_state(link.client), GSRELAY_STATE_CONNECTED);
}

static void parts__again_after_a_resume__are_passed_over(void **state)
{
    (void)state;
    join(1, FEATURE_BLOBS, BLOB_BYTES);
    become_host(2);
    send_parts(7, BLOB_BYTES, 0, BLOB_BYTES);
    expect_blob(BLOB_BYTES);
    resume(2);
    send_parts(7, BLOB_BYTES, 0, BLOB_BYTES - 1);
    expect_no_blob();
    assert_int_equal(gsrelay_get_blob(link.client, read, sizeof(read)), BLOB_BYTES);
    send_part(7, BLOB_BYTES, BLOB_BYTES - 1, 1);
    expect_no_blob();
}

static void parts__half_before_a_resume__are_told_after_it(void **state)
{
    (void)state;
    join(1, FEATURE_BLOBS, BLOB_BYTES);
    become_host(2);
    send_parts(7, BLOB_BYTES, 0, BLOB_BYTES / 2);
    fake_link_turn(&link);
    resume(2);
    expect_no_blob();
    send_parts(7, BLOB_BYTES, 0, BLOB_BYTES);
    expect_blob(BLOB_BYTES);
}

static void parts__to_the_creator__are_passed_over(void **state)
{
    (void)state;
    join(1, FEATURE_BLOBS, BLOB_BYTES);
    assert_true(gsrelay_leave(link.client) > 0);
    fake_link_turn(&link);
    link.relay.membership.host = OWN;
    assert_true(gsrelay_create_room(link.client, NULL) > 0);
    fake_link_turn(&link);
    resume(1);
    send_part(0, 0, 0, 0);
    expect_no_blob();
    /* The answer to CREATE is lost, and that to ROOM_STATE takes its place. */
    assert_true(gsrelay_leave(link.client) > 0);
    fake_link_turn(&link);
    link.relay.is_answering = false;
    assert_true(gsrelay_create_room(link.client, NULL) > 0);
    fake_link_turn(&link);
    link.relay.is_answering = true;
    link.relay.is_in_room = true;
    fake_link_break(&link);
    fake_link_pass(&link, 5 * FAKE_S);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_ROOM_JOINED, NULL));
    send_part(0, 0, 0, 0);
    expect_no_blob();
}

static void parts__host_again_in_another_epoch__are_told_again(void **state)
{
    const struct control_message changed = {.type = CONTROL_HOST_CHANGED, .host_changed = {1, 3}};
    struct gsrelay_event event;

    (void)state;
    join(1, FEATURE_BLOBS, BLOB_BYTES);
    become_host(2);
    send_parts(7, 3000, 0, 3000);
    expect_blob(3000);
    fake_relay_send(&link.relay, &changed);
    become_host(4);
    send_parts(7, 3000, 0, 3000);
    fake_link_turn(&link);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_BLOB, &event));
    assert_int_equal(event.host_epoch, 4);
    assert_int_equal(event.blob_bytes, 3000);
}

static void parts__same_epoch_of_another_room__are_told(void **state)
{
    (void)state;
    join(1, FEATURE_BLOBS, BLOB_BYTES);
    become_host(2);
    send_parts(7, 3000, 0, 3000);
    expect_blob(3000);
    assert_true(gsrelay_leave(link.client) > 0);
    fake_link_turn(&link);
    assert_true(gsrelay_join_room(link.client, "CDFHJK") > 0);
    fake_link_turn(&link);
    become_host(2);
    send_parts(7, 2000, 0, 2000);
    expect_blob(2000);
}

static void parts__after_a_blob_of_our_own__are_passed_over(void **state)
{
    (void)state;
    join(1, FEATURE_BLOBS, BLOB_BYTES);
    become_host(2);
    send_parts(7, 3000, 0, 2000);
    fake_link_turn(&link);
    (void)fake_link_drain(&link);
    assert_true(gsrelay_set_blob(link.client, NULL, 0) > 0);
    fake_link_turn(&link);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_REQUEST_DONE, NULL));
    resume(2);
    send_part(0, 0, 0, 0); /* It is removed, says the relay, and that is no news. */
    expect_no_blob();
}

static void parts__none_there__is_told(void **state)
{
    (void)state;
    join(1, FEATURE_BLOBS, BLOB_BYTES);
    become_host(2);
    fake_link_turn(&link);
    assert_false(fake_link_event(&link, GSRELAY_EVENT_BLOB, NULL));
    send_part(0, 0, 0, 0);
    expect_blob(0);
}

static void parts__relay_without_blobs__none_is_told_by_the_library(void **state)
{
    (void)state;
    join(1, 0, BLOB_BYTES);
    become_host(2);
    expect_blob(0);
}

static void parts__client_without_blobs__are_passed_over(void **state)
{
    (void)state;
    join(1, FEATURE_BLOBS, 0);
    become_host(2);
    send_parts(7, BLOB_BYTES, 0, BLOB_BYTES);
    fake_link_turn(&link);
    assert_false(fake_link_event(&link, GSRELAY_EVENT_BLOB, NULL));
    assert_int_equal(gsrelay_get_state(link.client), GSRELAY_STATE_CONNECTED);
}

static void parts__half__are_never_told(void **state)
{
    struct control_message changed = {.type = CONTROL_HOST_CHANGED, .host_changed = {1, 3}};

    (void)state;
    join(1, FEATURE_BLOBS, BLOB_BYTES);
    become_host(2);
    send_parts(7, BLOB_BYTES, 0, BLOB_BYTES - 1);
    fake_link_turn(&link);
    assert_false(fake_link_event(&link, GSRELAY_EVENT_BLOB, NULL));
    assert_int_equal(gsrelay_get_blob(link.client, read, sizeof(read)), 0);
    fake_relay_send(&link.relay, &changed); /* The role goes on. */
    send_part(7, BLOB_BYTES, BLOB_BYTES - 1, 1);
    fake_link_turn(&link);
    assert_false(fake_link_event(&link, GSRELAY_EVENT_BLOB, NULL));
    become_host(4);
    send_parts(8, 3000, 0, 3000); /* From the start, and another one. */
    expect_blob(3000);
}

static void parts__larger_than_the_client_takes__are_told_and_not_kept(void **state)
{
    struct gsrelay_event event;

    (void)state;
    join(1, FEATURE_BLOBS, 999);
    become_host(2);
    send_parts(7, BLOB_BYTES, 0, BLOB_BYTES);
    fake_link_turn(&link);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_BLOB, &event));
    assert_int_equal(event.blob_bytes, BLOB_BYTES);
    assert_int_equal(event.reason, GSRELAY_REASON_BLOB_SIZE);
    assert_int_equal(gsrelay_get_blob(link.client, read, sizeof(read)), 0);
}

static void assert_fault(uint32_t version, uint32_t total, uint32_t offset, uint32_t size)
{
    struct gsrelay_event event;

    join(1, FEATURE_BLOBS, BLOB_BYTES);
    become_host(2);
    send_part(7, 3000, 0, 1000);
    send_part(version, total, offset, size);
    fake_link_turn(&link);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_CONNECTION_LOST, &event));
    assert_int_equal(event.reason, GSRELAY_REASON_BAD_MESSAGE);
    fake_link_close(&link);
}

static void parts__that_do_not_fit__end_the_connection(void **state)
{
    (void)state;
    assert_fault(8, 3000, 1000, 1000);
    assert_fault(7, 3001, 1000, 1000);
    assert_fault(7, 3000, 1001, 1000);
    assert_fault(7, 3000, 1000, 0);
    assert_fault(7, 500, 0, 501);
    join(1, FEATURE_BLOBS, BLOB_BYTES);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(set__whole__goes_up_in_pieces_that_fit),
        TEST(set__frames_are_short__so_are_the_pieces),
        TEST(set__what_cannot_be__is_refused_at_once),
        TEST(set__refused_by_the_relay__fails_once),
        TEST(set__relay_is_busy__same_piece_goes_again_in_its_time),
        TEST(set__connection_breaks_on_the_way__fails),
        TEST(set__room_is_left_on_the_way__fails),
        TEST(parts__whole__are_told_once),
        TEST(parts__again_after_a_resume__are_passed_over),
        TEST(parts__half_before_a_resume__are_told_after_it),
        TEST(parts__to_the_creator__are_passed_over),
        TEST(parts__host_again_in_another_epoch__are_told_again),
        TEST(parts__same_epoch_of_another_room__are_told),
        TEST(parts__after_a_blob_of_our_own__are_passed_over),
        TEST(parts__none_there__is_told),
        TEST(parts__relay_without_blobs__none_is_told_by_the_library),
        TEST(parts__client_without_blobs__are_passed_over),
        TEST(parts__half__are_never_told),
        TEST(parts__larger_than_the_client_takes__are_told_and_not_kept),
        TEST(parts__that_do_not_fit__end_the_connection),
    };
#undef TEST

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
