/* SPDX-License-Identifier: MIT */
#include "daemon/log/log_stream.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/os/os.h"

/* Written at once; keeps the time for which a piece of the ring is taken short. */
#define WRITE_BYTES_MAX 16384u

struct stream {
    log_stream_write *write;
    void *context;
    struct os_thread *thread;
    struct os_mutex *mutex;
    struct os_condition *has_bytes; /* For the writer: bytes came, or the end. */
    struct os_condition *has_moved; /* For close: bytes went out, or the writer has ended. */
    bool is_closing;
    bool has_ended;  /* The writer has left its loop. */
    bool is_left;    /* Closing gave up; the writer frees the stream if it ever gets out. */
    bool has_failed; /* The last write failed. */
    int lost_lines;  /* Taken, not written, and not told to the log yet. */
    size_t head;     /* Where the next byte goes out; below ring_size. */
    size_t count;    /* Bytes in the ring. */
    size_t ring_size;
    char ring[];
};

/* Waits for bytes; returns how many lie in one piece at the head, 0 at the end. */
static size_t wait_for_piece(struct stream *stream)
{
    while (stream->count == 0 && !stream->is_closing) {
        (void)os_condition_wait(stream->has_bytes, stream->mutex, UINT64_MAX);
    }
    size_t piece = stream->ring_size - stream->head;
    if (piece > stream->count) {
        piece = stream->count;
    }
    return piece < WRITE_BYTES_MAX ? piece : WRITE_BYTES_MAX;
}

static void free_stream(struct stream *stream)
{
    os_condition_destroy(stream->has_moved);
    os_condition_destroy(stream->has_bytes);
    os_mutex_destroy(stream->mutex);
    free(stream);
}

static int count_lines(const char *bytes, size_t size)
{
    int count = 0;
    for (size_t i = 0; i < size; i++) {
        count += bytes[i] == '\n';
    }
    return count;
}

static void run_writer(void *context)
{
    struct stream *stream = context;
    os_mutex_lock(stream->mutex);
    for (;;) {
        size_t piece = wait_for_piece(stream);
        if (piece == 0) {
            break;
        }
        /* Nobody else moves the head, and what lies before the tail is not overwritten, so the
         * bytes stay as they are without the lock. */
        os_mutex_unlock(stream->mutex);
        int result = stream->write(stream->context, stream->ring + stream->head, piece);
        os_mutex_lock(stream->mutex);
        stream->has_failed = result != 0;
        if (result != 0) {
            stream->lost_lines += count_lines(stream->ring + stream->head, piece);
        }
        stream->head = (stream->head + piece) % stream->ring_size;
        stream->count -= piece;
        os_condition_signal(stream->has_moved);
    }
    stream->has_ended = true;
    bool is_left = stream->is_left;
    os_condition_signal(stream->has_moved);
    os_mutex_unlock(stream->mutex);
    if (is_left) {
        free_stream(stream);
    }
}

static void put_bytes(struct stream *stream, const char *bytes, size_t size)
{
    size_t tail = (stream->head + stream->count) % stream->ring_size;
    size_t first = stream->ring_size - tail;
    if (first > size) {
        first = size;
    }
    memcpy(stream->ring + tail, bytes, first);
    memcpy(stream->ring, bytes + first, size - first);
    stream->count += size;
}

static int write_line(void *context, const char *line, size_t size)
{
    struct stream *stream = context;
    int result = 0;
    os_mutex_lock(stream->mutex);
    if (size > stream->ring_size - stream->count) {
        result = RESULT_FULL;
    } else if (stream->has_failed && stream->count > 0) {
        /* With an empty ring the line is taken all the same: the stream may have come back. */
        result = RESULT_OS;
    } else {
        put_bytes(stream, line, size);
        os_condition_signal(stream->has_bytes);
        result = stream->lost_lines;
        stream->lost_lines = 0;
    }
    os_mutex_unlock(stream->mutex);
    return result;
}

/* Waits until the writer has ended, or nothing has moved for too long. */
static bool wait_for_end(struct stream *stream)
{
    uint64_t end_ns = os_clock_ns() + LOG_STREAM_CLOSE_NS;
    size_t count_before = stream->count;
    while (!stream->has_ended) {
        uint64_t now_ns = os_clock_ns();
        if (now_ns >= end_ns) {
            return false;
        }
        (void)os_condition_wait(stream->has_moved, stream->mutex, end_ns - now_ns);
        if (stream->count != count_before) {
            count_before = stream->count;
            end_ns = os_clock_ns() + LOG_STREAM_CLOSE_NS;
        }
    }
    return true;
}

static void close_stream(void *context)
{
    struct stream *stream = context;
    struct os_thread *thread = stream->thread;
    os_mutex_lock(stream->mutex);
    stream->is_closing = true;
    os_condition_signal(stream->has_bytes);
    bool has_ended = wait_for_end(stream);
    stream->is_left = !has_ended;
    os_mutex_unlock(stream->mutex);
    if (has_ended) {
        os_thread_join(thread);
        free_stream(stream);
    } else {
        os_thread_abandon(thread);
    }
}

int log_stream_open(log_stream_write *write, void *context, size_t ring_bytes, struct log_sink *out)
{
    struct stream *stream = calloc(1, sizeof(*stream) + ring_bytes);
    if (stream == NULL) {
        return RESULT_NO_MEMORY;
    }
    stream->write = write;
    stream->context = context;
    stream->ring_size = ring_bytes;
    stream->mutex = os_mutex_create();
    stream->has_bytes = os_condition_create();
    stream->has_moved = os_condition_create();
    if (stream->mutex == NULL || stream->has_bytes == NULL || stream->has_moved == NULL ||
        os_thread_create(run_writer, stream, "log", &stream->thread) != 0) {
        free_stream(stream);
        return RESULT_NO_MEMORY;
    }
    *out = (struct log_sink){.write = write_line, .close = close_stream, .context = stream};
    return 0;
}

static int write_stderr(void *context, const char *bytes, size_t size)
{
    (void)context;
    return os_stderr_write(bytes, size);
}

int log_stderr_open(struct log_sink *out)
{
    return log_stream_open(write_stderr, NULL, LOG_STREAM_RING_BYTES, out);
}
