/* SPDX-License-Identifier: MIT */
#include "client/client.h"

#include <string.h>

#include "proto/join_code.h"

int32_t gsrelay_create_room(struct gsrelay_client *client,
                            const struct gsrelay_room_options *options)
{
    static const struct gsrelay_room_options none = {0};
    struct control_message message = {.type = CONTROL_CREATE};

    if (options == NULL)
        options = &none;
    if (options->metadata_size > GSRELAY_METADATA_MAX || options->members_max > UINT16_MAX ||
        options->is_locked > 1 || options->is_heritable > 1 ||
        options->election > GSRELAY_ELECT_HEIR ||
        (options->metadata == NULL && options->metadata_size > 0))
        return GSRELAY_INVALID;
    message.create.members_max = (uint16_t)options->members_max;
    message.create.tick_us = options->tick_us;
    if (options->tick_us == 0)
        message.create.tick_us = ROOM_TICK_DEFAULT;
    else if (options->tick_us == GSRELAY_TICK_NONE)
        message.create.tick_us = 0;
    message.create.flags = (uint8_t)((options->is_locked != 0 ? CREATE_LOCKED : 0) |
                                     (options->is_heritable != 0 ? CREATE_HERITABLE : 0));
    message.create.metadata =
        (struct wire_bytes){options->metadata_size > 0 ? options->metadata : (const uint8_t *)"",
                            options->metadata_size};
    message.create.down_bytes_s = client->options.down_bytes_s;
    message.create.election = (uint8_t)options->election;
    return request_add(client, &message, false);
}

int32_t gsrelay_join_room(struct gsrelay_client *client, const char *code)
{
    struct control_message message = {.type = CONTROL_JOIN};
    char canonical[JOIN_CODE_TEXT_SIZE];
    int size = join_code_normalise(code, strlen(code), canonical);

    if (size < 0)
        return GSRELAY_INVALID;
    message.join.code = (struct wire_bytes){(const uint8_t *)canonical, (size_t)size};
    message.join.down_bytes_s = client->options.down_bytes_s;
    return request_add(client, &message, false);
}

int32_t gsrelay_leave(struct gsrelay_client *client)
{
    struct control_message message = {.type = CONTROL_LEAVE};

    send_flush(client);
    return request_add(client, &message, false);
}

int32_t gsrelay_kick(struct gsrelay_client *client, uint16_t member)
{
    struct control_message message = {
        .type = CONTROL_KICK, .host_epoch = client->host_epoch_taken, .member = member};

    return request_add(client, &message, false);
}

int32_t gsrelay_lock(struct gsrelay_client *client, int is_locked)
{
    struct control_message message = {
        .type = CONTROL_LOCK, .host_epoch = client->host_epoch_taken, .is_locked = is_locked != 0};

    return request_add(client, &message, false);
}

int32_t gsrelay_hand_over(struct gsrelay_client *client, uint16_t member)
{
    struct control_message message = {
        .type = CONTROL_HAND_OVER, .host_epoch = client->host_epoch_taken, .member = member};

    return request_add(client, &message, false);
}

int32_t gsrelay_set_heir(struct gsrelay_client *client, uint16_t member)
{
    struct control_message message = {
        .type = CONTROL_SET_HEIR, .host_epoch = client->host_epoch_taken, .member = member};

    return request_add(client, &message, false);
}

int32_t gsrelay_set_metadata(struct gsrelay_client *client, const void *bytes, size_t size)
{
    struct control_message message = {.type = CONTROL_SET_METADATA,
                                      .host_epoch = client->host_epoch_taken};

    if (size > GSRELAY_METADATA_MAX || (bytes == NULL && size > 0))
        return GSRELAY_INVALID;
    message.metadata = (struct wire_bytes){size > 0 ? bytes : (const uint8_t *)"", size};
    return request_add(client, &message, false);
}

int32_t gsrelay_subscribe(struct gsrelay_client *client, uint64_t groups)
{
    struct control_message message = {.type = CONTROL_SUBSCRIBE, .groups = groups};

    return request_add(client, &message, false);
}

int32_t gsrelay_ping(struct gsrelay_client *client)
{
    struct control_message message = {.type = CONTROL_PING};

    return request_add(client, &message, false);
}
