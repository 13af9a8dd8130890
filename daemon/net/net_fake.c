/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/net/net_check.h"
#include "daemon/net/net_fake_parts.h"
#include "daemon/os/os.h"

#define FIRST_TIME_NS UINT64_C(1000000000)
#define FIRST_PORT    49152
#define MILLION       1000000U
#define REORDER_STEPS 4 /* An overtaking datagram arrives up to so many delays earlier. */

static struct net_system shared = {.now_ns = FIRST_TIME_NS, .random = 1, .next_port = FIRST_PORT};

struct net_system *net_fake_default(void)
{
    return &shared;
}

struct net_system *net_fake_create(const struct net_fake_options *options)
{
    struct net_system *const system = calloc(1, sizeof(*system));

    if (system != NULL) {
        system->options = *options;
        system->now_ns = FIRST_TIME_NS;
        system->random = options->seed;
        system->next_port = FIRST_PORT;
    }
    return system;
}

static void free_packets(struct fake_packet *packet)
{
    while (packet != NULL) {
        struct fake_packet *const next = packet->next;
        free(packet);
        packet = next;
    }
}

void net_fake_destroy(struct net_system *system)
{
    if (system == NULL) {
        return;
    }
    assert(system->sockets == NULL && system->listeners == NULL && system->streams == NULL);
    free_packets(system->packets);
    free(system);
}

void net_fake_set(struct net_system *system, const struct net_fake_options *options)
{
    system->options = *options;
}

uint64_t net_fake_now_ns(const struct net_system *system)
{
    return system->now_ns;
}

void net_fake_advance(struct net_system *system, uint64_t duration_ns)
{
    system->now_ns += duration_ns;
}

uint64_t fake_random(struct net_system *system, uint64_t limit)
{
    assert(limit > 0);
    system->random += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t mixed = system->random;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (mixed ^ (mixed >> 31)) % limit;
}

bool fake_chance(struct net_system *system, uint32_t per_million)
{
    return per_million > 0 && fake_random(system, MILLION) < per_million;
}

uint64_t fake_delay(struct net_system *system)
{
    const struct net_fake_options *const options = &system->options;

    if (options->delay_max_ns <= options->delay_min_ns) {
        return options->delay_min_ns;
    }
    return options->delay_min_ns +
           fake_random(system, options->delay_max_ns - options->delay_min_ns + 1);
}

int fake_fail(struct net_failure *failure_out, int result, const char *step,
              const struct addr *address, const char *text)
{
    *failure_out = (struct net_failure){.result = result, .step = step};
    if (address != NULL) {
        failure_out->address = *address;
    }
    (void)snprintf(failure_out->text, sizeof(failure_out->text), "%s", text);
    return result;
}

/* Whether a socket bound to `bound` hears what is sent to `to`. */
static bool hears(const struct addr *bound, const struct addr *to)
{
    return addr_equal(bound, to) ||
           (bound->family == to->family && bound->port == to->port && addr_is_unspecified(bound));
}

static bool is_taken(const struct net_system *system, struct addr address, uint16_t port,
                     bool is_stream)
{
    address.port = port;
    if (is_stream) {
        for (const struct fake_listener *l = system->listeners; l != NULL; l = l->next) {
            if (hears(&l->address, &address) || hears(&address, &l->address)) {
                return true;
            }
        }
        return false;
    }
    for (const struct fake_socket *s = system->sockets; s != NULL; s = s->next) {
        if (hears(&s->address, &address) || hears(&address, &s->address)) {
            return true;
        }
    }
    return false;
}

/* Whether the network has these addresses: all but those of 192.0.2.0/24. */
static int check_addresses(const struct addr addresses[], uint32_t count,
                           struct net_failure *failure_out)
{
    static const uint8_t foreign[3] = {192, 0, 2};
    const struct addr *culprit = NULL;
    const char *const text = net_check_addresses(addresses, count, &culprit);

    if (text != NULL) {
        return fake_fail(failure_out, RESULT_INVALID, "check addresses", culprit, text);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (addresses[i].family == ADDR_FAMILY_IPV4 && memcmp(addresses[i].ip, foreign, 3) == 0) {
            return fake_fail(failure_out, RESULT_UNREACHABLE, "bind", &addresses[i],
                             "nobody here has the address");
        }
    }
    return RESULT_OK;
}

/* The first address on which the port is taken, or NULL. */
static const struct addr *find_taken(const struct net_system *system, const struct addr addresses[],
                                     uint32_t count, uint16_t port, bool is_stream)
{
    for (uint32_t i = 0; i < count; i++) {
        if (is_taken(system, addresses[i], port, is_stream)) {
            return &addresses[i];
        }
    }
    return NULL;
}

int fake_choose_port(struct net_system *system, const struct addr addresses[], uint32_t count,
                     bool is_stream, uint16_t *port_out, struct net_failure *failure_out)
{
    const int result = check_addresses(addresses, count, failure_out);
    if (result < 0) {
        return result;
    }
    uint16_t port = addresses[0].port;
    const struct addr *taken = find_taken(system, addresses, count, port, is_stream);
    if (port != 0 && taken != NULL) {
        return fake_fail(failure_out, RESULT_IN_USE, "bind", taken, "the address is in use");
    }
    for (uint32_t i = 0; port == 0 && i < 65536 - FIRST_PORT; i++) {
        const uint16_t candidate = system->next_port;
        system->next_port = candidate == UINT16_MAX ? FIRST_PORT : (uint16_t)(candidate + 1);
        if (find_taken(system, addresses, count, candidate, is_stream) == NULL) {
            port = candidate;
        }
    }
    if (port == 0) {
        return fake_fail(failure_out, RESULT_NO_MEMORY, "bind", &addresses[0], "no port is free");
    }
    *port_out = port;
    return RESULT_OK;
}

void fake_socket_bind(struct net_system *system, struct fake_socket *socket)
{
    socket->next = system->sockets;
    system->sockets = socket;
}

void fake_socket_unbind(struct net_system *system, struct fake_socket *socket)
{
    struct fake_socket **link = &system->sockets;

    /* What has arrived goes down with this socket, not to the next one on its port. */
    fake_deliver(system);
    while (*link != socket) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = socket->next;
    free_packets(socket->first);
    socket->first = NULL;
}

static struct fake_packet *packet_create(const struct fake_socket *from,
                                         const struct net_outgoing *outgoing)
{
    const struct net_vector parts[3] = {outgoing->head, outgoing->body, outgoing->tag};
    const size_t size = parts[0].size + parts[1].size + parts[2].size;
    struct fake_packet *const packet = malloc(sizeof(*packet) + size);
    size_t at = 0;

    if (packet == NULL) {
        return NULL;
    }
    *packet = (struct fake_packet){.from = from->address, .to = outgoing->to, .size = size};
    for (unsigned i = 0; i < 3; i++) {
        if (parts[i].size > 0) {
            memcpy(packet->bytes + at, parts[i].bytes, parts[i].size);
            at += parts[i].size;
        }
    }
    return packet;
}

/* By time; of equal times the later sent comes later. */
static void insert_packet(struct net_system *system, struct fake_packet *packet)
{
    struct fake_packet **link = &system->packets;

    while (*link != NULL && (*link)->due_ns <= packet->due_ns) {
        link = &(*link)->next;
    }
    packet->next = *link;
    *link = packet;
}

void fake_send(struct net_system *system, struct fake_socket *from,
               const struct net_outgoing *outgoing)
{
    const struct net_fake_options *const options = &system->options;

    if (fake_chance(system, options->loss_per_million)) {
        return;
    }
    const unsigned copies = 1U + fake_chance(system, options->duplicate_per_million);
    for (unsigned i = 0; i < copies; i++) {
        struct fake_packet *const packet = packet_create(from, outgoing);
        if (packet == NULL) {
            return;
        }
        packet->due_ns = system->now_ns + fake_delay(system);
        if (fake_chance(system, options->reorder_per_million)) {
            packet->due_ns = system->now_ns + options->delay_min_ns / REORDER_STEPS;
        } else {
            if (packet->due_ns < from->last_due_ns) {
                packet->due_ns = from->last_due_ns;
            }
            from->last_due_ns = packet->due_ns;
        }
        insert_packet(system, packet);
    }
}

static struct fake_socket *find_hearer(struct net_system *system, const struct addr *to)
{
    for (struct fake_socket *s = system->sockets; s != NULL; s = s->next) {
        if (hears(&s->address, to)) {
            return s;
        }
    }
    return NULL;
}

void fake_deliver(struct net_system *system)
{
    while (system->packets != NULL && system->packets->due_ns <= system->now_ns) {
        struct fake_packet *const packet = system->packets;
        struct fake_socket *const socket = find_hearer(system, &packet->to);

        system->packets = packet->next;
        packet->next = NULL;
        if (socket == NULL) {
            free(packet);
            continue;
        }
        if (socket->inbox_bytes + packet->size + FAKE_PACKET_COST > socket->inbox_limit) {
            socket->drops++;
            free(packet);
            continue;
        }
        socket->inbox_bytes += packet->size + FAKE_PACKET_COST;
        if (socket->first == NULL) {
            socket->first = packet;
        } else {
            socket->last->next = packet;
        }
        socket->last = packet;
    }
}

uint64_t fake_next_due(const struct net_system *system)
{
    uint64_t due_ns = system->packets != NULL ? system->packets->due_ns : UINT64_MAX;

    for (const struct fake_stream *s = system->streams; s != NULL; s = s->next) {
        const uint64_t stream_due_ns = fake_stream_next_due(s);
        due_ns = stream_due_ns < due_ns ? stream_due_ns : due_ns;
    }
    return due_ns;
}

uint64_t fake_deadline(const struct net_system *system, uint64_t timeout_ns)
{
    return timeout_ns < UINT64_MAX - system->now_ns ? system->now_ns + timeout_ns : UINT64_MAX;
}

bool fake_pass_time(struct net_system *system, uint64_t own_due_ns, uint64_t deadline_ns)
{
    uint64_t next_ns = fake_next_due(system);

    next_ns = own_due_ns < next_ns ? own_due_ns : next_ns;
    if (next_ns == UINT64_MAX && deadline_ns == UINT64_MAX) {
        /* Nothing will ever happen here: only another thread's wake can end this wait. */
        os_sleep_ms(1);
        return true;
    }
    if (next_ns > deadline_ns || system->now_ns >= deadline_ns) {
        system->now_ns = deadline_ns > system->now_ns ? deadline_ns : system->now_ns;
        return false;
    }
    system->now_ns = next_ns > system->now_ns ? next_ns : system->now_ns;
    return true;
}

unsigned fake_grants(const struct fake_setting settings[], unsigned setting_count,
                     uint32_t socket_count, struct net_granted out[], unsigned capacity)
{
    const unsigned count = setting_count * socket_count;

    for (unsigned i = 0; i < count && i < capacity; i++) {
        const struct fake_setting *const setting = &settings[i % setting_count];
        out[i] = (struct net_granted){
            .name = setting->name,
            .socket_index = i / setting_count,
            .asked = setting->asked,
            .granted = setting->asked != NET_SETTING_DEFAULT ? setting->asked : setting->usual,
        };
    }
    return count;
}
