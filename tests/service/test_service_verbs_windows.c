/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scm_fake_windows.h"

#include "daemon/os/os_text_windows.h"
#include "daemon/service/service_task_windows.h"

#include <stdio.h>
#include <string.h>

/* Longer than any verb waits for a service that shows no progress. */
#define PATIENCE_MS 30000

static int reset(void **state)
{
    wchar_t path[OS_PATH_SIZE];

    (void)state;
    scm_fake_reset();
    assert_int_equal(RUN("install"), 0);
    assert_int_equal(os_widen(scm_fake_path("relay.ini"), path, OS_PATH_SIZE), 0);
    scm_fake_install(path);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    scm_fake_clean();
    return 0;
}

/* Ends a run of answers with a service that has stopped, and how. */
static void stopped_with(DWORD error, DWORD code)
{
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake.states[scm_fake.state_count - 1].dwWin32ExitCode = error;
    scm_fake.states[scm_fake.state_count - 1].dwServiceSpecificExitCode = code;
}

static void states_again(void)
{
    scm_fake.state_count = 0;
    scm_fake.state_at = 0;
}

/* --- start ----------------------------------------------------------------------------------- */

static void start__of_a_stopped_service__waits_until_it_runs(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake_state(SERVICE_START_PENDING, 1, 2000);
    scm_fake_state(SERVICE_START_PENDING, 2, 2000);
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    assert_int_equal(RUN("start"), 0);
    assert_string_equal(scm_fake.calls,
                        "open_manager access=0x1\nopen [gsrelay] access=0x15\nstart\n");
    assert_string_equal(scm_fake.out, "gsrelay: running, process 4242\n");
    assert_int_equal(scm_fake.now_ms, 200);
}

static void start__of_a_running_service__does_nothing(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    assert_int_equal(RUN("start"), 0);
    assert_unsaid(scm_fake.calls, "start");
    assert_string_equal(scm_fake.out, "gsrelay: runs already, process 4242\n");
}

/* Wine goes on calling it running. */
static void start__of_a_service_whose_process_is_gone__starts_it(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    scm_fake.is_process_gone = true;
    assert_int_equal(RUN("start"), 1);
    assert_said(scm_fake.calls, "start\n");
    assert_said(scm_fake.err, "its process ended without a word");
}

static void start__that_ends_at_once__says_how_and_ends_the_same_way(void **state)
{
    (void)state;
    scm_fake_write("state\\last-end", "ended 2026-11-23T09:00:00.000Z with exit code 3\n"
                                      "C:\\relay.ini:3: [udp] prot: there is no such key\n");
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake_state(SERVICE_START_PENDING, 0, 0);
    stopped_with(ERROR_SERVICE_SPECIFIC_ERROR, 3);
    assert_int_equal(RUN("start"), 3);
    assert_said(scm_fake.err, "the service gsrelay started and stopped again\n");
    assert_said(scm_fake.err,
                "last end   exit code 3: an address or port could not be opened (1066)\n");
    assert_said(scm_fake.err, "    C:\\relay.ini:3: [udp] prot: there is no such key\n");
    states_again();
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    stopped_with(ERROR_SERVICE_SPECIFIC_ERROR, 77);
    assert_int_equal(RUN("start"), 1);
    assert_said(scm_fake.err, "exit code 77: no exit code of gsrelayd");
}

static void start__that_shows_progress__is_given_all_the_time_it_needs(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake_state(SERVICE_START_PENDING, 1, 0);
    assert_int_equal(RUN("start"), 1);
    assert_said(scm_fake.err, "the service gsrelay hangs in its start: ");
    assert_said(scm_fake.err, "(1053)");
    assert_int_equal(scm_fake.now_ms, PATIENCE_MS);
    states_again();
    scm_fake.now_ms = 0;
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake_state(SERVICE_START_PENDING, 1, 0);
    scm_fake_state(SERVICE_START_PENDING, 2, 100000);
    assert_int_equal(RUN("start"), 1);
    assert_int_equal(scm_fake.now_ms, 100 + 100000);
}

static void start__that_the_system_refuses__says_what_to_do(void **state)
{
    static const struct {
        DWORD error;
        const char *text;
    } failures[] = {
        {ERROR_ACCESS_DENIED, "the account NT SERVICE\\gsrelay may not run C:\\old place\\"},
        {ERROR_FILE_NOT_FOUND, "gsrelayd.exe is not there (2); if the program has moved"},
        {ERROR_PATH_NOT_FOUND, "gsrelayd.exe is not there (3); if the program has moved"},
        {ERROR_SERVICE_DISABLED, "(1058); gsrelayd service install --start auto"},
        {ERROR_SERVICE_LOGON_FAILED, "(1069); the account or its password is wrong"},
        {ERROR_SERVICE_REQUEST_TIMEOUT, "the service gsrelay cannot be started: "},
        {ERROR_SERVICE_MARKED_FOR_DELETE, "(1072); it goes when nobody looks"},
    };

    (void)state;
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        scm_fake.failing_call = "start";
        scm_fake.error = failures[i].error;
        assert_int_equal(RUN("start"), 1);
        assert_said(scm_fake.err, failures[i].text);
    }
    scm_fake.failing_call = "open";
    scm_fake.error = ERROR_ACCESS_DENIED;
    assert_int_equal(RUN("start"), 1);
    assert_said(scm_fake.err, "(5); run this in a console that was opened with");
}

static void verbs__without_a_service__say_how_to_get_one(void **state)
{
    static const char *const verbs[] = {"start",  "stop",  "restart",
                                        "reload", "drain", "reopen-log"};

    (void)state;
    scm_fake.exists = false;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        assert_int_equal(RUN(verbs[i]), 1);
        assert_string_equal(
            scm_fake.err,
            "gsrelayd: there is no service gsrelay; gsrelayd service install makes it\n");
    }
}

static void verbs__on_another_programs_service__are_refused(void **state)
{
    static const char *const verbs[] = {"start", "stop",       "restart",   "reload",
                                        "drain", "reopen-log", "uninstall", "status"};

    (void)state;
    scm_fake.image = L"%SystemRoot%\\System32\\svchost.exe -k netsvcs";
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        assert_int_equal(RUN(verbs[i], "--name", "other"), 1);
        assert_said(scm_fake.err, "the service other is another program's (C:\\");
        assert_unsaid(scm_fake.calls, "start");
        assert_unsaid(scm_fake.calls, "control");
        assert_unsaid(scm_fake.calls, "remove");
        assert_unsaid(scm_fake.calls, "run [");
    }
}

/* --- stop and restart ------------------------------------------------------------------------ */

static void stop__of_a_running_service__waits_until_it_is_gone(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    scm_fake_state(SERVICE_STOP_PENDING, 1, 10000);
    scm_fake_state(SERVICE_STOP_PENDING, 2, 10000);
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    assert_int_equal(RUN("stop"), 0);
    assert_string_equal(scm_fake.calls,
                        "open_manager access=0x1\nopen [gsrelay] access=0x25\ncontrol 1\n");
    assert_string_equal(scm_fake.out, "gsrelay: stopped\n");
}

/* An upgrade replaces the program as soon as the stop is done. */
static void stop__of_a_service__waits_for_its_process_as_well(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake.polls_after_end = 3;
    assert_int_equal(RUN("stop"), 0);
    assert_int_equal(scm_fake.now_ms, 300);
    states_again();
    scm_fake.now_ms = 0;
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake.polls_after_end = 100000;
    assert_int_equal(RUN("stop"), 0);
    assert_int_equal(scm_fake.now_ms, 10000);
}

static void stop__of_what_does_not_run__is_no_mistake(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    assert_int_equal(RUN("stop"), 0);
    assert_string_equal(scm_fake.out, "gsrelay: was not running\n");
    states_again();
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    scm_fake.is_process_gone = true;
    assert_int_equal(RUN("stop"), 0);
    assert_string_equal(scm_fake.out, "gsrelay: was not running\n");
    assert_unsaid(scm_fake.calls, "control");
}

static void stop__of_a_service_that_starts__waits_for_its_word(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_START_PENDING, 1, 0);
    scm_fake_state(SERVICE_START_PENDING, 2, 0);
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    assert_int_equal(RUN("stop"), 0);
    assert_said(scm_fake.calls, "control 1\n");
    assert_int_equal(scm_fake.now_ms, 100);
    /* One that takes the control while it starts is not waited for. */
    states_again();
    scm_fake.now_ms = 0;
    scm_fake_state(SERVICE_START_PENDING, 1, 0);
    scm_fake.states[0].dwControlsAccepted = SERVICE_ACCEPT_STOP;
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    assert_int_equal(RUN("stop"), 0);
    assert_said(scm_fake.calls, "control 1\n");
    assert_int_equal(scm_fake.now_ms, 0);
}

static void stop__of_a_service_that_hangs__fails_in_the_end(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    scm_fake_state(SERVICE_STOP_PENDING, 1, 0);
    assert_int_equal(RUN("stop"), 1);
    assert_said(scm_fake.err, "the service gsrelay does not stop: ");
    states_again();
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    scm_fake.failing_call = "control";
    scm_fake.error = ERROR_ACCESS_DENIED;
    assert_int_equal(RUN("stop"), 1);
    assert_said(scm_fake.err, "does not stop: ");
    scm_fake.failing_call = "query_status";
    assert_int_equal(RUN("stop"), 1);
    assert_said(scm_fake.err, "the state of the service gsrelay is not told");
}

static void restart__stops_and_starts(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    scm_fake_state(SERVICE_STOP_PENDING, 1, 0);
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    assert_int_equal(RUN("restart"), 0);
    assert_string_equal(scm_fake.calls, "open_manager access=0x1\nopen [gsrelay] access=0x35\n"
                                        "control 1\nstart\n");
    states_again();
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    assert_int_equal(RUN("restart"), 1);
    assert_unsaid(scm_fake.calls, "control");
    assert_said(scm_fake.calls, "start\n");
}

/* --- reload, drain, reopen-log --------------------------------------------------------------- */

static void requests__to_a_running_service__are_controls(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    assert_int_equal(RUN("reload"), 0);
    assert_string_equal(scm_fake.calls,
                        "open_manager access=0x1\nopen [gsrelay] access=0x45\ncontrol 6\n");
    assert_int_equal(RUN("reopen-log"), 0);
    assert_string_equal(scm_fake.calls,
                        "open_manager access=0x1\nopen [gsrelay] access=0x105\ncontrol 128\n");
    assert_int_equal(RUN("drain"), 0);
    assert_string_equal(scm_fake.calls,
                        "open_manager access=0x1\nopen [gsrelay] access=0x105\ncontrol 129\n");
    assert_string_equal(scm_fake.out,
                        "gsrelay: asked to drain; it stops when the last room is gone\n");
}

static void reload_or_restart__with_a_bad_file__ask_for_nothing(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    scm_fake_write("relay.ini", "[udp]\nprot = 9000\n");
    assert_int_equal(RUN("reload"), 2);
    assert_unsaid(scm_fake.calls, "control");
    assert_said(scm_fake.err, "relay.ini:2: [udp] prot: there is no such key");
    assert_said(scm_fake.err, "nothing was reloaded; the service gsrelay goes on as it was");
    assert_int_equal(RUN("restart"), 2);
    assert_unsaid(scm_fake.calls, "control");
    assert_said(scm_fake.err, "nothing was restarted; the service gsrelay is as it was");
}

static void requests__that_are_not_taken__say_why(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    assert_int_equal(RUN("drain"), 1);
    assert_unsaid(scm_fake.calls, "control");
    assert_said(scm_fake.err, "the service gsrelay is not running");
    states_again();
    scm_fake_state(SERVICE_STOP_PENDING, 0, 0);
    scm_fake.failing_call = "control";
    scm_fake.error = ERROR_SERVICE_CANNOT_ACCEPT_CTRL;
    assert_int_equal(RUN("drain"), 1);
    assert_said(scm_fake.err, "is stopping and takes no requests now; try again (1061)");
    scm_fake.error = ERROR_INVALID_SERVICE_CONTROL;
    assert_int_equal(RUN("reopen-log"), 1);
    assert_said(scm_fake.err, "(1052)");
    scm_fake.error = ERROR_SERVICE_NOT_ACTIVE;
    assert_int_equal(RUN("reload"), 1);
    assert_said(scm_fake.err, "is not running");
    scm_fake.error = ERROR_ACCESS_DENIED;
    assert_int_equal(RUN("reload"), 1);
    assert_said(scm_fake.err, "takes no request: ");
}

/* --- status ---------------------------------------------------------------------------------- */

static void status__of_a_running_service__tells_all_about_it(void **state)
{
    char expected[2048];

    (void)state;
    scm_fake.is_delayed = true;
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    (void)snprintf(expected, sizeof(expected),
                   "gsrelay: running\n"
                   "  process    4242, for 1 d 02:03:04\n"
                   "  starts     with Windows, delayed\n"
                   "  account    NT SERVICE\\gsrelay\n"
                   "  program    C:\\old place\\gsrelayd.exe\n"
                   "  config     %s\n",
                   scm_fake_path("relay.ini"));
    assert_int_equal(RUN("status"), SERVICE_STATUS_RUNNING);
    assert_string_equal(scm_fake.out, expected);
    assert_string_equal(scm_fake.calls, "open_manager access=0x1\nopen [gsrelay] access=0x5\n");
    scm_fake.failing_call = "uptime";
    scm_fake.is_delayed = false;
    assert_int_equal(RUN("status"), SERVICE_STATUS_RUNNING);
    assert_said(scm_fake.out, "  process    4242\n");
    assert_said(scm_fake.out, "starts     with Windows\n");
}

static void status__of_a_stopped_service__tells_how_it_ended(void **state)
{
    static const struct {
        DWORD error;
        DWORD code;
        const char *text;
    } ends[] = {
        {NO_ERROR, 0, "last end   in order\n"},
        {ERROR_SERVICE_NEVER_STARTED, 0, "has not been started since Windows was\n"},
        {ERROR_SERVICE_SPECIFIC_ERROR, 1, "exit code 1: something broke while it ran (1066)\n"},
        {ERROR_SERVICE_SPECIFIC_ERROR, 2, "exit code 2: the configuration is wrong (1066)\n"},
        {ERROR_SERVICE_SPECIFIC_ERROR, 4, "exit code 4: memory, handles or threads"},
        {ERROR_PROCESS_ABORTED, 0, "its process ended without a word (1067)\n"},
        {ERROR_SERVICE_LOGON_FAILED, 0, "(1069)\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        states_again();
        stopped_with(ends[i].error, ends[i].code);
        assert_int_equal(RUN("status"), SERVICE_STATUS_STOPPED);
        assert_said(scm_fake.out, "gsrelay: stopped\n");
        assert_said(scm_fake.out, ends[i].text);
    }
    scm_fake_write("state\\last-end", "ended\r\n\r\nbecause\n");
    assert_int_equal(RUN("status"), SERVICE_STATUS_STOPPED);
    assert_said(scm_fake.out, "\n    ended\n    because\n  starts");
}

static void status__of_states_in_between__is_not_running(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_START_PENDING, 0, 0);
    assert_int_equal(RUN("status"), SERVICE_STATUS_STOPPED);
    assert_said(scm_fake.out, "gsrelay: starting\n  process    4242");
    states_again();
    scm_fake_state(SERVICE_STOP_PENDING, 0, 0);
    scm_fake.start_type = SERVICE_DISABLED;
    assert_int_equal(RUN("status"), SERVICE_STATUS_STOPPED);
    assert_said(scm_fake.out, "gsrelay: stopping\n");
    assert_said(scm_fake.out, "never: it is disabled");
    states_again();
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    scm_fake.is_process_gone = true;
    scm_fake.start_type = SERVICE_DEMAND_START;
    assert_int_equal(RUN("status"), SERVICE_STATUS_STOPPED);
    assert_said(scm_fake.out, "its process ended without a word");
    assert_said(scm_fake.out, "starts     by hand\n");
}

static void status__without_a_service__says_so(void **state)
{
    (void)state;
    scm_fake.exists = false;
    assert_int_equal(RUN("status", "--name", "eu"), SERVICE_STATUS_NOT_INSTALLED);
    assert_string_equal(scm_fake.out, "eu: not installed\n");
    scm_fake.failing_call = "open_manager";
    scm_fake.error = ERROR_ACCESS_DENIED;
    assert_int_equal(RUN("status"), 1);
}

/* --- uninstall ------------------------------------------------------------------------------- */

static void uninstall__of_a_running_service__stops_and_removes_and_keeps_files(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    scm_fake_state(SERVICE_STOP_PENDING, 1, 0);
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake.opens_after_removal = 2;
    assert_int_equal(RUN("uninstall"), 0);
    assert_string_equal(
        scm_fake.calls,
        "open_manager access=0x1\n"
        "open [gsrelay] access=0x10025\n"
        "control 1\n"
        "remove\n"
        "open [gsrelay] access=0x4\n"
        "open [gsrelay] access=0x4\n"
        "open [gsrelay] access=0x4\n"
        "run [netsh advfirewall firewall delete rule name=\"gsrelayd service gsrelay (UDP)\"]\n"
        "run [netsh advfirewall firewall delete rule name=\"gsrelayd service gsrelay (TCP)\"]\n");
    assert_said(scm_fake.out,
                "gsrelay: uninstalled\nthese stay; delete them if nobody needs them:");
    assert_said(scm_fake.out, scm_fake_path("relay.ini"));
    assert_said(scm_fake.out, scm_fake_path("secrets\\secrets.ini"));
    assert_said(scm_fake.out, scm_fake_path("logs"));
    assert_non_null(scm_fake_read("relay.ini"));
    assert_string_equal(scm_fake.err, "");
}

static void uninstall__while_others_hold_it_open__says_so(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake.opens_after_removal = 1000;
    assert_int_equal(RUN("uninstall"), 0);
    assert_said(scm_fake.err, "another program still holds the service gsrelay open");
    assert_unsaid(scm_fake.calls, "control");
}

static void uninstall__of_what_is_not_there__is_no_mistake(void **state)
{
    (void)state;
    scm_fake.exists = false;
    assert_int_equal(RUN("uninstall"), 0);
    assert_said(scm_fake.out, "gsrelay: there is no such service\n");
    assert_said(scm_fake.calls, "run [netsh");
    assert_unsaid(scm_fake.calls, "remove");
}

static void uninstall__that_fails__keeps_what_belongs_to_the_service(void **state)
{
    (void)state;
    scm_fake_state(SERVICE_RUNNING, 0, 0);
    assert_int_equal(RUN("uninstall"), 1);
    assert_said(scm_fake.err, "does not stop");
    assert_unsaid(scm_fake.calls, "remove");
    states_again();
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    scm_fake.failing_call = "remove";
    scm_fake.error = ERROR_SERVICE_MARKED_FOR_DELETE;
    assert_int_equal(RUN("uninstall"), 1);
    assert_said(scm_fake.err, "the service gsrelay cannot be removed: ");
    assert_unsaid(scm_fake.calls, "run [");
    scm_fake.failing_call = "run";
    scm_fake.error = ERROR_FILE_NOT_FOUND;
    assert_int_equal(RUN("uninstall"), 0);
    assert_said(scm_fake.err, "the firewall's rules are not looked at");
}

/* --- the source of events -------------------------------------------------------------------- */

static void source__of_events__comes_and_goes_with_the_service(void **state)
{
    char file[OS_PATH_SIZE];

    (void)state;
    assert_true(scm_fake_source(L"gsrelay", file));
    assert_string_equal(file, "C:\\Program Files\\한국\\gsrelayd.exe");
    scm_fake_state(SERVICE_STOPPED, 0, 0);
    assert_int_equal(RUN("uninstall"), 0);
    assert_false(scm_fake_source(L"gsrelay", file));
}

static void source__of_events_of_another_program__stays_as_it_is(void **state)
{
    char file[OS_PATH_SIZE];

    (void)state;
    scm_fake_set_source(L"eu", L"%SystemRoot%\\other.dll");
    scm_fake.exists = false;
    assert_int_equal(RUN("install", "--name", "eu"), 0);
    assert_said(scm_fake.err, "the source of events eu is another program's (C:\\");
    assert_true(scm_fake_source(L"eu", file));
    assert_said(file, "other.dll");
    scm_fake.exists = false;
    assert_int_equal(RUN("uninstall", "--name", "eu"), 0);
    assert_said(scm_fake.err, "it stays");
    assert_true(scm_fake_source(L"eu", file));
}

static void source__of_events_without_a_message_file__stays(void **state)
{
    static const wchar_t key[] =
        L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\Provider";
    wchar_t guid[64];
    DWORD size = sizeof(guid);

    (void)state;
    assert_int_equal(
        RegSetKeyValueW(scm_fake_registry, key, L"ProviderGuid", REG_SZ, L"{0}", 4 * sizeof(*guid)),
        ERROR_SUCCESS);
    scm_fake.exists = false;
    assert_int_equal(RUN("uninstall", "--name", "Provider"), 0);
    assert_int_equal(
        RegGetValueW(scm_fake_registry, key, L"ProviderGuid", RRF_RT_REG_SZ, NULL, guid, &size),
        ERROR_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(start__of_a_stopped_service__waits_until_it_runs, reset),
        cmocka_unit_test_setup(start__of_a_running_service__does_nothing, reset),
        cmocka_unit_test_setup(start__of_a_service_whose_process_is_gone__starts_it, reset),
        cmocka_unit_test_setup(start__that_ends_at_once__says_how_and_ends_the_same_way, reset),
        cmocka_unit_test_setup(start__that_shows_progress__is_given_all_the_time_it_needs, reset),
        cmocka_unit_test_setup(start__that_the_system_refuses__says_what_to_do, reset),
        cmocka_unit_test_setup(verbs__without_a_service__say_how_to_get_one, reset),
        cmocka_unit_test_setup(verbs__on_another_programs_service__are_refused, reset),
        cmocka_unit_test_setup(stop__of_a_running_service__waits_until_it_is_gone, reset),
        cmocka_unit_test_setup(stop__of_a_service__waits_for_its_process_as_well, reset),
        cmocka_unit_test_setup(stop__of_what_does_not_run__is_no_mistake, reset),
        cmocka_unit_test_setup(stop__of_a_service_that_starts__waits_for_its_word, reset),
        cmocka_unit_test_setup(stop__of_a_service_that_hangs__fails_in_the_end, reset),
        cmocka_unit_test_setup(restart__stops_and_starts, reset),
        cmocka_unit_test_setup(requests__to_a_running_service__are_controls, reset),
        cmocka_unit_test_setup(reload_or_restart__with_a_bad_file__ask_for_nothing, reset),
        cmocka_unit_test_setup(requests__that_are_not_taken__say_why, reset),
        cmocka_unit_test_setup(status__of_a_running_service__tells_all_about_it, reset),
        cmocka_unit_test_setup(status__of_a_stopped_service__tells_how_it_ended, reset),
        cmocka_unit_test_setup(status__of_states_in_between__is_not_running, reset),
        cmocka_unit_test_setup(status__without_a_service__says_so, reset),
        cmocka_unit_test_setup(uninstall__of_a_running_service__stops_and_removes_and_keeps_files,
                               reset),
        cmocka_unit_test_setup(uninstall__while_others_hold_it_open__says_so, reset),
        cmocka_unit_test_setup(uninstall__of_what_is_not_there__is_no_mistake, reset),
        cmocka_unit_test_setup(uninstall__that_fails__keeps_what_belongs_to_the_service, reset),
        cmocka_unit_test_setup(source__of_events__comes_and_goes_with_the_service, reset),
        cmocka_unit_test_setup(source__of_events_of_another_program__stays_as_it_is, reset),
        cmocka_unit_test_setup(source__of_events_without_a_message_file__stays, reset),
    };

    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, clean);
}
