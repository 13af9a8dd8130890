/* SPDX-License-Identifier: MIT */
#include "daemon/service/notify_linux.h"

#include <stddef.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static int read_address(struct notify *out, const char *address)
{
    const size_t size = strlen(address);

    if ((address[0] != '/' && address[0] != '@') || size < 2 || size >= sizeof(out->to.sun_path)) {
        return -1;
    }
    out->to = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out->to.sun_path, address, size);
    if (address[0] == '@') {
        out->to.sun_path[0] = '\0';
    }
    /* An abstract name ends where its length says; a NUL would belong to it. */
    out->to_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    return 0;
}

int notify_open(struct notify *out, const char *address)
{
    const struct timeval longest = {.tv_sec = 1};

    if (read_address(out, address) != 0) {
        return -1;
    }
    out->descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (out->descriptor < 0) {
        return -1;
    }
    (void)setsockopt(out->descriptor, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof(longest));
    return 0;
}

void notify_send(const struct notify *notify, const char *text)
{
    (void)sendto(notify->descriptor, text, strlen(text), MSG_NOSIGNAL,
                 (const struct sockaddr *)&notify->to, notify->to_size);
}

void notify_close(struct notify *notify)
{
    (void)close(notify->descriptor);
}
