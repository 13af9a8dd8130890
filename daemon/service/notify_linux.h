/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_SERVICE_NOTIFY_LINUX_H
#define GSRELAY_SERVICE_NOTIFY_LINUX_H

#include <sys/socket.h>
#include <sys/un.h>

/* notify_linux.h - the datagrams by which a daemon tells systemd how it is (sd_notify(3), "Notes":
 * the protocol is stable and meant to be spoken without systemd's library).
 *
 * Threads: any; each call is one datagram. Memory: the caller's. */

struct notify {
    int descriptor;
    struct sockaddr_un to;
    socklen_t to_size;
};

/* `address` is what NOTIFY_SOCKET holds: a path, or a name behind "@" in the abstract namespace.
 * Returns 0, or -1 where it is neither or the system has no socket for us. */
int notify_open(struct notify *out, const char *address);

/* Sends "NAME=value" lines. Waits a second at most; what cannot be sent then is lost, as nobody
 * would hear that it is. */
void notify_send(const struct notify *notify, const char *text);

void notify_close(struct notify *notify);

#endif
