/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_OS_OS_H
#define GSRELAY_OS_OS_H

/* os.h - the few services of the operating system that daemon and tools use.
 *
 * Clocks, random bytes, threads, files, places, the environment, errors and the requests to stop.
 * All text is UTF-8 on both systems. Not here: sockets and precise waiting (daemon/net), services
 * (daemon/service).
 * It includes nothing of ours, so a function that can fail returns 0 on success and -1 on failure,
 * or NULL with errno set; each says which.
 * Threads: every function may be called from any thread unless it says otherwise.
 * Memory: only the *_create, *_open and program entry functions allocate. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#if defined(__GNUC__)
#define OS_CHECKED __attribute__((warn_unused_result))
#else
#define OS_CHECKED
#endif

/* A path that is longer does not fit and is refused. */
#define OS_PATH_SIZE 1024

/* Enough for the text of any error; a longer one is cut. */
#define OS_ERROR_TEXT_SIZE 256

/* --- Where a program begins ------------------------------------------------------------------ */

/* What a program of ours defines instead of main. gsrelay_program() in CMake links the entry that
 * calls it: arguments are UTF-8 and end with NULL, standard streams carry bytes as they are (no
 * CR added on Windows), a Windows console is set to UTF-8 and set back at exit, and writing to a
 * closed pipe is an error of the write, not a signal. The value returned is the exit code. */
int program_main(int argc, char **argv);

/* --- Time ------------------------------------------------------------------------------------ */

/* Nanoseconds of a clock that never goes back. Its zero has no meaning. */
uint64_t os_clock_ns(void);

/* Milliseconds since 1970-01-01 00:00:00 UTC. Goes back when somebody sets the clock: for log lines
 * and the expiry of tickets, never for waiting. */
uint64_t os_wall_ms(void);

/* Sleeps at least that long. For tools and tests; the daemon's threads wait in daemon/net. */
void os_sleep_ms(uint32_t duration_ms);

/* Processor time of the whole process so far, user and system together, in nanoseconds. Windows
 * counts it in steps of up to 15.6 ms. */
uint64_t os_cpu_time_ns(void);

/* --- Memory and limits ----------------------------------------------------------------------- */

struct os_memory {
    uint64_t resident_bytes; /* Physical memory in use now. */
    uint64_t peak_bytes;     /* The most that it has been. */
};

/* Returns -1 where the system does not tell. */
OS_CHECKED int os_memory_usage(struct os_memory *out);

/* Allows at least `wanted` open files and sockets, as far as the system lets us, and returns how
 * many there may now be. Windows has no such limit and returns `wanted`. */
uint64_t os_file_limit_raise(uint64_t wanted);

/* --- Random bytes ---------------------------------------------------------------------------- */

/* Fills `out` with bytes fit for keys (getrandom, BCryptGenRandom). A system that cannot give them
 * ends the process: nothing safe can be done without. */
void os_random_fill(void *out, size_t size);

/* --- Threads --------------------------------------------------------------------------------- */

struct os_thread;
struct os_mutex;
struct os_condition;

typedef void os_thread_function(void *context);

/* Starts a thread. `name` (at most 15 bytes count) is for debuggers. Returns -1 when the system has
 * no more threads. The thread must be joined or abandoned, once; that frees it. */
OS_CHECKED int os_thread_create(os_thread_function *run, void *context, const char *name,
                                struct os_thread **out);
void os_thread_join(struct os_thread *thread);

/* Lets a thread that hangs in the system go its own way: nobody waits for it any more. */
void os_thread_abandon(struct os_thread *thread);

/* Not recursive. NULL when there is no memory. destroy takes NULL. */
OS_CHECKED struct os_mutex *os_mutex_create(void);
void os_mutex_destroy(struct os_mutex *mutex);
void os_mutex_lock(struct os_mutex *mutex);
void os_mutex_unlock(struct os_mutex *mutex);

/* A condition variable. wait is called with the mutex held, gives it up meanwhile, and holds it
 * again on return; it may return early for no reason, so it belongs in a loop. It returns false
 * once timeout_ns has passed; UINT64_MAX never passes. */
OS_CHECKED struct os_condition *os_condition_create(void);
void os_condition_destroy(struct os_condition *condition);
bool os_condition_wait(struct os_condition *condition, struct os_mutex *mutex, uint64_t timeout_ns);
void os_condition_signal(struct os_condition *condition);
void os_condition_broadcast(struct os_condition *condition);

/* --- Files and places ------------------------------------------------------------------------ */

/* Opens a regular file, pipe or device for reading bytes as they are; the path is UTF-8. NULL with
 * errno set on failure; a folder is EISDIR. The caller closes it with fclose. */
OS_CHECKED FILE *os_file_open_read(const char *path);

/* Opens a file for writing bytes as they are, empty: it is made, or what was in it is gone. NULL
 * with errno set on failure. The caller closes it with fclose. */
OS_CHECKED FILE *os_file_open_write(const char *path);

/* Removes a file. -1 with errno set when it is not there or cannot be removed. */
int os_file_remove(const char *path);

/* Reads standard input: what is there, up to `size` bytes, waiting for at least one. Returns their
 * number, 0 at the end of input, -1 on an error. On a Windows console it reads what was typed as
 * UTF-8, which the C library cannot. For one thread; do not mix with stdin of stdio. */
OS_CHECKED int os_stdin_read(char *out, size_t size);

/* Writes all bytes to standard error, waiting if need be; -1 when it takes no more. It goes past
 * stdio: the lock on the stream that a hanging write would keep is one that exit() waits for. */
OS_CHECKED int os_stderr_write(const char *bytes, size_t size);

/* Whether a person sees standard error, on a terminal that takes ANSI sequences. */
bool os_stderr_is_terminal(void);

/* The folder of the running program, without a separator at its end. -1 when it does not fit. */
OS_CHECKED int os_path_program_dir(char *out, size_t size);

/* The folder of the machine's configuration: /etc/gsrelay, or gsrelay under %ProgramData%. */
OS_CHECKED int os_path_config_dir(char *out, size_t size);

/* The places where relay.ini is looked for, in order, as full paths: index 0, 1, ... until -1. On
 * Windows beside the program first, where people who unpack a folder expect it. -2 when the place
 * does not fit or is not known; go on with the next. */
OS_CHECKED int os_path_config_file(unsigned index, char *out, size_t size);

/* Copies an environment variable. Returns its length; -1 when it is not set; -2 when it does not
 * fit or is not valid text, and then `out` is an empty string. */
OS_CHECKED int os_env_get(const char *name, char *out, size_t size);

/* Collects the variables whose names begin with `prefix`, as "NAME=value" texts one behind the
 * other in `buffer`, and points out[] at them; Windows compares names without case. What does not
 * fit in `size` bytes or `capacity` texts, or is not valid text, is left out. Returns how many
 * there are. */
size_t os_env_list(const char *prefix, char *buffer, size_t size, const char *out[],
                   size_t capacity);

/* Whether nobody but the file's owner (and the superuser) may read it: 1, 0, or -1 with errno set.
 * Windows always says 1: its access lists cannot be judged by one rule; `service install` sets
 * them. */
OS_CHECKED int os_file_is_private(FILE *file);

/* The system's text for an error number: errno on Linux; GetLastError or Winsock's on Windows,
 * where English is preferred. One line without a full stop at its end. Returns `out`. */
const char *os_error_text(int error, char out[OS_ERROR_TEXT_SIZE]);

/* --- Requests from outside ------------------------------------------------------------------- */

/* Windows leaves a console program five seconds when its window is closed or the user logs off. */
#define OS_HURRY_MS 3500

enum os_request {
    OS_REQUEST_STOP = 1,     /* Ctrl+C, Ctrl+Break, SIGINT, SIGTERM, the console or session ends. */
    OS_REQUEST_COUNTERS = 2, /* SIGUSR2: write the counters now. */
    OS_REQUEST_HURRY =
        4, /* With STOP: the system ends the process after OS_HURRY_MS or a little more. */
    OS_REQUEST_RELOAD = 8,      /* SIGHUP, unless it says that our terminal is gone: a STOP. */
    OS_REQUEST_REOPEN_LOG = 16, /* SIGUSR1: the log's file was moved away; open it anew. */
    OS_REQUEST_DRAIN = 32       /* SIGQUIT: nobody new; stop when the last room is gone. */
};

/* Begins to collect requests. After each one `wake` is called, on a thread of the system's or ours
 * and never in a signal handler, so it may take locks; it must not block.
 *
 * To be called once, from the main thread, before any other thread exists: on Linux the signals are
 * blocked in the caller and thereby in all later threads. Returns -1 if the system refuses.
 *
 * Windows ends the process as soon as its console is closed and the handler returns; so there the
 * handler waits for os_requests_close(), up to four seconds, which is the time to drain. */
OS_CHECKED int os_requests_open(void (*wake)(void *context), void *context);

/* The same where a service manager runs us. On Windows nothing but os_requests_add() makes requests
 * then: consoles have no say, and a user who logs off does not stop a service. */
OS_CHECKED int os_requests_open_managed(void (*wake)(void *context), void *context);

/* The requests since the last call, as a set of enum os_request. */
unsigned os_requests_take(void);

/* Adds a request, as if it had come from outside, and wakes. For tests and for the service. */
void os_requests_add(unsigned requests);

/* Ends the collecting. After its return `wake` is not called any more. The signals stay blocked on
 * Linux: a second Ctrl+C cannot tear down what is being taken down in order. */
void os_requests_close(void);

#endif
