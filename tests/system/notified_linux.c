/* SPDX-License-Identifier: MIT */

/* notified_linux.c - what systemd would hear: prints each datagram that comes to the socket as a
 * line, with "|" for its line feeds. Ends with its standard input.
 *
 * usage: gsrelay_notified SOCKET_PATH */

#include "daemon/os/os.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int open_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (descriptor < 0 || strlen(path) >= sizeof(address.sun_path)) {
        return -1;
    }
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    (void)unlink(path);
    return bind(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0 ? descriptor : -1;
}

static void print_datagram(int descriptor)
{
    char text[4096];
    const ssize_t size = recv(descriptor, text, sizeof(text) - 1, 0);

    if (size <= 0) {
        return;
    }
    text[size] = '\0';
    for (char *at = text; *at != '\0'; at++) {
        *at = *at == '\n' ? '|' : *at;
    }
    (void)puts(text);
}

int program_main(int argc, char **argv)
{
    struct pollfd ready[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.events = POLLIN}};

    if (argc != 2 || (ready[1].fd = open_socket(argv[1])) < 0) {
        (void)fprintf(stderr, "usage: gsrelay_notified SOCKET_PATH\n");
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)puts("listening");
    while (poll(ready, 2, -1) > 0) {
        if (ready[1].revents != 0) {
            print_datagram(ready[1].fd);
        }
        if (ready[0].revents != 0) {
            break;
        }
    }
    (void)unlink(argv[1]);
    return 0;
}
