/* SPDX-License-Identifier: MIT */
#include <winsock2.h>

#include <ws2tcpip.h>
#include <windows.h>
#include <iphlpapi.h>
#include <psapi.h>

#include "client/tools/load.h"

#include <stdlib.h>
#include <string.h>

/* The table grows while we ask for its size; a few attempts catch it. */
#define TABLE_ATTEMPTS 4

/* All listeners of that family with their processes; NULL when the system does not tell. */
static void *allocate_table(ULONG family)
{
    ULONG size = 16384;

    for (unsigned i = 0; i < TABLE_ATTEMPTS; i++) {
        void *table = malloc(size);
        DWORD status;

        if (table == NULL)
            return NULL;
        status = GetExtendedTcpTable(table, &size, FALSE, family, TCP_TABLE_OWNER_PID_LISTENER, 0);
        if (status == NO_ERROR)
            return table;
        free(table);
        if (status != ERROR_INSUFFICIENT_BUFFER)
            return NULL;
    }
    return NULL;
}

static bool is_listener(const uint8_t *ip, size_t size, DWORD port, const struct addr *server)
{
    return ntohs((u_short)port) == server->port &&
           (memcmp(ip, (const uint8_t[16]){0}, size) == 0 || memcmp(ip, server->ip, size) == 0);
}

/* The process of the first listener that fits; NOBODY without one. Wine tells of listeners, but not
 * whose they are: 0. */
#define NOBODY UINT32_MAX

static uint32_t find_ipv4(const void *table, const struct addr *server)
{
    const MIB_TCPTABLE_OWNER_PID *rows = table;

    for (DWORD i = 0; i < rows->dwNumEntries; i++) {
        const MIB_TCPROW_OWNER_PID *row = &rows->table[i];

        if (is_listener((const uint8_t *)&row->dwLocalAddr, 4, row->dwLocalPort, server))
            return row->dwOwningPid;
    }
    return NOBODY;
}

static uint32_t find_ipv6(const void *table, const struct addr *server)
{
    const MIB_TCP6TABLE_OWNER_PID *rows = table;

    for (DWORD i = 0; i < rows->dwNumEntries; i++) {
        const MIB_TCP6ROW_OWNER_PID *row = &rows->table[i];

        if (is_listener(row->ucLocalAddr, 16, row->dwLocalPort, server))
            return row->dwOwningPid;
    }
    return NOBODY;
}

uint32_t load_relay_find(const struct addr *server, char why_out[LOAD_WHY_SIZE])
{
    const bool is_ipv6 = server->family == ADDR_FAMILY_IPV6;
    void *table = allocate_table(is_ipv6 ? AF_INET6 : AF_INET);
    uint32_t pid = 0;

    if (table == NULL) {
        snprintf(why_out, LOAD_WHY_SIZE, "the system does not tell who listens: give --pid");
        return 0;
    }
    pid = is_ipv6 ? find_ipv6(table, server) : find_ipv4(table, server);
    free(table);
    if (pid == 0)
        snprintf(why_out, LOAD_WHY_SIZE, "the system does not tell whose it is: give --pid");
    else if (pid == NOBODY)
        snprintf(why_out, LOAD_WHY_SIZE, "nothing on this machine listens there");
    return pid == NOBODY ? 0 : pid;
}

static uint64_t time_ns(FILETIME time)
{
    return (((uint64_t)time.dwHighDateTime << 32) + time.dwLowDateTime) * 100;
}

int load_relay_usage(uint32_t pid, struct load_usage *out, char why_out[LOAD_WHY_SIZE])
{
    HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
    PROCESS_MEMORY_COUNTERS memory = {.cb = sizeof(memory)};
    FILETIME created;
    FILETIME ended;
    FILETIME kernel;
    FILETIME user;
    bool is_told;

    if (process == NULL) {
        snprintf(why_out, LOAD_WHY_SIZE,
                 GetLastError() == ERROR_ACCESS_DENIED
                     ? "process %u may not be asked: run this as an administrator"
                     : "there is no process %u any more",
                 pid);
        return -1;
    }
    is_told = GetProcessTimes(process, &created, &ended, &kernel, &user) &&
              K32GetProcessMemoryInfo(process, &memory, sizeof(memory));
    CloseHandle(process);
    if (!is_told) {
        snprintf(why_out, LOAD_WHY_SIZE, "the system does not tell about process %u", pid);
        return -1;
    }
    *out = (struct load_usage){.cpu_ns = time_ns(kernel) + time_ns(user),
                               .resident_bytes = memory.WorkingSetSize,
                               .peak_bytes = memory.PeakWorkingSetSize};
    return 0;
}
