/* SPDX-License-Identifier: MIT */
#include "daemon/service/service_paths.h"

#include "config/config_text.h"
#include "daemon/identity.h"

#include <stdio.h>
#include <string.h>

/* What Windows takes for a device, whatever extension follows. */
static bool is_device(const char *name)
{
    static const char *const devices[] = {"con", "prn", "aux", "nul", "com", "lpt"};
    const size_t size = strcspn(name, ".");

    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        const bool has_digit = i >= 4;

        if (config_begins_ignoring_case(name, devices[i]) && size == (has_digit ? 4u : 3u) &&
            (!has_digit || (name[3] >= '0' && name[3] <= '9'))) {
            return true;
        }
    }
    return false;
}

/* What lies in the folder in which other services have theirs. */
static bool is_ours(const char *name)
{
    static const char *const taken[] = {"relay.ini", "secrets", "logs", "state"};

    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (config_equal_ignoring_case(name, taken[i])) {
            return true;
        }
    }
    return false;
}

/* The first character that a path, a registry key, a quoted argument or (the percent sign: the
 * service manager expands variables) an image path cannot carry; NULL when there is none. */
static const char *bad_character(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F || strchr("\\/:*?\"<>|%", *c) != NULL) {
            return c;
        }
    }
    return NULL;
}

int service_name_check(const char *name, char error[SERVICE_PATHS_ERROR_SIZE])
{
    const size_t size = strlen(name);
    const char *bad = bad_character(name);
    char shown[SERVICE_NAME_SIZE * 2];

    (void)config_escape(name, shown, sizeof(shown));
    if (size == 0) {
        (void)snprintf(error, SERVICE_PATHS_ERROR_SIZE, "a service needs a name");
    } else if (size >= SERVICE_NAME_SIZE) {
        (void)snprintf(error, SERVICE_PATHS_ERROR_SIZE,
                       "the name of a service has at most %d bytes; this one has %zu",
                       SERVICE_NAME_SIZE - 1, size);
    } else if (!config_is_utf8(name, size)) {
        (void)snprintf(error, SERVICE_PATHS_ERROR_SIZE, "\"%s\" is not UTF-8", shown);
    } else if (bad != NULL) {
        (void)snprintf(error, SERVICE_PATHS_ERROR_SIZE,
                       (unsigned char)*bad > 0x20 && *bad != 0x7F
                           ? "\"%s\" cannot be a service's name: it holds %c"
                           : "\"%s\" cannot be a service's name: it holds a control character",
                       shown, *bad);
    } else if (strchr(" .", name[0]) != NULL || strchr(" .", name[size - 1]) != NULL) {
        (void)snprintf(error, SERVICE_PATHS_ERROR_SIZE,
                       "\"%s\" cannot be a service's name: it begins or ends with a space or a dot",
                       shown);
    } else if (is_device(name) || is_ours(name)) {
        (void)snprintf(error, SERVICE_PATHS_ERROR_SIZE,
                       "\"%s\" cannot be a service's name: its folder could not be called that",
                       shown);
    } else {
        return RESULT_OK;
    }
    return RESULT_INVALID;
}

/* Joins a folder and what is in it with the separator that the folder's path has. */
static int join(const char *folder, const char *name, char out[OS_PATH_SIZE])
{
    const char *separator = folder[0] == '/' ? "/" : "\\";
    const int size = snprintf(out, OS_PATH_SIZE, "%s%s%s", folder, separator, name);

    return size > 0 && size < OS_PATH_SIZE ? RESULT_OK : RESULT_FULL;
}

int service_paths_under(const char *base, const char *name, struct service_paths *out)
{
    int result = RESULT_OK;

    if (config_equal_ignoring_case(name, IDENTITY_SERVICE_NAME)) {
        const int size = snprintf(out->data, sizeof(out->data), "%s", base);

        result = size > 0 && size < OS_PATH_SIZE ? RESULT_OK : RESULT_FULL;
    } else {
        result = join(base, name, out->data);
    }
    if (result != RESULT_OK || join(out->data, "relay.ini", out->config) != RESULT_OK ||
        join(out->data, "secrets", out->secrets) != RESULT_OK ||
        join(out->secrets, "secrets.ini", out->secret_file) != RESULT_OK ||
        join(out->data, "logs", out->logs) != RESULT_OK ||
        join(out->logs, "gsrelayd.log", out->log_file) != RESULT_OK ||
        join(out->data, "state", out->state) != RESULT_OK ||
        join(out->state, "last-end", out->last_end) != RESULT_OK) {
        return RESULT_FULL;
    }
    return RESULT_OK;
}

int service_paths_find(const char *name, struct service_paths *out)
{
    char base[OS_PATH_SIZE];

    if (os_path_config_dir(base, sizeof(base)) != 0) {
        return RESULT_INVALID;
    }
    return service_paths_under(base, name, out);
}
