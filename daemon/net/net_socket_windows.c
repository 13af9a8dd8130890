/* SPDX-License-Identifier: MIT */
#include "daemon/net/net_socket_windows.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "daemon/net/net_check.h"
#include "daemon/net/net_error.h"
#include "daemon/os/os.h"

/* How often a port that was free on the first address may be taken on another one. */
#define PORT_ATTEMPTS_MAX 32

int net_failure_set(struct net_failure *failure_out, const char *step, const struct addr *address,
                    int os_error, const char *text)
{
    char words[OS_ERROR_TEXT_SIZE];

    *failure_out = (struct net_failure){
        .result = os_error == 0 ? RESULT_INVALID : net_error_result_windows(os_error),
        .step = step,
        .os_error = os_error,
    };
    if (address != NULL) {
        failure_out->address = *address;
    }
    const char *const reason = text != NULL ? text : os_error_text(os_error, words);
    (void)snprintf(failure_out->text, sizeof(failure_out->text), "%.*s", NET_FAILURE_TEXT_MAX - 1,
                   reason);
    return failure_out->result;
}

int net_winsock_start(struct net_failure *failure_out)
{
    WSADATA found;
    const int error = WSAStartup(WINSOCK_VERSION, &found);

    return error == 0 ? RESULT_OK
                      : net_failure_set(failure_out, "start Winsock", NULL, error, NULL);
}

void net_winsock_stop(void)
{
    (void)WSACleanup();
}

int net_family_of(const struct addr *addr)
{
    return addr->family == ADDR_FAMILY_IPV6 ? AF_INET6 : AF_INET;
}

int net_sockaddr_from(const struct addr *addr, union net_sockaddr *out)
{
    assert(addr->family == ADDR_FAMILY_IPV4 || addr->family == ADDR_FAMILY_IPV6);

    if (addr->family == ADDR_FAMILY_IPV4) {
        out->ipv4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(addr->port)};
        memcpy(&out->ipv4.sin_addr, addr->ip, 4);
        return sizeof(out->ipv4);
    }
    out->ipv6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(addr->port)};
    memcpy(&out->ipv6.sin6_addr, addr->ip, 16);
    out->ipv6.sin6_scope_id = addr->scope_id;
    return sizeof(out->ipv6);
}

struct addr net_sockaddr_to(const union net_sockaddr *address)
{
    if (address->any.sa_family == AF_INET) {
        struct addr addr = {.family = ADDR_FAMILY_IPV4, .port = ntohs(address->ipv4.sin_port)};
        memcpy(addr.ip, &address->ipv4.sin_addr, 4);
        return addr;
    }
    if (address->any.sa_family == AF_INET6) {
        return addr_ipv6(address->ipv6.sin6_addr.s6_addr, ntohs(address->ipv6.sin6_port),
                         (uint32_t)address->ipv6.sin6_scope_id);
    }
    return (struct addr){0};
}

int net_socket_set_nonblocking(struct net_system *system, SOCKET socket)
{
    u_long on = 1;

    return system->ioctl(system, socket, (DWORD)FIONBIO, &on, sizeof(on), NULL, 0);
}

int net_option_apply(struct net_system *system, SOCKET socket, uint8_t family,
                     const struct net_option *option, struct net_granted *granted)
{
    const unsigned column = family == ADDR_FAMILY_IPV6;
    const int level = option->level[column];
    const int name = option->option[column];
    int value = 0;
    int error = 0;

    granted->granted = NET_SETTING_DEFAULT;
    if (option->value != NET_SETTING_DEFAULT) {
        value = (int)(option->value << option->shift);
        if (system->setsockopt(system, socket, level, name, &value, sizeof(value)) != 0) {
            error = WSAGetLastError();
        }
    }
    /* Zero first: some options write one byte only. */
    value = 0;
    int size = sizeof(value);
    if (system->getsockopt(system, socket, level, name, &value, &size) == 0) {
        granted->granted = value >> option->shift;
    } else if (error == 0) {
        error = WSAGetLastError();
    }
    granted->os_error = error;
    return error;
}

/* A refusal is noted only, unless the option is one that we cannot do without: the log shows it,
 * and a relay with the system's buffer size is better than none. Returns NULL or the step. */
static const char *apply_options(const struct net_socket_plan *plan, SOCKET socket, uint32_t index,
                                 struct net_grants *grants)
{
    const uint8_t family = plan->addresses[index].family;

    assert(plan->option_count <= NET_OPTIONS_MAX);
    for (unsigned i = 0; i < plan->option_count; i++) {
        const struct net_option *const option = &plan->options[i];
        struct net_granted granted = {
            .name = option->name, .socket_index = index, .asked = option->value};

        if (option->level[family == ADDR_FAMILY_IPV6] < 0) {
            continue;
        }
        const int error = net_option_apply(plan->system, socket, family, option, &granted);
        if (error != 0 && option->must_step != NULL) {
            WSASetLastError(error);
            return option->must_step;
        }
        if (option->name != NULL) {
            net_grants_add(grants, granted);
        }
    }
    return NULL;
}

/* Windows has no ports that need rights, so its "access denied" for one needs explaining. */
static const char *explain_bind(const char *step, int error)
{
    return strcmp(step, "bind") == 0 && error == WSAEACCES
               ? "Windows has reserved the port (netsh int ipv4 show "
                 "excludedportrange), or another program holds it for itself"
               : NULL;
}

/* Returns NULL, or the step that failed with WSAGetLastError(). */
static const char *prepare_and_bind(const struct net_socket_plan *plan, SOCKET socket,
                                    uint32_t index, const struct addr *wanted,
                                    struct addr *bound_out, struct net_grants *grants)
{
    struct net_system *const system = plan->system;
    union net_sockaddr address;

    if (net_socket_set_nonblocking(system, socket) != 0) {
        return "set non-blocking";
    }
    const char *step = plan->prepare != NULL ? plan->prepare(system, socket) : NULL;
    if (step == NULL) {
        step = apply_options(plan, socket, index, grants);
    }
    if (step != NULL) {
        return step;
    }
    int size = net_sockaddr_from(wanted, &address);
    if (system->bind(system, socket, &address.any, size) != 0) {
        return "bind";
    }
    size = sizeof(address);
    if (system->getsockname(system, socket, &address.any, &size) != 0) {
        return "read the bound address";
    }
    *bound_out = net_sockaddr_to(&address);
    return NULL;
}

/* Opens the socket of plan->addresses[index] on the given port. Returns 0 or a negative result. */
static int open_one(const struct net_socket_plan *plan, uint32_t index, uint16_t port,
                    SOCKET *socket_out, struct addr *bound_out, struct net_grants *grants,
                    struct net_failure *failure_out)
{
    struct net_system *const system = plan->system;
    struct addr wanted = plan->addresses[index];

    wanted.port = port;
    const SOCKET socket = system->socket(system, net_family_of(&wanted), plan->type, 0);
    if (socket == INVALID_SOCKET) {
        return net_failure_set(failure_out, "open socket", &wanted, WSAGetLastError(), NULL);
    }
    const char *const step = prepare_and_bind(plan, socket, index, &wanted, bound_out, grants);
    if (step != NULL) {
        const int error = WSAGetLastError();
        (void)net_failure_set(failure_out, step, &wanted, error, explain_bind(step, error));
        (void)system->close_socket(system, socket);
        return failure_out->result;
    }
    *socket_out = socket;
    return RESULT_OK;
}

static int check_addresses(const struct net_socket_plan *plan, struct net_failure *failure_out)
{
    const struct addr *culprit = NULL;
    const char *const text = net_check_addresses(plan->addresses, plan->address_count, &culprit);

    if (text != NULL) {
        return net_failure_set(failure_out, "check addresses", culprit, 0, text);
    }
    return RESULT_OK;
}

static int open_all(const struct net_socket_plan *plan, SOCKET sockets[], struct addr bound[],
                    struct net_grants *grants, struct net_failure *failure_out)
{
    uint16_t port = plan->addresses[0].port;

    grants->count = 0;
    for (uint32_t i = 0; i < plan->address_count; i++) {
        const int result = open_one(plan, i, port, &sockets[i], &bound[i], grants, failure_out);
        if (result < 0) {
            while (i > 0) {
                i--;
                (void)plan->system->close_socket(plan->system, sockets[i]);
            }
            return result;
        }
        port = bound[i].port;
    }
    return RESULT_OK;
}

int net_sockets_open(const struct net_socket_plan *plan, SOCKET sockets[NET_ADDRESSES_MAX],
                     struct addr bound[NET_ADDRESSES_MAX], struct net_grants *grants,
                     struct net_failure *failure_out)
{
    int result = check_addresses(plan, failure_out);

    if (result < 0) {
        return result;
    }
    const bool may_choose = plan->addresses[0].port == 0;
    for (int attempt = 0; attempt < PORT_ATTEMPTS_MAX; attempt++) {
        result = open_all(plan, sockets, bound, grants, failure_out);
        /* Windows says "denied" for a port that somebody else holds exclusively. */
        if (!may_choose || (result != RESULT_IN_USE && result != RESULT_DENIED)) {
            break;
        }
    }
    return result;
}
