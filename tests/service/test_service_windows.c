/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/os/os.h"
#include "daemon/service/service_windows.h"
#include "tests/service/life_script.h"

/* A service manager of our own: it starts the service as Windows does, sends it controls, and
 * writes down each SERVICE_STATUS as "STATE accepted=... exit=.../... checkpoint=... hint=...". */

static struct options options;
static struct service_run service;
static LPHANDLER_FUNCTION_EX handler;
static void *handler_context;
static bool has_manager; /* False: we were typed by hand. */

static const char *state_name(DWORD state)
{
    switch (state) {
    case SERVICE_START_PENDING:
        return "START_PENDING";
    case SERVICE_RUNNING:
        return "RUNNING";
    case SERVICE_STOP_PENDING:
        return "STOP_PENDING";
    case SERVICE_STOPPED:
        return "STOPPED";
    default:
        return "another state";
    }
}

static BOOL WINAPI set_status(SERVICE_STATUS_HANDLE handle, LPSERVICE_STATUS status)
{
    assert_ptr_equal(handle, &options);
    said_add("%s accepted=%lu exit=%lu/%lu checkpoint=%lu hint=%lu type=%lu",
             state_name(status->dwCurrentState), status->dwControlsAccepted,
             status->dwWin32ExitCode, status->dwServiceSpecificExitCode, status->dwCheckPoint,
             status->dwWaitHint, status->dwServiceType);
    return TRUE;
}

static SERVICE_STATUS_HANDLE WINAPI register_handler(LPCWSTR name, LPHANDLER_FUNCTION_EX function,
                                                     LPVOID context)
{
    assert_int_equal(wcscmp(name, L"gsrelay-test"), 0);
    handler = function;
    handler_context = context;
    return (SERVICE_STATUS_HANDLE)&options;
}

static BOOL WINAPI start_dispatcher(const SERVICE_TABLE_ENTRYW *table)
{
    WCHAR name[] = L"gsrelay-test";
    WCHAR *arguments[] = {name, NULL};

    if (!has_manager) {
        SetLastError(ERROR_FAILED_SERVICE_CONTROLLER_CONNECT);
        return FALSE;
    }
    assert_null(table[1].lpServiceName);
    assert_null(table[1].lpServiceProc);
    table[0].lpServiceProc(1, arguments);
    return TRUE;
}

static const struct service_manager manager = {start_dispatcher, register_handler, set_status};

static DWORD control(DWORD code)
{
    return handler(code, 0, NULL, handler_context);
}

static int set_up(void **state)
{
    static char end_path[512];

    (void)state;
    (void)os_requests_take();
    said_clear();
    has_manager = true;
    options = free_ports();
    (void)snprintf(end_path, sizeof(end_path), "%s", write_file("service-last-end", "before\n"));
    service = (struct service_run){.manager = &manager,
                                   .name = "gsrelay-test",
                                   .options = &options,
                                   .last_end_path = end_path};
    return 0;
}

static enum exit_code run(void *context)
{
    (void)context;
    return service_run_under(&service);
}

/* The states in the order in which they were reported, each once, as "A B C". */
static const char *states(void)
{
    static char text[1024];
    char last[64] = "";
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < said_count(); i++) {
        char name[64];

        assert_int_equal(sscanf(said_line(i), "%63s", name), 1);
        if (strcmp(name, last) != 0) {
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", used > 0 ? " " : "",
                                     name);
            (void)snprintf(last, sizeof(last), "%s", name);
        }
    }
    return text;
}

/* What holds for every run: one end, at the end; checkpoints that rise; controls that fit. */
static void check_reports(const char *end)
{
    unsigned long checkpoint = 0;
    char last[64] = "";

    for (size_t i = 0; i < said_count(); i++) {
        const char *line = said_line(i);
        char name[64];
        unsigned long accepted;
        unsigned long win32;
        unsigned long specific;
        unsigned long next;
        unsigned long hint;
        unsigned long type;

        assert_int_equal(sscanf(line,
                                "%63s accepted=%lu exit=%lu/%lu checkpoint=%lu hint=%lu type=%lu",
                                name, &accepted, &win32, &specific, &next, &hint, &type),
                         7);
        assert_int_equal(type, SERVICE_WIN32_OWN_PROCESS);
        if (strstr(name, "PENDING") != NULL) {
            assert_true(hint >= 2 * LIFE_STARTING_MS || strcmp(name, "STOP_PENDING") == 0);
            assert_true(hint >= 2 * LIFE_STOPPING_MS);
            if (strcmp(name, last) == 0) {
                assert_true(next >= checkpoint); /* An INTERROGATE repeats it. */
            } else {
                assert_int_equal(next, 1);
            }
        } else {
            assert_int_equal(next, 0);
            assert_int_equal(hint, 0);
        }
        assert_true(strcmp(name, "STOPPED") == 0 || (win32 == 0 && specific == 0));
        checkpoint = next;
        (void)snprintf(last, sizeof(last), "%s", name);
    }
    assert_string_equal(said_line(said_count() - 1), end);
}

#define STOPPED_WELL "STOPPED accepted=0 exit=0/0 checkpoint=0 hint=0 type=16"

static size_t begin_until_running(void)
{
    size_t at;

    life_begin(run, NULL);
    at = said_wait(0, "START_PENDING");
    return said_wait(at, "RUNNING");
}

static void service__started_and_stopped__reports_every_step(void **state)
{
    size_t at;

    (void)state;
    at = begin_until_running();
    assert_string_equal(
        said_line(0),
        "START_PENDING accepted=257 exit=0/0 checkpoint=1 hint=20000 type=16"); /* STOP, PRESHUTDOWN
                                                                                 */
    /* And PARAMCHANGE. */
    assert_string_equal(said_line(at - 1),
                        "RUNNING accepted=265 exit=0/0 checkpoint=0 hint=0 type=16");
    assert_int_equal(control(SERVICE_CONTROL_STOP), NO_ERROR);
    /* Before the handler returns: a service manager that asks now has to hear it. */
    assert_string_equal(said_line(at),
                        "STOP_PENDING accepted=0 exit=0/0 checkpoint=1 hint=10000 type=16");
    assert_int_equal(life_end(), EXIT_CODE_OK);
    assert_string_equal(states(), "START_PENDING RUNNING STOP_PENDING STOPPED");
    check_reports(STOPPED_WELL);
}

static void service__preshutdown__stops_in_order(void **state)
{
    (void)state;
    (void)begin_until_running();
    assert_int_equal(control(SERVICE_CONTROL_PRESHUTDOWN), NO_ERROR);
    assert_int_equal(life_end(), EXIT_CODE_OK);
    assert_string_equal(states(), "START_PENDING RUNNING STOP_PENDING STOPPED");
    check_reports(STOPPED_WELL);
}

static void service__stop_while_starting__never_runs(void **state)
{
    size_t at;

    (void)state;
    set(&options, "server.listen=192.0.2.1");
    set(&options, "server.allow_open_public=yes");
    life_begin(run, NULL);
    at = said_wait(0, "START_PENDING");
    at = said_wait(at, "START_PENDING");
    (void)said_wait(at, "START_PENDING");
    assert_int_equal(control(SERVICE_CONTROL_STOP), NO_ERROR);
    assert_int_equal(life_end(), EXIT_CODE_OK);
    assert_string_equal(states(), "START_PENDING STOP_PENDING STOPPED");
    check_reports(STOPPED_WELL);
}

static void service__stopped_twice__ends_once(void **state)
{
    (void)state;
    (void)begin_until_running();
    assert_int_equal(control(SERVICE_CONTROL_STOP), NO_ERROR);
    assert_int_equal(control(SERVICE_CONTROL_STOP), NO_ERROR);
    assert_int_equal(control(SERVICE_CONTROL_PRESHUTDOWN), NO_ERROR);
    assert_int_equal(life_end(), EXIT_CODE_OK);
    /* One that comes too late must not undo the end. */
    assert_int_equal(control(SERVICE_CONTROL_STOP), NO_ERROR);
    assert_int_equal(control(SERVICE_CONTROL_INTERROGATE), NO_ERROR);
    assert_string_equal(states(), "START_PENDING RUNNING STOP_PENDING STOPPED");
    check_reports(STOPPED_WELL);
}

static void service__controls_before_ready__wait_for_it(void **state)
{
    struct server *other = block_port(&options);
    size_t at;

    (void)state;
    life_begin(run, NULL);
    at = said_wait(0, "START_PENDING");
    at = said_wait(at, "START_PENDING");
    (void)said_wait(at, "START_PENDING");
    assert_int_equal(control(SERVICE_CONTROL_PARAMCHANGE), NO_ERROR);
    assert_int_equal(control(SERVICE_CONTROL_REOPEN_LOG), NO_ERROR);
    assert_int_equal(control(SERVICE_CONTROL_COUNTERS), NO_ERROR);
    unblock_port(other);
    (void)said_wait(0, "RUNNING");
    /* No room is open, so a drain is over at once. */
    assert_int_equal(control(SERVICE_CONTROL_DRAIN), NO_ERROR);
    assert_int_equal(life_end(), EXIT_CODE_OK);
    assert_string_equal(states(), "START_PENDING RUNNING STOP_PENDING STOPPED");
    check_reports(STOPPED_WELL);
}

static void service__a_storm_of_controls__is_carried_out_and_ends(void **state)
{
    static const DWORD codes[] = {SERVICE_CONTROL_INTERROGATE, SERVICE_CONTROL_PARAMCHANGE,
                                  SERVICE_CONTROL_REOPEN_LOG, SERVICE_CONTROL_COUNTERS};

    (void)state;
    (void)begin_until_running();
    for (unsigned i = 0; i < 2000; i++) {
        assert_int_equal(control(codes[i % 4]), NO_ERROR);
    }
    assert_int_equal(control(SERVICE_CONTROL_STOP), NO_ERROR);
    assert_int_equal(life_end(), EXIT_CODE_OK);
    assert_string_equal(states(), "START_PENDING RUNNING STOP_PENDING STOPPED");
    check_reports(STOPPED_WELL);
}

static void service__unknown_control__is_refused(void **state)
{
    (void)state;
    (void)begin_until_running();
    assert_int_equal(control(SERVICE_CONTROL_PAUSE), ERROR_CALL_NOT_IMPLEMENTED);
    assert_int_equal(control(SERVICE_CONTROL_SHUTDOWN), ERROR_CALL_NOT_IMPLEMENTED);
    assert_int_equal(control(200), ERROR_CALL_NOT_IMPLEMENTED);
    assert_int_equal(control(SERVICE_CONTROL_STOP), NO_ERROR);
    assert_int_equal(life_end(), EXIT_CODE_OK);
}

static void service__bad_settings__stop_with_their_code(void **state)
{
    (void)state;
    options.config_path = write_file("service-bad.ini", "[udp]\nprot = 1\n");
    life_begin(run, NULL);
    assert_int_equal(life_end(), EXIT_CODE_CONFIG);
    assert_string_equal(states(), "START_PENDING STOPPED");
    check_reports("STOPPED accepted=0 exit=1066/2 checkpoint=0 hint=0 type=16");
    assert_non_null(strstr(read_file(service.last_end_path), "service-bad.ini:2: "));
}

static void service__port_in_use__stops_with_its_code(void **state)
{
    struct server *other = block_port(&options);

    (void)state;
    set(&options, "server.start_retry=1s");
    life_begin(run, NULL);
    assert_int_equal(life_end(), EXIT_CODE_ADDRESS);
    assert_string_equal(states(), "START_PENDING STOPPED");
    check_reports("STOPPED accepted=0 exit=1066/3 checkpoint=0 hint=0 type=16");
    assert_non_null(strstr(read_file(service.last_end_path), "in use by another program"));
    unblock_port(other);
}

static void service__typed_by_hand__says_so(void **state)
{
    (void)state;
    has_manager = false;
    assert_int_equal(service_run_under(&service), EXIT_CODE_CONFIG);
    assert_int_equal(said_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(service__started_and_stopped__reports_every_step, set_up),
        cmocka_unit_test_setup(service__preshutdown__stops_in_order, set_up),
        cmocka_unit_test_setup(service__stop_while_starting__never_runs, set_up),
        cmocka_unit_test_setup(service__stopped_twice__ends_once, set_up),
        cmocka_unit_test_setup(service__controls_before_ready__wait_for_it, set_up),
        cmocka_unit_test_setup(service__a_storm_of_controls__is_carried_out_and_ends, set_up),
        cmocka_unit_test_setup(service__unknown_control__is_refused, set_up),
        cmocka_unit_test_setup(service__bad_settings__stop_with_their_code, set_up),
        cmocka_unit_test_setup(service__port_in_use__stops_with_its_code, set_up),
        cmocka_unit_test_setup(service__typed_by_hand__says_so, set_up),
    };

    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
