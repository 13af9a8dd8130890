/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/io_load.h"

#include "daemon/os/os.h"
#include "tests/bench/io_models/io_socket.h"

#include <stdlib.h>
#include <string.h>

#define POLL_MS   20
#define RESEND_NS UINT64_C(200000000)
#define SCAN_NS   UINT64_C(50000000)
#define SILENT_NS UINT64_C(20000000000)
#define NS_PER_S  1e9

/* Times are counted in bins: 32 for each doubling, from a microsecond on. */
#define BINS_PER_OCTAVE 32
#define OCTAVES         24
#define BINS            (BINS_PER_OCTAVE * OCTAVES)

struct client {
    uint64_t asked_ns; /* First sent. */
    uint64_t sent_ns;  /* Last sent. */
    uint32_t number;   /* Of the request, so that a late echo of an earlier one is known. */
    int received;
};

struct io_load {
    bool is_udp;
    unsigned count;
    struct client *clients;
    WSAPOLLFD *polled; /* polled[i] is of clients[i]. */
    uint64_t bins[BINS];
    uint64_t echoes;
    uint64_t resent;
    unsigned silent; /* Clients that have their echo and do not ask again. */
    bool is_falling_silent;
};

static unsigned bin_of(uint64_t duration_ns)
{
    uint64_t left = duration_ns * BINS_PER_OCTAVE / 1000;
    unsigned octave = 0;

    while (left >= (uint64_t)2 * BINS_PER_OCTAVE && octave + 1 < OCTAVES) {
        left /= 2;
        octave++;
    }
    const uint64_t step = left < BINS_PER_OCTAVE ? 0 : left - BINS_PER_OCTAVE;
    return octave * BINS_PER_OCTAVE +
           (unsigned)(step < BINS_PER_OCTAVE ? step : BINS_PER_OCTAVE - 1);
}

static double percentile_us(const struct io_load *load, double share)
{
    uint64_t seen = 0;

    for (unsigned bin = 0; bin < BINS; bin++) {
        seen += load->bins[bin];
        if (seen > 0 && (double)seen >= share * (double)load->echoes) {
            const uint64_t octave = (uint64_t)1 << (bin / BINS_PER_OCTAVE);
            return (double)octave * (1.0 + (double)(bin % BINS_PER_OCTAVE) / BINS_PER_OCTAVE);
        }
    }
    return 0;
}

static bool send_request(struct io_load *load, unsigned index, uint64_t now_ns)
{
    struct client *const client = &load->clients[index];
    char bytes[IO_LOAD_BYTES] = {0};

    memcpy(bytes, &client->number, sizeof(client->number));
    client->sent_ns = now_ns;
    const int sent = send(load->polled[index].fd, bytes, sizeof(bytes), 0);
    return sent == (int)sizeof(bytes) || load->is_udp;
}

static bool ask(struct io_load *load, unsigned index, uint64_t now_ns)
{
    struct client *const client = &load->clients[index];

    client->asked_ns = now_ns;
    client->number++;
    client->received = 0;
    return send_request(load, index, now_ns);
}

/* Something is there. False if the connection is gone. */
static bool take(struct io_load *load, unsigned index)
{
    struct client *const client = &load->clients[index];
    char bytes[2 * IO_LOAD_BYTES];
    const int count = recv(load->polled[index].fd, bytes, sizeof(bytes), 0);

    if (count <= 0) {
        return load->is_udp || (count < 0 && WSAGetLastError() == WSAEWOULDBLOCK);
    }
    if (load->is_udp && memcmp(bytes, &client->number, sizeof(client->number)) != 0) {
        return true; /* Of a request that was sent twice. */
    }
    client->received += count;
    if (client->received < IO_LOAD_BYTES) {
        return true;
    }
    const uint64_t now_ns = os_clock_ns();
    load->bins[bin_of(now_ns - client->asked_ns)]++;
    load->echoes++;
    if (load->is_falling_silent) {
        load->silent++;
        return true;
    }
    return ask(load, index, now_ns);
}

static void ask_again(struct io_load *load, uint64_t now_ns)
{
    for (unsigned i = 0; i < load->count; i++) {
        if (now_ns - load->clients[i].sent_ns > RESEND_NS) {
            load->resent++;
            (void)send_request(load, i, now_ns);
        }
    }
}

/* Waits for a moment and serves whoever has something. */
static bool take_all(struct io_load *load)
{
    const int found = WSAPoll(load->polled, load->count, POLL_MS);

    for (unsigned i = 0; i < load->count && found > 0; i++) {
        if (load->polled[i].revents != 0 && !take(load, i)) {
            return false;
        }
    }
    return true;
}

static bool connect_client(struct io_load *load, unsigned index, uint16_t port)
{
    const struct sockaddr_in address = io_loopback(port);
    const int on = 1;
    const SOCKET client = socket(AF_INET, load->is_udp ? SOCK_DGRAM : SOCK_STREAM, 0);

    load->polled[index] = (WSAPOLLFD){.fd = client, .events = POLLIN};
    if (client == INVALID_SOCKET ||
        connect(client, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        !io_set_nonblocking(client)) {
        return false;
    }
    if (!load->is_udp) {
        (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof(on));
    }
    return true;
}

struct io_load *io_load_open(bool is_udp, uint16_t port, unsigned count)
{
    struct io_load *const load = calloc(1, sizeof(*load));

    if (load == NULL) {
        return NULL;
    }
    load->is_udp = is_udp;
    load->clients = calloc(count, sizeof(load->clients[0]));
    load->polled = calloc(count, sizeof(load->polled[0]));
    if (load->clients == NULL || load->polled == NULL || io_sockets_start() != 0) {
        free(load->clients);
        free(load->polled);
        free(load);
        return NULL;
    }
    while (load->count < count) {
        const unsigned index = load->count;
        load->count++;
        if (!connect_client(load, index, port) || !ask(load, index, os_clock_ns())) {
            io_load_close(load);
            return NULL;
        }
    }
    return load;
}

int io_load_run(struct io_load *load, uint64_t duration_ns, struct io_load_result *out)
{
    const uint64_t begin_ns = os_clock_ns();
    uint64_t now_ns = begin_ns;
    uint64_t scan_ns = begin_ns + SCAN_NS;

    memset(load->bins, 0, sizeof(load->bins));
    load->echoes = 0;
    load->resent = 0;
    while (now_ns - begin_ns < duration_ns) {
        if (!take_all(load)) {
            return -1;
        }
        now_ns = os_clock_ns();
        if (load->is_udp && now_ns > scan_ns) {
            ask_again(load, now_ns);
            scan_ns = now_ns + SCAN_NS;
        }
    }
    *out = (struct io_load_result){
        .echoes = load->echoes,
        .resent = load->resent,
        .rate_s = (double)load->echoes * NS_PER_S / (double)(now_ns - begin_ns),
        .p50_us = percentile_us(load, 0.50),
        .p99_us = percentile_us(load, 0.99),
    };
    return 0;
}

int io_load_fall_silent(struct io_load *load)
{
    const uint64_t begin_ns = os_clock_ns();

    load->is_falling_silent = true;
    while (load->silent < load->count) {
        if (!take_all(load) || os_clock_ns() - begin_ns > SILENT_NS) {
            return -1;
        }
    }
    return 0;
}

void io_load_close(struct io_load *load)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    for (unsigned i = 0; i < load->count; i++) {
        if (load->polled[i].fd != INVALID_SOCKET) {
            /* By a reset, so that thousands of finished connections do not hold their ports. */
            (void)setsockopt(load->polled[i].fd, SOL_SOCKET, SO_LINGER, (const char *)&at_once,
                             sizeof(at_once));
            (void)closesocket(load->polled[i].fd);
        }
    }
    io_sockets_stop();
    free(load->clients);
    free(load->polled);
    free(load);
}
