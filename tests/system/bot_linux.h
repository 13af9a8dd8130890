/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SYSTEM_BOT_LINUX_H
#define GSRELAY_TESTS_SYSTEM_BOT_LINUX_H

/* bot_linux.h - an honest member whose datagrams a test sees, copies and sends itself.
 *
 * A client of the library, driven through gsrelay_io.h over one TCP and one UDP socket of its own,
 * on IPv4 loopback. Threads: one. Memory: the library's, made when it opens. */

#include <stdbool.h>
#include <stdint.h>

#include <gsrelay/gsrelay_io.h>

#define BOT_STATE_SIZE 100

struct bot {
    int udp_fd;
    int tcp_fd;
    struct gsrelay_client *client;
    char code[GSRELAY_CODE_SIZE];
    bool is_bound;
};

/* Creates the room if `code` is empty, else joins it; returns when it is bound. `code` then holds
 * the room's code. False, with a message, if that does not come about. */
bool bot_open(struct bot *bot, uint16_t control_port, uint16_t udp_port, char *code);

/* Takes all that has come; returns how many states of BOT_STATE_SIZE it was. */
unsigned bot_receive(struct bot *bot, uint64_t now_ns);

void bot_close(struct bot *bot);

#endif
