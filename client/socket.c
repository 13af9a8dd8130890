/* SPDX-License-Identifier: MIT */
#include "client/client.h"
#include "client/socket_os.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

/* What one poll takes at most before it looks at the rest, so that a flood cannot hold it. */
#define DATAGRAMS_PER_TURN 256
#define TCP_READS_PER_TURN 64

/* A UDP socket that fails is replaced at most once in this time. */
#define REBIND_PAUSE_NS NS_PER_S

/* A round trip is not measured by what may have waited longer than that for the program. */
#define INPUT_OLD_NS (100 * NS_PER_MS)

#define ADDRESSES_MAX   8
#define HOST_SIZE       256
#define TCP_BUFFER_SIZE 4096

struct client_sockets {
    char host[HOST_SIZE];
    uint16_t port;

    struct addr addresses[ADDRESSES_MAX]; /* What the host's name means, for this try. */
    size_t address_count;
    size_t address_next;   /* Goes on from try to try, so that a dead first one is passed. */
    size_t addresses_left; /* To be tried before this try has failed. */
    struct addr peer;      /* Of the TCP connection that there is or last was. */

    socket_os tcp;
    bool is_connecting;
    size_t input_start;
    size_t input_size;
    uint8_t input[TCP_BUFFER_SIZE];

    socket_os udp;
    uint32_t udp_serial;
    uint64_t udp_retry_ns;
};

/* --- TCP ------------------------------------------------------------------------------------- */

static void close_tcp(struct client_sockets *sockets)
{
    if (sockets->tcp != SOCKET_OS_NONE)
        socket_os_close(sockets->tcp);
    sockets->tcp = SOCKET_OS_NONE;
    sockets->is_connecting = false;
    sockets->input_start = 0;
    sockets->input_size = 0;
}

/* Begins with the next address until one does not fail at once. */
static void try_addresses(struct gsrelay_client *client, int error)
{
    struct client_sockets *sockets = client->sockets;
    char text[SOCKET_OS_TEXT_SIZE];

    while (sockets->addresses_left > 0) {
        sockets->addresses_left--;
        sockets->peer = sockets->addresses[sockets->address_next % sockets->address_count];
        sockets->address_next++;
        sockets->tcp = socket_os_tcp_open(&sockets->peer, &error);
        if (sockets->tcp != SOCKET_OS_NONE) {
            sockets->is_connecting = true;
            return;
        }
    }
    client_error_set(client, "could not connect to %s: %s", client->peer_text,
                     socket_os_error_text(error, text));
    gsrelay_io_tcp_closed(client, client->now_ns, REASON_CONNECTION_LOST);
}

static void begin_connecting(struct gsrelay_client *client)
{
    struct client_sockets *sockets = client->sockets;
    char text[SOCKET_OS_TEXT_SIZE];

    sockets->address_count =
        socket_os_resolve(sockets->host, sockets->port, sockets->addresses, ADDRESSES_MAX, text);
    sockets->addresses_left = sockets->address_count;
    if (sockets->address_count > 0) {
        try_addresses(client, 0);
        return;
    }
    client_error_set(client, "could not find %s: %s", sockets->host, text);
    gsrelay_io_tcp_closed(client, client->now_ns, REASON_CONNECTION_LOST);
}

static void finish_connecting(struct gsrelay_client *client)
{
    struct client_sockets *sockets = client->sockets;
    int error = socket_os_tcp_result(sockets->tcp);

    if (error == 0) {
        sockets->is_connecting = false;
        gsrelay_io_tcp_connected(client, client->now_ns);
        return;
    }
    close_tcp(sockets);
    try_addresses(client, error);
}

static void lose_tcp(struct gsrelay_client *client, uint32_t reason, int error)
{
    char text[SOCKET_OS_TEXT_SIZE];

    close_tcp(client->sockets);
    if (client->error_text[0] == '\0' && error != 0)
        client_error_set(client, "the connection to %s was lost: %s", client->peer_text,
                         socket_os_error_text(error, text));
    gsrelay_io_tcp_closed(client, client->now_ns, reason);
}

static void send_tcp(struct gsrelay_client *client)
{
    struct client_sockets *sockets = client->sockets;

    while (sockets->tcp != SOCKET_OS_NONE && !sockets->is_connecting) {
        size_t size = 0;
        int error = 0;
        const uint8_t *bytes = gsrelay_io_tcp_output(client, &size);
        int sent = size > 0 ? socket_os_send(sockets->tcp, bytes, size, &error) : SOCKET_OS_AGAIN;

        if (sent == SOCKET_OS_AGAIN)
            return;
        if (sent < 0) {
            lose_tcp(client, REASON_CONNECTION_LOST, error);
            return;
        }
        gsrelay_io_tcp_sent(client, (size_t)sent);
    }
}

/* Gives the client what was received. False while it takes no more. */
static bool give_input(struct gsrelay_client *client)
{
    struct client_sockets *sockets = client->sockets;
    size_t left = sockets->input_size - sockets->input_start;

    if (left == 0)
        return true;
    sockets->input_start +=
        gsrelay_io_tcp_input(client, client->now_ns, sockets->input + sockets->input_start, left);
    return sockets->input_start == sockets->input_size;
}

static void receive_udp(struct gsrelay_client *client);

static void receive_tcp(struct gsrelay_client *client, bool is_readable)
{
    struct client_sockets *sockets = client->sockets;

    for (unsigned i = 0;
         sockets->tcp != SOCKET_OS_NONE && !sockets->is_connecting && give_input(client) &&
         i < TCP_READS_PER_TURN && is_readable && gsrelay_io_tcp_wanted(client);
         i++) {
        int error = 0;
        int received =
            socket_os_receive(sockets->tcp, sockets->input, sizeof(sockets->input), &error);

        if (received == SOCKET_OS_AGAIN)
            return;
        /* A member's last states reach us before the word that it left, and would count for
         * nothing behind it. */
        receive_udp(client);
        if (received <= 0) {
            lose_tcp(client, received == 0 ? REASON_CONNECTION_CLOSED : REASON_CONNECTION_LOST,
                     received == 0 ? 0 : error);
            return;
        }
        sockets->input_start = 0;
        sockets->input_size = (size_t)received;
    }
}

static void follow_tcp_wish(struct gsrelay_client *client)
{
    struct client_sockets *sockets = client->sockets;

    if (!gsrelay_io_tcp_wanted(client)) {
        if (sockets->tcp != SOCKET_OS_NONE || client->link.has_tcp) {
            close_tcp(sockets);
            gsrelay_io_tcp_closed(client, client->now_ns, REASON_CONNECTION_CLOSED);
        }
    } else if (sockets->tcp == SOCKET_OS_NONE) {
        begin_connecting(client);
    }
}

/* --- UDP ------------------------------------------------------------------------------------- */

static void close_udp(struct client_sockets *sockets)
{
    if (sockets->udp != SOCKET_OS_NONE)
        socket_os_close(sockets->udp);
    sockets->udp = SOCKET_OS_NONE;
}

static void follow_udp_wish(struct gsrelay_client *client)
{
    struct client_sockets *sockets = client->sockets;
    struct gsrelay_udp_peer wanted;
    struct addr peer = sockets->peer;
    int error = 0;

    if (gsrelay_io_udp_peer(client, &wanted) != GSRELAY_OK) {
        close_udp(sockets);
        return;
    }
    if (wanted.serial != sockets->udp_serial) {
        close_udp(sockets);
        sockets->udp_retry_ns = 0;
    }
    if (sockets->udp != SOCKET_OS_NONE || client->now_ns < sockets->udp_retry_ns)
        return;
    /* room_is_sound() has read the address before. */
    if (wanted.address[0] != '\0' && addr_parse(wanted.address, strlen(wanted.address), &peer) < 0)
        return;
    peer.port = wanted.port;
    sockets->udp_serial = wanted.serial;
    sockets->udp_retry_ns = client->now_ns + REBIND_PAUSE_NS;
    sockets->udp = socket_os_udp_open(&peer, &error);
}

static void fail_udp(struct gsrelay_client *client)
{
    close_udp(client->sockets);
    gsrelay_io_udp_rebind(client, client->now_ns);
}

static void send_udp(struct gsrelay_client *client)
{
    struct client_sockets *sockets = client->sockets;
    uint8_t bytes[GSRELAY_DATAGRAM_LIMIT];
    int error = 0;
    size_t size;

    while (sockets->udp != SOCKET_OS_NONE &&
           (size = gsrelay_io_udp_output(client, bytes, sizeof(bytes))) > 0) {
        if (socket_os_send(sockets->udp, bytes, size, &error) == SOCKET_OS_FAILED)
            fail_udp(client);
    }
}

static void receive_udp(struct gsrelay_client *client)
{
    struct client_sockets *sockets = client->sockets;
    uint8_t bytes[GSRELAY_DATAGRAM_LIMIT + 1];

    for (unsigned i = 0; i < DATAGRAMS_PER_TURN && sockets->udp != SOCKET_OS_NONE; i++) {
        int error = 0;
        int received = socket_os_receive(sockets->udp, bytes, sizeof(bytes), &error);

        if (received == SOCKET_OS_AGAIN)
            return;
        /* It may have come while those before it were taken. */
        client_time_set(client, socket_os_clock_ns());
        if (received == SOCKET_OS_FAILED)
            fail_udp(client);
        else if (received >= 0)
            gsrelay_io_udp_input(client, client->now_ns, bytes, (size_t)received);
    }
}

/* --- The public functions -------------------------------------------------------------------- */

static void close_sockets(struct gsrelay_client *client)
{
    close_tcp(client->sockets);
    close_udp(client->sockets);
    client_release(&client->options, client->sockets);
    client->sockets = NULL;
    client->sockets_close = NULL;
    socket_os_stop();
}

static int open_sockets(struct gsrelay_client *client)
{
    struct client_sockets *sockets;
    uint8_t seed[GSRELAY_SEED_SIZE];
    char text[SOCKET_OS_TEXT_SIZE];
    int error = 0;

    if (sodium_init() < 0) {
        client_error_set(client, "the system gives no random bytes");
        return GSRELAY_SYSTEM;
    }
    if (socket_os_start(&error) < 0) {
        client_error_set(client, "the system's sockets do not start: %s",
                         socket_os_error_text(error, text));
        return GSRELAY_SYSTEM;
    }
    sockets = client_allocate(&client->options, sizeof(*sockets));
    if (sockets == NULL) {
        socket_os_stop();
        return GSRELAY_NO_MEMORY;
    }
    memset(sockets, 0, sizeof(*sockets));
    sockets->tcp = SOCKET_OS_NONE;
    sockets->udp = SOCKET_OS_NONE;
    client->sockets = sockets;
    client->sockets_close = close_sockets;
    if (!client->has_seed) {
        randombytes_buf(seed, sizeof(seed));
        client_seed(client, seed);
        sodium_memzero(seed, sizeof(seed));
    }
    return GSRELAY_OK;
}

int gsrelay_connect(struct gsrelay_client *client, const char *host, uint16_t port)
{
    size_t size = strlen(host);
    bool is_ipv6 = strchr(host, ':') != NULL;
    int result = GSRELAY_OK;

    if (size == 0 || size >= HOST_SIZE || port == 0)
        return GSRELAY_INVALID;
    if (gsrelay_get_state(client) != GSRELAY_STATE_IDLE)
        return GSRELAY_WRONG_STATE;
    if (client->sockets == NULL)
        result = open_sockets(client);
    if (result != GSRELAY_OK)
        return result;
    client_time_set(client, socket_os_clock_ns());
    follow_tcp_wish(client);
    memcpy(client->sockets->host, host, size + 1);
    client->sockets->port = port;
    snprintf(client->peer_text, sizeof(client->peer_text), is_ipv6 ? "[%s]:%u" : "%s:%u", host,
             (unsigned)port);
    return link_start(client);
}

int gsrelay_rebind(struct gsrelay_client *client)
{
    if (client->sockets == NULL || !client->udp.exists)
        return GSRELAY_WRONG_STATE;
    close_udp(client->sockets);
    client->sockets->udp_retry_ns = 0;
    gsrelay_io_udp_rebind(client, socket_os_clock_ns());
    return GSRELAY_OK;
}

int gsrelay_get_room_time(struct gsrelay_client *client, struct gsrelay_room_time *out)
{
    uint64_t now_ns = client->sockets != NULL ? socket_os_clock_ns() : client->now_ns;

    return gsrelay_io_room_time(client, now_ns, out);
}

static bool has_event(const struct gsrelay_client *client)
{
    return client->events.used > 0 || client->states.used > 0;
}

static void pump_out(struct gsrelay_client *client)
{
    send_flush(client);
    send_tcp(client);
    follow_tcp_wish(client);
    follow_udp_wish(client);
    send_udp(client);
}

/* Waits, and takes what came. */
static void pump_in(struct gsrelay_client *client, uint64_t until_ns)
{
    struct client_sockets *sockets = client->sockets;
    uint64_t deadline_ns = gsrelay_io_deadline(client);
    uint64_t now_ns = client->now_ns;
    size_t output_size = 0;
    struct socket_os_wait wait = {.tcp = sockets->tcp, .udp = sockets->udp};

    (void)gsrelay_io_tcp_output(client, &output_size);
    wait.wants_tcp_input = !sockets->is_connecting && client_events_have_room(client);
    wait.wants_tcp_output = sockets->is_connecting || output_size > 0;
    if (deadline_ns < until_ns)
        until_ns = deadline_ns;
    if (has_event(client) || until_ns < now_ns)
        until_ns = now_ns;
    socket_os_wait(&wait, until_ns - now_ns);
    client_time_set(client, socket_os_clock_ns());
    if (sockets->is_connecting && wait.is_tcp_writable)
        finish_connecting(client);
    receive_tcp(client, wait.is_tcp_readable);
    if (wait.is_udp_readable)
        receive_udp(client);
}

int gsrelay_poll(struct gsrelay_client *client, uint32_t timeout_ms)
{
    uint64_t now_ns;
    uint64_t end_ns;

    if (client->sockets == NULL)
        return GSRELAY_WRONG_STATE;
    now_ns = socket_os_clock_ns();
    /* After a pause of the program's nobody knows when what waits in the socket has come. */
    client->is_input_old = now_ns > client->now_ns + INPUT_OLD_NS;
    client_time_set(client, now_ns);
    end_ns = client->now_ns + timeout_ms * NS_PER_MS;
    do {
        pump_out(client);
        /* Before any time is judged to be up, what has come in time is looked at. */
        pump_in(client, end_ns);
        client->is_input_old = false;
        gsrelay_io_run(client, client->now_ns);
        pump_out(client);
    } while (!has_event(client) && client->now_ns < end_ns);
    return has_event(client);
}
