/* SPDX-License-Identifier: MIT */
#include "daemon/control/session.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

/* The first bytes of an id are the session's place, so that finding it needs no table. Knowing an
 * id is of no use without the resume key. */
#define ID_INDEX_SIZE 4

void session_table_init(struct session_table *table, struct arena *arena, uint32_t sessions_max,
                        const uint8_t key[16])
{
    uint32_t chain_count = 16;

    while (chain_count < sessions_max) {
        chain_count *= 2;
    }
    *table = (struct session_table){
        .capacity = sessions_max, .chain_mask = chain_count - 1, .first_free = SESSION_NONE};
    memcpy(table->key, key, sizeof(table->key));
    table->sessions = arena_take(arena, sessions_max, sizeof(*table->sessions));
    table->chains = arena_take(arena, chain_count, sizeof(*table->chains));
    if (table->chains != NULL) {
        memset(table->chains, 0xFF, chain_count * sizeof(*table->chains));
    }
}

static bool has_client(const struct session *session)
{
    return session->ticket.client_id[0] != 0;
}

static uint64_t hash_client(const struct session_table *table, const char *client_id)
{
    uint64_t hash = 0;

    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)client_id, strlen(client_id),
                     table->key);
    return hash;
}

/* The sessions of one client id stand together in one chain, the newest first. */
static void chain_client(struct session_table *table, uint32_t index)
{
    struct session *session = &table->sessions[index];
    uint32_t *head = &table->chains[session->client_hash & table->chain_mask];

    session->newer = SESSION_NONE;
    session->older = *head;
    if (*head != SESSION_NONE) {
        table->sessions[*head].newer = index;
    }
    *head = index;
}

static void unchain_client(struct session_table *table, uint32_t index)
{
    struct session *session = &table->sessions[index];

    if (session->newer != SESSION_NONE) {
        table->sessions[session->newer].older = session->older;
    } else {
        table->chains[session->client_hash & table->chain_mask] = session->older;
    }
    if (session->older != SESSION_NONE) {
        table->sessions[session->older].newer = session->newer;
    }
}

static uint32_t take_place(struct session_table *table)
{
    uint32_t index = table->first_free;

    if (index != SESSION_NONE) {
        table->first_free = table->sessions[index].next;
    } else if (table->touched_count < table->capacity) {
        index = table->touched_count;
        table->touched_count++;
    }
    return index;
}

static void write_id(uint8_t id[SESSION_ID_SIZE], uint32_t index, const uint8_t *random)
{
    memcpy(id, random, SESSION_ID_SIZE);
    for (unsigned i = 0; i < ID_INDEX_SIZE; i++) {
        id[i] = (uint8_t)(index >> (24 - 8 * i));
    }
}

uint32_t session_add(struct session_table *table, uint32_t connection, const struct ticket *ticket,
                     const uint8_t random[SESSION_RANDOM_SIZE])
{
    uint32_t index = take_place(table);
    uint32_t tag = 0;

    if (index == SESSION_NONE) {
        return SESSION_NONE;
    }
    struct session *session = &table->sessions[index];
    memcpy(&tag, random, sizeof(tag));
    *session = (struct session){.state = SESSION_ATTACHED,
                                .tag = tag == 0 ? 1 : tag,
                                .connection = connection,
                                .attachment = 1,
                                .ticket = *ticket,
                                .membership = {.room_pending = SESSION_NONE}};
    write_id(session->id, index, random + 4);
    memcpy(session->key_current, random + 4 + SESSION_ID_SIZE, RESUME_KEY_SIZE);
    if (has_client(session)) {
        session->client_hash = hash_client(table, ticket->client_id);
        chain_client(table, index);
    }
    table->count++;
    return index;
}

void session_remove(struct session_table *table, uint32_t index)
{
    struct session *session = &table->sessions[index];

    assert(session->state != SESSION_FREE && !session->is_owing);
    if (session->state != SESSION_ENDING) {
        session_end(table, index, REASON_NONE);
    }
    sodium_memzero(session, sizeof(*session));
    session->next = table->first_free;
    table->first_free = index;
    table->count--;
}

struct session *session_find(struct session_table *table, struct session_ref ref)
{
    if (ref.index >= table->touched_count) {
        return NULL;
    }
    struct session *session = &table->sessions[ref.index];
    return session->state != SESSION_FREE && session->tag == ref.tag ? session : NULL;
}

uint32_t session_find_id(const struct session_table *table, const uint8_t *id, size_t id_size)
{
    uint32_t index = 0;

    if (id_size != SESSION_ID_SIZE) {
        return SESSION_NONE;
    }
    for (unsigned i = 0; i < ID_INDEX_SIZE; i++) {
        index = index << 8 | id[i];
    }
    if (index >= table->touched_count) {
        return SESSION_NONE;
    }
    const struct session *session = &table->sessions[index];
    bool is_there = session->state == SESSION_ATTACHED || session->state == SESSION_GRACE;
    return is_there && sodium_memcmp(session->id, id, SESSION_ID_SIZE) == 0 ? index : SESSION_NONE;
}

struct session_ref session_name(const struct session_table *table, uint32_t index)
{
    return (struct session_ref){.index = index, .tag = table->sessions[index].tag};
}

uint32_t session_count_client(const struct session_table *table, const char *client_id,
                              uint32_t *oldest_out)
{
    uint64_t hash = hash_client(table, client_id);
    uint32_t count = 0;

    for (uint32_t index = table->chains[hash & table->chain_mask]; index != SESSION_NONE;
         index = table->sessions[index].older) {
        const struct session *session = &table->sessions[index];
        if (strcmp(session->ticket.client_id, client_id) == 0) {
            count++;
            *oldest_out = index;
        }
    }
    return count;
}

void session_resume(struct session *session, uint32_t connection, bool with_key_next,
                    const uint8_t key[RESUME_KEY_SIZE])
{
    assert(session->state == SESSION_GRACE && (!with_key_next || session->has_key_next));
    if (with_key_next) {
        memcpy(session->key_current, session->key_next, RESUME_KEY_SIZE);
    }
    memcpy(session->key_next, key, RESUME_KEY_SIZE);
    session->has_key_next = true;
    session->state = SESSION_ATTACHED;
    session->connection = connection;
    session->attachment++;
}

void session_detach(struct session *session)
{
    assert(session->state == SESSION_ATTACHED);
    session->state = SESSION_GRACE;
    session->connection = SESSION_NONE;
}

void session_end(struct session_table *table, uint32_t index, enum reason reason)
{
    struct session *session = &table->sessions[index];

    assert(session->state == SESSION_ATTACHED || session->state == SESSION_GRACE);
    if (has_client(session)) {
        unchain_client(table, index);
    }
    session->state = SESSION_ENDING;
    session->connection = SESSION_NONE;
    session->end = reason;
}

uint32_t session_request_add(struct session *session, enum command_type type, uint32_t request)
{
    assert(session->request_count < CONTROL_REQUESTS_MAX);
    session->request_serial =
        session->request_serial == UINT32_MAX ? 1 : session->request_serial + 1;
    session->requests[session->request_count] =
        (struct session_request){.serial = session->request_serial,
                                 .request = request,
                                 .attachment = session->attachment,
                                 .type = type};
    session->request_count++;
    return session->request_serial;
}

bool session_request_take(struct session *session, uint32_t serial, struct session_request *out)
{
    for (uint32_t i = 0; i < session->request_count; i++) {
        if (session->requests[i].serial == serial) {
            *out = session->requests[i];
            session->request_count--;
            session->requests[i] = session->requests[session->request_count];
            return true;
        }
    }
    return false;
}
