/* SPDX-License-Identifier: MIT */
#include "daemon/log/log_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/os/os.h"

/* Written at once. At least one line. */
#define PIECE_SIZE (4 * LOG_LINE_SIZE)

struct stream {
    struct log_output output;
    struct os_thread *thread;
    struct os_mutex *mutex;         /* Guards all that follows but what is in the piece. */
    struct os_condition *has_work;  /* For the writer: lines came, a reopening, or the end. */
    struct os_condition *has_moved; /* For close: bytes went out, or the writer has ended. */
    bool is_closing;
    bool wants_reopen;
    bool has_ended;             /* The writer has left its loop. */
    bool is_left;               /* Closing gave up; the writer frees the stream if it gets out. */
    char error[LOG_ERROR_SIZE]; /* What the last write met; empty: nothing. */
    size_t head;                /* Where the next byte goes out; below ring_size. */
    size_t count;               /* Bytes in the ring. */
    uint64_t written;           /* Bytes that the output took: that it moves is what close sees. */
    bool is_writing;
    uint64_t began_ns; /* When the write that goes on began. */
    size_t piece_size; /* What is being written, or waits to be tried again. */
    char piece[PIECE_SIZE];
    size_t ring_size;
    char ring[];
};

static void free_stream(struct stream *stream)
{
    if (stream->output.close != NULL) {
        stream->output.close(stream->output.context);
    }
    os_condition_destroy(stream->has_moved);
    os_condition_destroy(stream->has_work);
    os_mutex_destroy(stream->mutex);
    free(stream);
}

/* --- The writer's thread --------------------------------------------------------------------- */

static void copy_from_ring(const struct stream *stream, char *out, size_t size)
{
    size_t first = stream->ring_size - stream->head;
    if (first > size) {
        first = size;
    }
    memcpy(out, stream->ring + stream->head, first);
    memcpy(out + first, stream->ring, size - first);
}

/* Moves whole lines from the ring into the piece, as many as there are and fit. */
static void fill_piece(struct stream *stream)
{
    size_t size = stream->count < PIECE_SIZE ? stream->count : PIECE_SIZE;
    copy_from_ring(stream, stream->piece, size);
    while (size > 0 && stream->piece[size - 1] != '\n') {
        size--;
    }
    stream->piece_size = size;
    stream->head = (stream->head + size) % stream->ring_size;
    stream->count -= size;
}

/* Waits until there is something to write or to reopen; false at the end. */
static bool wait_for_work(struct stream *stream)
{
    while (stream->piece_size == 0 && stream->count == 0 && !stream->wants_reopen) {
        if (stream->is_closing) {
            return false;
        }
        (void)os_condition_wait(stream->has_work, stream->mutex, UINT64_MAX);
    }
    return true;
}

/* After a failure. New lines are no reason to try earlier; a reopening and the end are. */
static void pause_writer(struct stream *stream, uint64_t pause_ns)
{
    const uint64_t end_ns = os_clock_ns() + pause_ns;
    uint64_t now_ns = end_ns - pause_ns;
    while (now_ns < end_ns && !stream->wants_reopen && !stream->is_closing) {
        (void)os_condition_wait(stream->has_work, stream->mutex, end_ns - now_ns);
        now_ns = os_clock_ns();
    }
}

static void reopen_output(struct stream *stream)
{
    stream->wants_reopen = false;
    os_mutex_unlock(stream->mutex);
    if (stream->output.reopen != NULL) {
        stream->output.reopen(stream->output.context);
    }
    os_mutex_lock(stream->mutex);
}

/* Writes the piece or its beginning. Returns false when nothing of it was taken. */
static bool write_piece(struct stream *stream)
{
    char error[LOG_ERROR_SIZE] = "";
    stream->is_writing = true;
    stream->began_ns = os_clock_ns();
    os_mutex_unlock(stream->mutex);
    int taken =
        stream->output.write(stream->output.context, stream->piece, stream->piece_size, error);
    os_mutex_lock(stream->mutex);
    stream->is_writing = false;
    if (taken < 0 && error[0] == '\0') {
        (void)snprintf(error, sizeof(error), "it takes nothing any more");
    }
    memcpy(stream->error, error, sizeof(error));
    if (taken <= 0) {
        return false;
    }
    stream->piece_size -= (size_t)taken;
    memmove(stream->piece, stream->piece + taken, stream->piece_size);
    stream->written += (size_t)taken;
    os_condition_signal(stream->has_moved);
    return true;
}

static void write_until_closed(struct stream *stream)
{
    uint64_t pause_ns = 0;
    while (wait_for_work(stream)) {
        if (stream->wants_reopen) {
            reopen_output(stream);
        }
        if (stream->piece_size == 0) {
            fill_piece(stream);
        }
        if (stream->piece_size == 0) {
            continue;
        }
        const bool is_last_attempt = stream->is_closing;
        if (write_piece(stream)) {
            pause_ns = 0;
            continue;
        }
        if (is_last_attempt) {
            return;
        }
        pause_ns = pause_ns == 0 ? LOG_STREAM_RETRY_MIN_NS : pause_ns * 2;
        if (pause_ns > LOG_STREAM_RETRY_MAX_NS) {
            pause_ns = LOG_STREAM_RETRY_MAX_NS;
        }
        pause_writer(stream, pause_ns);
    }
}

static void run_writer(void *context)
{
    struct stream *stream = context;
    os_mutex_lock(stream->mutex);
    write_until_closed(stream);
    stream->has_ended = true;
    bool is_left = stream->is_left;
    os_condition_signal(stream->has_moved);
    os_mutex_unlock(stream->mutex);
    if (is_left) {
        free_stream(stream);
    }
}

/* --- The owner's side ------------------------------------------------------------------------ */

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
    } else {
        put_bytes(stream, line, size);
        os_condition_signal(stream->has_work);
    }
    os_mutex_unlock(stream->mutex);
    return result;
}

static enum log_sink_state state_of(void *context, char error_out[LOG_ERROR_SIZE])
{
    struct stream *stream = context;
    enum log_sink_state state = LOG_SINK_DONE;
    os_mutex_lock(stream->mutex);
    if (stream->error[0] != '\0') {
        memcpy(error_out, stream->error, LOG_ERROR_SIZE);
        state = LOG_SINK_STUCK;
    } else if (stream->is_writing && os_clock_ns() - stream->began_ns >= LOG_STREAM_HANG_NS) {
        (void)snprintf(error_out, LOG_ERROR_SIZE, "a write does not come to its end");
        state = LOG_SINK_STUCK;
    } else if (stream->count > 0 || stream->piece_size > 0) {
        state = LOG_SINK_BUSY;
    }
    os_mutex_unlock(stream->mutex);
    return state;
}

static void reopen_stream(void *context)
{
    struct stream *stream = context;
    os_mutex_lock(stream->mutex);
    stream->wants_reopen = true;
    os_condition_signal(stream->has_work);
    os_mutex_unlock(stream->mutex);
}

/* Waits until the writer has ended, or nothing has moved for too long. */
static bool wait_for_end(struct stream *stream)
{
    uint64_t end_ns = os_clock_ns() + LOG_STREAM_CLOSE_NS;
    uint64_t written_before = stream->written;
    while (!stream->has_ended) {
        uint64_t now_ns = os_clock_ns();
        if (now_ns >= end_ns) {
            return false;
        }
        (void)os_condition_wait(stream->has_moved, stream->mutex, end_ns - now_ns);
        if (stream->written != written_before) {
            written_before = stream->written;
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
    os_condition_signal(stream->has_work);
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

int log_stream_open(const struct log_output *output, size_t ring_bytes, struct log_sink *out)
{
    struct stream *stream = calloc(1, sizeof(*stream) + ring_bytes);
    if (stream == NULL) {
        if (output->close != NULL) {
            output->close(output->context);
        }
        return RESULT_NO_MEMORY;
    }
    stream->output = *output;
    stream->ring_size = ring_bytes;
    stream->mutex = os_mutex_create();
    stream->has_work = os_condition_create();
    stream->has_moved = os_condition_create();
    if (stream->mutex == NULL || stream->has_work == NULL || stream->has_moved == NULL ||
        os_thread_create(run_writer, stream, "log", &stream->thread) != 0) {
        free_stream(stream);
        return RESULT_NO_MEMORY;
    }
    *out = (struct log_sink){.write = write_line,
                             .state = state_of,
                             .reopen = reopen_stream,
                             .close = close_stream,
                             .context = stream};
    return 0;
}

/* --- Standard error -------------------------------------------------------------------------- */

static int write_stderr(void *context, const char *lines, size_t size,
                        char error_out[LOG_ERROR_SIZE])
{
    (void)context;
    if (os_stderr_write(lines, size) != 0) {
        (void)snprintf(error_out, LOG_ERROR_SIZE, "standard error takes nothing any more");
        return -1;
    }
    return (int)size;
}

int log_stderr_open(size_t ring_bytes, struct log_sink *out)
{
    const struct log_output output = {.write = write_stderr};
    return log_stream_open(&output, ring_bytes, out);
}
