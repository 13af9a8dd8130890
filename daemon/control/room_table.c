/* SPDX-License-Identifier: MIT */
#include "daemon/control/room_table.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

void room_table_init(struct room_table *table, struct arena *arena,
                     const struct control_limits *limits, const uint8_t key[16])
{
    uint32_t chain_count = 16;

    while (chain_count < limits->rooms_max) {
        chain_count *= 2;
    }
    *table = (struct room_table){.capacity = limits->rooms_max,
                                 .chain_mask = chain_count - 1,
                                 .rooms_per_worker = limits->rooms_per_worker_max,
                                 .worker_count = limits->worker_count,
                                 .first_free = ROOM_NONE};
    memcpy(table->key, key, sizeof(table->key));
    size_t ref_count = (size_t)limits->rooms_per_worker_max * limits->worker_count;
    table->entries = arena_take(arena, limits->rooms_max, sizeof(*table->entries));
    table->chains = arena_take(arena, chain_count, sizeof(*table->chains));
    table->by_room = arena_take(arena, ref_count, sizeof(*table->by_room));
    table->worker_load = arena_take(arena, limits->worker_count, sizeof(*table->worker_load));
    if (table->chains != NULL) {
        memset(table->chains, 0xFF, chain_count * sizeof(*table->chains));
        memset(table->by_room, 0xFF, ref_count * sizeof(*table->by_room));
    }
}

static uint32_t chain_of(const struct room_table *table, const void *code, size_t code_size)
{
    uint64_t hash = 0;

    crypto_shorthash((unsigned char *)&hash, code, code_size, table->key);
    return (uint32_t)hash & table->chain_mask;
}

uint32_t room_table_find(const struct room_table *table, const void *code, size_t code_size)
{
    uint32_t index = table->chains[chain_of(table, code, code_size)];

    while (index != ROOM_NONE) {
        const struct room_entry *entry = &table->entries[index];
        if (entry->code_size == code_size && memcmp(entry->code, code, code_size) == 0) {
            return index;
        }
        index = entry->next;
    }
    return ROOM_NONE;
}

uint32_t room_table_find_ref(const struct room_table *table, uint32_t worker, struct room_ref room)
{
    if (worker >= table->worker_count || room.index >= table->rooms_per_worker) {
        return ROOM_NONE;
    }
    uint32_t index = table->by_room[(size_t)worker * table->rooms_per_worker + room.index];
    if (index == ROOM_NONE || table->entries[index].room.tag != room.tag) {
        return ROOM_NONE;
    }
    return index;
}

uint32_t room_table_choose_worker(const struct room_table *table)
{
    uint32_t best = ROOM_NONE;

    if (table->count == table->capacity) {
        return ROOM_NONE;
    }
    for (uint32_t worker = 0; worker < table->worker_count; worker++) {
        if (table->worker_load[worker] < table->rooms_per_worker &&
            (best == ROOM_NONE || table->worker_load[worker] < table->worker_load[best])) {
            best = worker;
        }
    }
    return best;
}

static uint32_t take_entry(struct room_table *table)
{
    uint32_t index = table->first_free;

    if (index != ROOM_NONE) {
        table->first_free = table->entries[index].next;
        return index;
    }
    assert(table->touched_count < table->capacity);
    return table->touched_count++;
}

uint32_t room_table_add(struct room_table *table, const void *code, size_t code_size,
                        uint32_t worker)
{
    assert(code_size > 0 && code_size <= CORE_CODE_MAX && worker < table->worker_count);
    assert(room_table_find(table, code, code_size) == ROOM_NONE);
    uint32_t index = take_entry(table);
    struct room_entry *entry = &table->entries[index];
    uint32_t chain = chain_of(table, code, code_size);

    *entry = (struct room_entry){.code_size = (uint8_t)code_size,
                                 .is_pending = true,
                                 .worker = worker,
                                 .blob = BLOB_NONE,
                                 .next = table->chains[chain]};
    memcpy(entry->code, code, code_size);
    table->chains[chain] = index;
    table->worker_load[worker]++;
    table->count++;
    return index;
}

bool room_table_open(struct room_table *table, uint32_t index, struct room_ref room)
{
    struct room_entry *entry = &table->entries[index];

    assert(entry->is_pending);
    if (room.index >= table->rooms_per_worker) {
        return false;
    }
    entry->is_pending = false;
    entry->room = room;
    table->by_room[(size_t)entry->worker * table->rooms_per_worker + room.index] = index;
    return true;
}

static void unchain(struct room_table *table, uint32_t index)
{
    const struct room_entry *entry = &table->entries[index];
    uint32_t *link = &table->chains[chain_of(table, entry->code, entry->code_size)];

    while (*link != index) {
        assert(*link != ROOM_NONE);
        link = &table->entries[*link].next;
    }
    *link = entry->next;
}

void room_table_remove(struct room_table *table, uint32_t index)
{
    struct room_entry *entry = &table->entries[index];

    assert(entry->code_size > 0 && entry->blob == BLOB_NONE);
    if (!entry->is_pending) {
        table->by_room[(size_t)entry->worker * table->rooms_per_worker + entry->room.index] =
            ROOM_NONE;
    }
    unchain(table, index);
    table->worker_load[entry->worker]--;
    table->count--;
    *entry = (struct room_entry){.next = table->first_free};
    table->first_free = index;
}
