/* SPDX-License-Identifier: MIT */
/* What comes over TCP, by the first byte: a request, an answer or event, a first flight, an answer
 * to one, or a stream of frames that is cut in two ways. Whatever is accepted is written again and
 * must come out the same. */
#include <stdbool.h>
#include <string.h>

#include "proto/control_message.h"
#include "proto/frame.h"
#include "proto/hello.h"
#include "tests/fuzz/fuzz.h"

static void try_message(enum control_direction direction, const uint8_t *bytes, size_t size)
{
    static uint8_t first[CONTROL_FRAME_SIZE_MAX + CONTROL_HEAD_SIZE + 18];
    static uint8_t second[sizeof(first)];
    struct control_message message;
    struct control_message again;
    int first_size = 0;

    if (control_message_decode(direction, bytes, size, &message) != REASON_NONE) {
        return;
    }
    first_size = control_message_encode(&message, first, sizeof(first));
    FUZZ_REQUIRE(first_size >= CONTROL_HEAD_SIZE && (size_t)first_size <= size);
    FUZZ_REQUIRE(memcmp(first, bytes, (size_t)first_size) == 0);
    FUZZ_REQUIRE(control_message_decode(direction, first, (size_t)first_size, &again) ==
                 REASON_NONE);
    FUZZ_REQUIRE(control_message_encode(&again, second, sizeof(second)) == first_size);
    FUZZ_REQUIRE(memcmp(first, second, (size_t)first_size) == 0);
    FUZZ_REQUIRE(strcmp(control_type_name(message.type), "unknown") != 0);
}

static void try_hello(const uint8_t *bytes, size_t size)
{
    uint8_t again[HELLO_SIZE_MAX];
    struct hello hello;
    size_t offset = 0;

    if (hello_decode(bytes, size, &hello) != REASON_NONE) {
        return;
    }
    FUZZ_REQUIRE(size <= HELLO_BODY_MAX && size >= HELLO_BODY_MIN);
    offset = hello_begin(hello.mode, hello.name.at, hello.name.size, again);
    memcpy(again + offset, hello.noise_message, HELLO_NOISE_SIZE);
    FUZZ_REQUIRE(offset + HELLO_NOISE_SIZE == size + 2 && memcmp(again + 2, bytes, size) == 0);
    FUZZ_REQUIRE(again[0] << 8 == (int)(size & 0xff00) && again[1] == (size & 0xff));
    FUZZ_REQUIRE(hello.prologue.at == bytes && hello.prologue.size == offset - 2);
}

static void try_answer(const uint8_t *bytes, size_t size)
{
    struct hello_answer answer;

    if (hello_answer_decode(bytes, size, &answer)) {
        FUZZ_REQUIRE((answer.status == HELLO_ACCEPTED) == (answer.noise_message != NULL));
        FUZZ_REQUIRE(answer.status != HELLO_ACCEPTED || size == 2 + HELLO_NOISE_SIZE);
    }
}

#define FRAME_LIMIT 64

/* Feeds the stream in pieces of step bytes; returns a sum over frames, their sizes and bytes. */
static uint64_t sum_frames(const uint8_t *bytes, size_t size, size_t step)
{
    struct frame_reader reader;
    uint8_t buffer[FRAME_LIMIT];
    uint64_t sum = 0;
    size_t at = 0;

    frame_reader_init(&reader, 1, FRAME_LIMIT);
    while (at < size) {
        const size_t piece = size - at < step ? size - at : step;
        size_t taken = 0;
        size_t frame_size = 0;
        const enum frame_result result =
            frame_reader_feed(&reader, buffer, bytes + at, piece, &taken, &frame_size);

        FUZZ_REQUIRE(taken <= piece && (taken == piece || result != FRAME_MORE));
        at += taken;
        if (result == FRAME_BAD) {
            return sum * 31 + 7;
        }
        if (result == FRAME_READY) {
            FUZZ_REQUIRE(frame_size >= 1 && frame_size <= FRAME_LIMIT);
            sum = sum * 31 + frame_size;
            for (size_t index = 0; index < frame_size; index++) {
                sum = sum * 31 + buffer[index];
            }
        }
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    if (size == 0) {
        return 0;
    }
    switch (input[0] % 5) {
    case 0:
        try_message(CONTROL_UP, input + 1, size - 1);
        break;
    case 1:
        try_message(CONTROL_DOWN, input + 1, size - 1);
        break;
    case 2:
        try_hello(input + 1, size - 1);
        break;
    case 3:
        try_answer(input + 1, size - 1);
        break;
    default:
        FUZZ_REQUIRE(sum_frames(input + 1, size - 1, 1) == sum_frames(input + 1, size - 1, size));
        FUZZ_REQUIRE(sum_frames(input + 1, size - 1, 3) == sum_frames(input + 1, size - 1, size));
        break;
    }
    return 0;
}
