/* SPDX-License-Identifier: MIT */
#include "client/tools/tool.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/os/os.h"

/* What is read ahead of what could be sent; then the thread waits, and so does whoever writes. */
#define RING_SIZE 65536u

struct input {
    struct os_mutex *mutex;
    struct os_condition *has_room;
    struct os_thread *thread;
    size_t start;
    size_t used;
    bool is_ended;
    char ring[RING_SIZE];

    /* The taker's alone. */
    bool is_skipping; /* Inside a line that was too long. */
    unsigned too_long;
};

static void put(struct input *input, const char *bytes, size_t size)
{
    os_mutex_lock(input->mutex);
    while (size > 0) {
        while (input->used == RING_SIZE)
            os_condition_wait(input->has_room, input->mutex, UINT64_MAX);
        input->ring[(input->start + input->used) % RING_SIZE] = *bytes++;
        input->used++;
        size--;
    }
    os_mutex_unlock(input->mutex);
}

static void read_all(void *context)
{
    struct input *input = context;
    char bytes[4096];
    int size;

    while ((size = os_stdin_read(bytes, sizeof(bytes))) > 0)
        put(input, bytes, (size_t)size);
    os_mutex_lock(input->mutex);
    input->is_ended = true;
    os_mutex_unlock(input->mutex);
}

/* Nothing but the end of the process ends a read that nobody answers; so the thread may still sit
 * in one when the program is done, and its memory is never freed. */
struct input *input_open(void)
{
    static struct input input;

    input.mutex = os_mutex_create();
    input.has_room = os_condition_create();
    if (input.mutex == NULL || input.has_room == NULL ||
        os_thread_create(read_all, &input, "stdin", &input.thread) < 0)
        return NULL;
    return &input;
}

void input_close(struct input *input)
{
    bool is_ended;

    if (input == NULL)
        return;
    os_mutex_lock(input->mutex);
    is_ended = input->is_ended;
    os_mutex_unlock(input->mutex);
    if (!is_ended) {
        os_thread_abandon(input->thread);
        return;
    }
    os_thread_join(input->thread);
    os_condition_destroy(input->has_room);
    os_mutex_destroy(input->mutex);
}

static void drop(struct input *input, size_t size)
{
    input->start = (input->start + size) % RING_SIZE;
    input->used -= size;
    os_condition_signal(input->has_room);
}

/* The size of the first line with its end; the rest at the end of input counts as a line. 0 when
 * the line is not there yet. */
static size_t first_line(const struct input *input)
{
    for (size_t i = 0; i < input->used; i++) {
        if (input->ring[(input->start + i) % RING_SIZE] == '\n')
            return i + 1;
    }
    return input->is_ended ? input->used : 0;
}

static size_t copy_line(const struct input *input, size_t size, char *out)
{
    for (size_t i = 0; i < size; i++)
        out[i] = input->ring[(input->start + i) % RING_SIZE];
    if (size > 0 && out[size - 1] == '\n')
        size--;
    if (size > 0 && out[size - 1] == '\r')
        size--;
    return size;
}

/* With the mutex held. -3: something was thrown away, look again. */
static int take_line(struct input *input, char *out, size_t capacity)
{
    size_t size = first_line(input);
    int result = -3;

    if (size == 0 && input->used < RING_SIZE)
        return input->is_ended ? -2 : -1;
    if (input->is_skipping || size == 0 || size > capacity) {
        if (!input->is_skipping)
            input->too_long++;
        /* A line that fills the ring goes on behind it. */
        input->is_skipping = size == 0;
        if (size == 0)
            size = input->used;
    } else {
        result = (int)copy_line(input, size, out);
    }
    drop(input, size);
    return result;
}

int input_next(struct input *input, char *out, size_t capacity)
{
    int result;

    os_mutex_lock(input->mutex);
    do {
        result = take_line(input, out, capacity);
    } while (result == -3);
    os_mutex_unlock(input->mutex);
    return result;
}

unsigned input_too_long(const struct input *input)
{
    return input->too_long;
}
