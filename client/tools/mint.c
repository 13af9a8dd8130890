/* SPDX-License-Identifier: MIT */
#include "client/tools/load.h"
#include "client/tools/tool.h"

#include <stdio.h>
#include <string.h>

#include <errno.h>
#include <sodium.h>

#include "config/config_report.h"
#include "config/secret_file.h"
#include "daemon/os/os.h"
#include "proto/ticket.h"

/* --- Files ----------------------------------------------------------------------------------- */

/* The next line with something on it that is not a comment. 1, 0 at the end, -1 when one is too
 * long. */
static int next_line(FILE *file, char *out, size_t size)
{
    while (fgets(out, (int)size, file) != NULL) {
        size_t length = strlen(out);

        if (length + 1 == size && out[length - 1] != '\n')
            return -1;
        while (length > 0 && strchr(" \t\r\n", out[length - 1]) != NULL)
            out[--length] = '\0';
        if (length > 0 && out[0] != '#')
            return 1;
    }
    return 0;
}

static FILE *open_file(const char *path, const char *what)
{
    FILE *file = os_file_open_read(path);

    if (file == NULL)
        say("could not read the %s %s: %s", what, path, strerror(errno));
    return file;
}

int file_line_read(const char *path, const char *what, char *out, size_t size)
{
    FILE *file = open_file(path, what);
    int result;

    if (file == NULL)
        return -1;
    result = next_line(file, out, size);
    fclose(file);
    if (result == 1)
        return 0;
    say(result == 0 ? "the %s %s is empty" : "the %s %s has a line that is too long", what, path);
    return -1;
}

static void write_error(void *context, const char *text, size_t size)
{
    (void)context;
    fwrite(text, 1, size, stderr);
}

/* The relay's own reader, so that one file means the same to both. */
static int read_secrets(const char *path, struct secret_file *out)
{
    static struct config_report report;
    FILE *file = open_file(path, "secret file");
    int result;

    if (file == NULL)
        return -1;
    setvbuf(file, NULL, _IONBF, 0);
    result = secret_file_read(path, config_read_file, file, out, &report);
    fclose(file);
    if (result < 0)
        config_report_print(&report, write_error, NULL);
    return result;
}

static int find_secret(const struct tool_options *options, struct ticket_secret *out)
{
    struct secret_file file;
    int result = -1;

    if (read_secrets(options->secret_file, &file) < 0)
        return -1;
    for (uint32_t i = 0; i < file.count && result < 0; i++) {
        if (options->key_id != NULL && strcmp(options->key_id, file.secrets[i].key_id) != 0)
            continue;
        *out = file.secrets[i];
        result = 0;
    }
    secret_file_wipe(&file);
    if (result < 0)
        say("%s has no secret named %s", options->secret_file, options->key_id);
    return result;
}

/* --- The ticket ------------------------------------------------------------------------------ */

static int add_grant(struct ticket *ticket, const char *grant)
{
    static const char join[] = "join=";

    if (strcmp(grant, "create") == 0) {
        ticket->may_create = true;
        return 0;
    }
    if (strncmp(grant, join, sizeof(join) - 1) == 0)
        grant += sizeof(join) - 1;
    else
        return -1;
    return ticket_grant_join(ticket, grant, strlen(grant)) < 0 ? -1 : 0;
}

static int add_grants(struct ticket *ticket, const struct tool_options *options)
{
    if (options->grant_count == 0) {
        ticket->may_create = true;
        return add_grant(ticket, "join=*");
    }
    for (unsigned i = 0; i < options->grant_count; i++) {
        if (add_grant(ticket, options->grants[i]) < 0) {
            say("a grant is create, join=CODE or join=BEGIN*, not %s", options->grants[i]);
            return -1;
        }
    }
    return 0;
}

/* Writes the name and the key of a ticket for that client. Its size, or -1. */
static int make_ticket(const struct tool_options *options, const struct ticket_secret *secret,
                       const char *client_id, char name_out[TICKET_NAME_MAX + 1],
                       uint8_t key_out[TICKET_KEY_SIZE])
{
    struct ticket ticket = {.expires_s = os_wall_ms() / 1000 + options->lifetime_s};
    int size;

    if (add_grants(&ticket, options) < 0)
        return -1;
    if (strlen(client_id) <= TICKET_CLIENT_ID_MAX)
        memcpy(ticket.client_id, client_id, strlen(client_id) + 1);
    memcpy(ticket.key_id, secret->key_id, sizeof(ticket.key_id));
    size = ticket_print(&ticket, name_out);
    if (size < 0) {
        say("--client is 1 to 64 of A-Z a-z 0-9 . _ @ -, and a ticket has at most %d bytes",
            TICKET_NAME_MAX);
        return -1;
    }
    ticket_key(secret->bytes, name_out, (size_t)size, key_out);
    return size;
}

int mint_run(const struct tool_options *options)
{
    char client_id[TICKET_CLIENT_ID_MAX + 2];
    struct ticket_secret secret;
    char name[TICKET_NAME_MAX + 1];
    char line[TICKET_LINE_SIZE];
    uint8_t key[TICKET_KEY_SIZE];
    int size;

    if (find_secret(options, &secret) < 0)
        return TOOL_USAGE;
    /* A relay lets a client id in once, so two tickets without one must not be the same client. */
    if (options->client_id == NULL)
        snprintf(client_id, sizeof(client_id), "client-%08x", (unsigned)randombytes_random());
    else
        snprintf(client_id, sizeof(client_id), "%s", options->client_id);
    size = make_ticket(options, &secret, client_id, name, key);
    sodium_memzero(&secret, sizeof(secret));
    if (size < 0)
        return TOOL_USAGE;
    ticket_line_print(name, key, line);
    return print_line("%s", line) ? TOOL_DONE : TOOL_REFUSED;
}

/* --- Tickets for a load ---------------------------------------------------------------------- */

int load_tickets_open(struct load_tickets *tickets, const struct tool_options *options)
{
    *tickets = (struct load_tickets){.options = options, .batch = randombytes_random()};
    if (options->secret_file != NULL)
        return find_secret(options, &tickets->secret);
    if (options->ticket_file == NULL)
        return 0;
    tickets->file = open_file(options->ticket_file, "ticket file");
    return tickets->file == NULL ? -1 : 0;
}

void load_tickets_close(struct load_tickets *tickets)
{
    sodium_memzero(&tickets->secret, sizeof(tickets->secret));
    if (tickets->file != NULL)
        fclose(tickets->file);
    tickets->file = NULL;
}

int load_tickets_next(struct load_tickets *tickets, char name_out[GSRELAY_TICKET_NAME_MAX + 1],
                      uint8_t key_out[GSRELAY_TICKET_KEY_SIZE])
{
    const struct tool_options *options = tickets->options;
    char line[TICKET_LINE_SIZE + 2];
    int result;

    tickets->count++;
    if (options->secret_file != NULL) {
        snprintf(line, sizeof(line), "load-%08x-%u", (unsigned)tickets->batch, tickets->count);
        return make_ticket(options, &tickets->secret, line, name_out, key_out) < 0 ? -1 : 1;
    }
    if (tickets->file == NULL)
        return 0;
    if (next_line(tickets->file, line, sizeof(line)) != 1) {
        say("%s has no ticket for client %u: it takes a line for each, as a relay lets one client "
            "in once; --secret-file makes them",
            options->ticket_file, tickets->count);
        return -1;
    }
    result = gsrelay_ticket_read(line, name_out, key_out);
    sodium_memzero(line, sizeof(line));
    if (result >= 0)
        return 1;
    say("line %u of %s is not a ticket: NAME KEY, as gsrelay ticket prints it", tickets->count,
        options->ticket_file);
    return -1;
}
