/* SPDX-License-Identifier: MIT */
#include "client/tools/load.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LISTEN_STATE 0x0A

/* Whether a row of /proc/net/tcp or tcp6 is a listener that takes connections for that address. The
 * words of an address stand there as they lie in memory. */
static bool is_listener(const char *hex, unsigned port, unsigned state, const struct addr *server)
{
    const bool is_ipv6 = strlen(hex) == 32;
    uint8_t ip[16] = {0};

    if (state != LISTEN_STATE || port != server->port)
        return false;
    for (size_t i = 0; i < strlen(hex) / 8; i++) {
        char word[9] = {0};
        uint32_t value;

        memcpy(word, hex + 8 * i, 8);
        value = (uint32_t)strtoul(word, NULL, 16);
        memcpy(ip + 4 * i, &value, sizeof(value));
    }
    if (is_ipv6 != (server->family == ADDR_FAMILY_IPV6))
        return false;
    return memcmp(ip, (const uint8_t[16]){0}, sizeof(ip)) == 0 ||
           memcmp(ip, server->ip, is_ipv6 ? 16 : 4) == 0;
}

/* The inode of the socket that listens there; 0: none does. */
static uint64_t find_inode(const struct addr *server)
{
    FILE *file =
        fopen(server->family == ADDR_FAMILY_IPV6 ? "/proc/net/tcp6" : "/proc/net/tcp", "re");
    char line[512];
    uint64_t inode = 0;

    while (file != NULL && inode == 0 && fgets(line, sizeof(line), file) != NULL) {
        char hex[33];
        unsigned port = 0;
        unsigned state = 0;
        uint64_t found = 0;

        if (sscanf(line,
                   " %*u: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %" SCNu64,
                   hex, &port, &state, &found) == 4 &&
            is_listener(hex, port, state, server))
            inode = found;
    }
    if (file != NULL)
        fclose(file);
    return inode;
}

static bool has_socket(const char *pid, const char *socket_name)
{
    char path[64];
    char target[64];
    DIR *folder;
    const struct dirent *entry;
    bool is_found = false;

    snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
    folder = opendir(path);
    while (folder != NULL && !is_found && (entry = readdir(folder)) != NULL) {
        ssize_t size = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);

        if (size > 0) {
            target[size] = '\0';
            is_found = strcmp(target, socket_name) == 0;
        }
    }
    if (folder != NULL)
        closedir(folder);
    return is_found;
}

uint32_t load_relay_find(const struct addr *server, char why_out[LOAD_WHY_SIZE])
{
    const uint64_t inode = find_inode(server);
    char name[64];
    DIR *folder;
    const struct dirent *entry;
    uint32_t pid = 0;

    if (inode == 0) {
        snprintf(why_out, LOAD_WHY_SIZE, "nothing on this machine listens there");
        return 0;
    }
    snprintf(name, sizeof(name), "socket:[%" PRIu64 "]", inode);
    folder = opendir("/proc");
    while (folder != NULL && pid == 0 && (entry = readdir(folder)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]) && has_socket(entry->d_name, name))
            pid = (uint32_t)strtoul(entry->d_name, NULL, 10);
    }
    if (folder != NULL)
        closedir(folder);
    if (pid == 0)
        snprintf(why_out, LOAD_WHY_SIZE,
                 "its process is another user's: give --pid, or run this as root");
    return pid;
}

/* From /proc/PID/status, in KiB. */
static uint64_t status_kib(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

int load_relay_usage(uint32_t pid, struct load_usage *out, char why_out[LOAD_WHY_SIZE])
{
    char path[64];
    char text[4096];
    struct timespec time;
    clockid_t clock;
    size_t size = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%u/status", pid);
    file = fopen(path, "re");
    if (file != NULL) {
        size = fread(text, 1, sizeof(text) - 1, file);
        fclose(file);
    }
    text[size] = '\0';
    if (size == 0 || clock_getcpuclockid((pid_t)pid, &clock) != 0 ||
        clock_gettime(clock, &time) != 0) {
        snprintf(why_out, LOAD_WHY_SIZE, "there is no process %u any more", pid);
        return -1;
    }
    *out = (struct load_usage){
        .cpu_ns = (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec,
        .resident_bytes = status_kib(text, "VmRSS:") * 1024,
        .peak_bytes = status_kib(text, "VmHWM:") * 1024,
    };
    return 0;
}
