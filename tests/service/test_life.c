/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "daemon/os/os.h"
#include "daemon/service/life.h"
#include "tests/service/life_script.h"

/* A host that writes down what it is told. */

static struct options options;
static struct life_host host;
static atomic_bool is_held; /* Notices are kept waiting, which holds up the control thread. */

static void starting(void *context, const char *what)
{
    (void)context;
    said_add("starting %s", what);
}

static void ready(void *context, const char *line)
{
    (void)context;
    said_add("%s", line);
}

static void notice(void *context, enum server_notice what)
{
    (void)context;
    said_add("notice %d", (int)what);
    while (atomic_load(&is_held)) {
        os_sleep_ms(1);
    }
}

static void stopping(void *context)
{
    (void)context;
    said_add("stopping");
}

static void alive(void *context)
{
    (void)context;
    said_add("alive");
}

static void mistakes(void *context, const char *text)
{
    (void)context;
    if (text[0] != '\0') {
        said_add("mistakes %s", text);
    }
}

static int set_up(void **state)
{
    static char end_path[512];

    (void)state;
    (void)os_requests_take();
    said_clear();
    atomic_store(&is_held, false);
    options = free_ports();
    (void)snprintf(end_path, sizeof(end_path), "%s", write_file("life-last-end", "from before\n"));
    host = (struct life_host){
        .starting = starting,
        .ready = ready,
        .notice = notice,
        .stopping = stopping,
        .alive = alive,
        .mistakes = mistakes,
        .last_end_path = end_path,
    };
    return 0;
}

static enum exit_code run(void *context)
{
    (void)context;
    return life_run(&options, &host);
}

static size_t count_said(const char *beginning)
{
    size_t count = 0;

    for (size_t i = 0; i < said_count(); i++) {
        count += strncmp(said_line(i), beginning, strlen(beginning)) == 0;
    }
    return count;
}

static void life__good_settings__is_ready_and_stops(void **state)
{
    size_t at;

    (void)state;
    life_begin(run, NULL);
    at = said_wait(0, "starting");
    at = said_wait(at, "gsrelayd ready udp=127.0.0.1:");
    os_requests_add(OS_REQUEST_STOP);
    (void)said_wait(at, "stopping");
    assert_int_equal(life_end(), EXIT_CODE_OK);
    assert_string_equal(read_file(host.last_end_path), ""); /* An orderly start removed it. */
}

static void life__stop_before_anything__is_not_ready(void **state)
{
    (void)state;
    os_requests_add(OS_REQUEST_STOP);
    life_begin(run, NULL);
    assert_int_equal(life_end(), EXIT_CODE_OK);
    assert_int_equal(count_said("gsrelayd ready"), 0);
}

static void life__bad_settings__are_all_told_and_kept(void **state)
{
    const char *kept;

    (void)state;
    options.config_path = write_file("life-bad.ini", "[udp]\nprot = 1\n[room]\ntick_max = 5\n");
    life_begin(run, NULL);
    assert_int_equal(life_end(), EXIT_CODE_CONFIG);
    assert_int_equal(count_said("mistakes "), 1);
    kept = read_file(host.last_end_path);
    assert_memory_equal(kept, "ended 20", 8);
    assert_non_null(strstr(kept, " with exit code 2\n"));
    assert_non_null(strstr(kept, "life-bad.ini:2: "));
    assert_non_null(strstr(kept, "life-bad.ini:4: "));
}

static void life__bad_settings_and_nobody_to_tell__are_logged(void **state)
{
    (void)state;
    host.mistakes =
        NULL; /* The log goes to standard error here; that it is opened is what shows. */
    options.config_path = write_file("life-bad.ini", "[udp]\nprot = 1\n");
    life_begin(run, NULL);
    assert_int_equal(life_end(), EXIT_CODE_CONFIG);
    assert_non_null(strstr(read_file(host.last_end_path), "life-bad.ini:2: "));
}

static void life__port_in_use__fails_at_once_in_a_console(void **state)
{
    struct server *other = block_port(&options);

    (void)state;
    life_begin(run, NULL);
    assert_int_equal(life_end(), EXIT_CODE_ADDRESS);
    assert_non_null(strstr(read_file(host.last_end_path), "in use by another program"));
    assert_int_equal(count_said("starting 127.0.0.1"), 0);
    unblock_port(other);
}

static void life__port_in_use__is_tried_again_under_a_manager(void **state)
{
    struct server *other = block_port(&options);
    size_t at;

    (void)state;
    host.is_managed = true;
    life_begin(run, NULL);
    at = said_wait(0, "starting 127.0.0.1");
    assert_non_null(strstr(said_line(at - 1), "in use by another program"));
    unblock_port(other);
    (void)said_wait(at, "gsrelayd ready");
    os_requests_add(OS_REQUEST_STOP);
    assert_int_equal(life_end(), EXIT_CODE_OK);
}

/* An address that no machine has (RFC 5737). */
static void listen_nowhere(void)
{
    set(&options, "server.listen=192.0.2.1");
    set(&options, "server.allow_open_public=yes");
    host.is_managed = true;
}

static void life__address_not_there__obeys_a_stop_meanwhile(void **state)
{
    size_t at;

    (void)state;
    listen_nowhere();
    life_begin(run, NULL);
    at = said_wait(0, "starting 192.0.2.1");
    at = said_wait(at, "starting 192.0.2.1");
    os_requests_add(OS_REQUEST_STOP);
    assert_int_equal(life_end(), EXIT_CODE_OK);
    assert_int_equal(count_said("gsrelayd ready"), 0);
}

static void life__address_never_there__fails_when_the_time_is_over(void **state)
{
    (void)state;
    listen_nowhere();
    set(&options, "server.start_retry=1s");
    life_begin(run, NULL);
    assert_int_equal(life_end(), EXIT_CODE_ADDRESS);
    assert_true(count_said("starting 192.0.2.1") >= 2);
    assert_non_null(strstr(read_file(host.last_end_path), "192.0.2.1"));
}

static void life__start_retry_off__fails_at_once(void **state)
{
    (void)state;
    listen_nowhere();
    set(&options, "server.start_retry=off");
    life_begin(run, NULL);
    assert_int_equal(life_end(), EXIT_CODE_ADDRESS);
    assert_int_equal(count_said("starting 192.0.2.1"), 0);
}

static void life__control_thread_hangs__is_not_alive(void **state)
{
    size_t at;
    size_t before;

    (void)state;
    host.alive_interval_ns = 2000000;
    life_begin(run, NULL);
    at = said_wait(0, "gsrelayd ready");
    for (int i = 0; i < 5; i++) {
        at = said_wait(at, "alive");
    }
    atomic_store(&is_held, true);
    os_requests_add(OS_REQUEST_STOP);
    (void)said_wait(at, "notice 4");
    /* One answer may have been given before it hung, and no more. */
    before = count_said("alive");
    os_sleep_ms(100);
    assert_true(count_said("alive") <= before + 1);
    atomic_store(&is_held, false);
    assert_int_equal(life_end(), EXIT_CODE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(life__good_settings__is_ready_and_stops, set_up),
        cmocka_unit_test_setup(life__stop_before_anything__is_not_ready, set_up),
        cmocka_unit_test_setup(life__bad_settings__are_all_told_and_kept, set_up),
        cmocka_unit_test_setup(life__bad_settings_and_nobody_to_tell__are_logged, set_up),
        cmocka_unit_test_setup(life__port_in_use__fails_at_once_in_a_console, set_up),
        cmocka_unit_test_setup(life__port_in_use__is_tried_again_under_a_manager, set_up),
        cmocka_unit_test_setup(life__address_not_there__obeys_a_stop_meanwhile, set_up),
        cmocka_unit_test_setup(life__address_never_there__fails_when_the_time_is_over, set_up),
        cmocka_unit_test_setup(life__start_retry_off__fails_at_once, set_up),
        cmocka_unit_test_setup(life__control_thread_hangs__is_not_alive, set_up),
    };

    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
