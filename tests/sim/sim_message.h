/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SIM_SIM_MESSAGE_H
#define GSRELAY_TESTS_SIM_SIM_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* sim_message.h - a state that says of itself where it comes from and where it may go.
 *
 * A receiver can thus judge what it got without asking anybody: bytes that were altered, cut or
 * mixed up are found by the sum at the end. */

#define SIM_MESSAGE_SIZE_MIN 32

struct sim_message {
    uint32_t membership; /* The sender's, a number of the whole simulation. */
    uint32_t room;       /* Hash of its code. */
    uint32_t number;     /* Rises with each state of this sender and stream. */
    uint16_t player;     /* The sender. */
    uint16_t to;         /* As it was sent: a member, the host, all. */
    uint8_t stream;
    bool is_retained;
    uint16_t size; /* Of the payload. */
};

/* Writes message->size bytes, at least SIM_MESSAGE_SIZE_MIN. */
void sim_message_write(const struct sim_message *message, uint8_t *out);

/* False when the bytes are not what sim_message_write() made. */
bool sim_message_read(const uint8_t *bytes, size_t size, struct sim_message *out);

#endif
