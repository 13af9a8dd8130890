/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/os/os.h"
#include "daemon/service/service.h"
#include "tests/service/life_script.h"

/* A systemd of our own: a datagram socket whose name the service finds in NOTIFY_SOCKET. Each
 * datagram becomes one line, with " | " for its line feeds. */

static struct options options;
static int notify_socket = -1;
static char socket_path[108];

static void listen_at(const char *name, bool is_abstract)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t size = strlen(name);

    notify_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(notify_socket >= 0);
    assert_true(size < sizeof(address.sun_path));
    memcpy(address.sun_path, name, size);
    if (is_abstract) {
        address.sun_path[0] = '\0';
    } else {
        (void)unlink(name);
    }
    assert_int_equal(bind(notify_socket, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)),
                     0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static void read_datagram(char out[2048])
{
    const ssize_t size = recv(notify_socket, out, 2047, 0);

    assert_true(size > 0);
    out[size] = '\0';
    for (char *at = out; *at != '\0'; at++) {
        if (*at == '\n') {
            *at = '|';
        }
    }
}

/* Reads until one begins so. */
static const char *await(const char *beginning)
{
    static char text[2048];

    do {
        read_datagram(text);
    } while (strncmp(text, beginning, strlen(beginning)) != 0);
    return text;
}

static int set_up(void **state)
{
    (void)state;
    (void)os_requests_take();
    said_clear();
    options = free_ports();
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    (void)snprintf(socket_path, sizeof(socket_path), "/tmp/gsrelay-notify-%d", (int)getpid());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)close(notify_socket);
    (void)unlink(socket_path);
    (void)unsetenv("NOTIFY_SOCKET");
    return 0;
}

static enum exit_code run(void *context)
{
    (void)context;
    return service_run_foreground(&options);
}

static void systemd__start_and_stop__is_told(void **state)
{
    (void)state;
    listen_at(socket_path, false);
    life_begin(run, NULL);
    (void)await("EXTEND_TIMEOUT_USEC=20000000|STATUS=opening the sockets");
    (void)await("READY=1|STATUS=gsrelayd ready udp=127.0.0.1:");
    os_requests_add(OS_REQUEST_STOP);
    (void)await("STOPPING=1|EXTEND_TIMEOUT_USEC=20000000|STATUS=stopping");
    assert_int_equal(life_end(), EXIT_CODE_OK);
}

static void systemd__abstract_socket__is_told(void **state)
{
    char name[64];

    (void)state;
    (void)snprintf(name, sizeof(name), "@gsrelay-notify-%d", (int)getpid());
    listen_at(name, true);
    life_begin(run, NULL);
    (void)await("READY=1");
    os_requests_add(OS_REQUEST_STOP);
    (void)await("STOPPING=1");
    assert_int_equal(life_end(), EXIT_CODE_OK);
}

static void systemd__socket_of_nobody__does_not_hinder(void **state)
{
    (void)state;
    listen_at(socket_path, false);
    (void)unlink(socket_path);
    os_requests_add(OS_REQUEST_STOP);
    life_begin(run, NULL);
    assert_int_equal(life_end(), EXIT_CODE_OK);
}

static void systemd__other_kind_of_socket__is_passed_over(void **state)
{
    (void)state;
    listen_at(socket_path, false);
    assert_int_equal(setenv("NOTIFY_SOCKET", "vsock:2:1234", 1), 0);
    os_requests_add(OS_REQUEST_STOP);
    life_begin(run, NULL);
    assert_int_equal(life_end(), EXIT_CODE_OK);
}

static void systemd__reload__says_when_it_began_and_ended(void **state)
{
    const char *text;

    (void)state;
    listen_at(socket_path, false);
    life_begin(run, NULL);
    (void)await("READY=1");
    os_requests_add(OS_REQUEST_RELOAD);
    text = await("RELOADING=1|MONOTONIC_USEC=");
    assert_true(strtoull(text + strlen("RELOADING=1|MONOTONIC_USEC="), NULL, 10) > 0);
    (void)await("READY=1|STATUS=gsrelayd ready");
    (void)write_file("life.ini", "[udp]\nprot = 1\n");
    os_requests_add(OS_REQUEST_RELOAD);
    (void)await("RELOADING=1");
    (void)await("READY=1|STATUS=the last reload was refused");
    os_requests_add(OS_REQUEST_STOP);
    assert_int_equal(life_end(), EXIT_CODE_OK);
}

static void systemd__drain__is_a_status(void **state)
{
    (void)state;
    listen_at(socket_path, false);
    life_begin(run, NULL);
    (void)await("READY=1");
    os_requests_add(OS_REQUEST_DRAIN);
    (void)await("STATUS=draining");
    (void)await("STOPPING=1");
    assert_int_equal(life_end(), EXIT_CODE_OK);
}

static void systemd__watchdog__hears_from_us(void **state)
{
    char process[32];

    (void)state;
    listen_at(socket_path, false);
    (void)snprintf(process, sizeof(process), "%d", (int)getpid());
    assert_int_equal(setenv("WATCHDOG_USEC", "20000", 1), 0);
    assert_int_equal(setenv("WATCHDOG_PID", process, 1), 0);
    life_begin(run, NULL);
    (void)await("READY=1");
    for (int i = 0; i < 5; i++) {
        (void)await("WATCHDOG=1");
    }
    os_requests_add(OS_REQUEST_STOP);
    assert_int_equal(life_end(), EXIT_CODE_OK);
}

static void systemd__watchdog_of_another_process__hears_nothing(void **state)
{
    char text[2048];

    (void)state;
    listen_at(socket_path, false);
    assert_int_equal(setenv("WATCHDOG_USEC", "2000", 1), 0);
    assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
    life_begin(run, NULL);
    (void)await("READY=1");
    os_sleep_ms(50);
    os_requests_add(OS_REQUEST_STOP);
    do {
        read_datagram(text);
        assert_int_not_equal(strncmp(text, "WATCHDOG=1", 10), 0);
    } while (strncmp(text, "STOPPING=1", 10) != 0);
    assert_int_equal(life_end(), EXIT_CODE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(systemd__start_and_stop__is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(systemd__abstract_socket__is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(systemd__socket_of_nobody__does_not_hinder, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(systemd__other_kind_of_socket__is_passed_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(systemd__reload__says_when_it_began_and_ended, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(systemd__drain__is_a_status, set_up, tear_down),
        cmocka_unit_test_setup_teardown(systemd__watchdog__hears_from_us, set_up, tear_down),
        cmocka_unit_test_setup_teardown(systemd__watchdog_of_another_process__hears_nothing, set_up,
                                        tear_down),
    };

    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
