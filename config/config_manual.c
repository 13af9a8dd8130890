/* SPDX-License-Identifier: MIT */

/* config_manual.c - the key table as a manual page.
 *
 * The language is mdoc(7), which groff and mandoc both read. A new sentence begins a new line, so
 * that they set the space after a full stop themselves. */

#include "config/config_dump.h"

#include <stdio.h>
#include <string.h>

#include "config/config_keys.h"
#include "config/config_value.h"

static const char manual_head[] =
    ".\\\" SPDX-License-Identifier: MIT\n"
    ".\\\" Made from the table in config/config_keys.c; a test holds it to that.\n"
    ".Dd November 23, 2026\n"
    ".Dt RELAY.INI 5\n"
    ".Os gsrelay\n"
    ".Sh NAME\n"
    ".Nm relay.ini\n"
    ".Nd configuration of gsrelayd, the relay for game states\n"
    ".Sh SYNOPSIS\n"
    ".Pa /etc/gsrelay/relay.ini\n"
    ".Sh DESCRIPTION\n"
    ".Xr gsrelayd 8\n"
    "reads its configuration from this file.\n"
    "Every key has a default, so an empty file is a good one, and so is none.\n"
    ".Pp\n"
    "A line is a section in brackets, a key and its value with an equals sign between them, a\n"
    "comment that begins with a semicolon or a number sign, or blank.\n"
    "Comments stand on lines of their own.\n"
    "A value in which a semicolon or a number sign follows a blank stands in double quotes.\n"
    "Lines have 198 bytes at most; the file is UTF-8.\n"
    ".Pp\n"
    "Values are\n"
    ".Cm yes\n"
    "or\n"
    ".Cm no ;\n"
    "whole numbers; times with their unit, as 250ms, 10s, 5m, 2h, 1d; sizes with their unit, as\n"
    "1200B, 64KiB, 4MiB; or what the key says.\n"
    ".Pp\n"
    "An unknown key, one that is given twice, and a value that is not allowed are mistakes.\n"
    "All of them are listed with file and line, and the file is refused as a whole.\n"
    ".Pp\n"
    "Each key can also be given in the environment, as\n"
    ".Ev GSRELAY_UDP_PORT\n"
    "for\n"
    ".Cm port\n"
    "in section\n"
    ".Cm udp ,\n"
    "or on the command line, as\n"
    ".Fl Fl set Cm udp.port=7777 .\n"
    "The command line wins over the environment, and that over the file.\n";

static const char manual_foot[] = ".Sh FILES\n"
                                  ".Bl -tag -width Ds\n"
                                  ".It Pa /etc/gsrelay/relay.ini\n"
                                  "Read where neither\n"
                                  ".Fl Fl config\n"
                                  "nor\n"
                                  ".Ev GSRELAY_CONFIG\n"
                                  "names another one.\n"
                                  ".El\n"
                                  ".Sh EXAMPLES\n"
                                  "A relay for everybody who has a ticket:\n"
                                  ".Bd -literal -offset indent\n"
                                  "[server]\n"
                                  "listen = 0.0.0.0, ::\n"
                                  "\n"
                                  "[auth]\n"
                                  "mode = ticket\n"
                                  "secret_file = /etc/gsrelay/secrets\n"
                                  ".Ed\n"
                                  ".Pp\n"
                                  "What is in force, and where each value comes from:\n"
                                  ".Bd -literal -offset indent\n"
                                  "gsrelayd --dump-config --config /etc/gsrelay/relay.ini\n"
                                  ".Ed\n"
                                  ".Sh SEE ALSO\n"
                                  ".Xr gsrelay 1 ,\n"
                                  ".Xr gsrelayd 8\n";

struct page {
    config_write *write;
    void *context;
    bool begins_line;
};

static void put_bytes(struct page *page, const char *bytes, size_t size)
{
    if (size > 0) {
        page->write(page->context, bytes, size);
        page->begins_line = bytes[size - 1] == '\n';
    }
}

static void put(struct page *page, const char *text)
{
    put_bytes(page, text, strlen(text));
}

/* One character of plain text, such that no macro and no escape comes of it. */
static void put_character(struct page *page, char c)
{
    if (page->begins_line && (c == '.' || c == '\'')) {
        put(page, "\\&");
    }
    if (c == '\\') {
        put(page, "\\e");
    } else {
        put_bytes(page, &c, 1);
    }
}

/* Plain text that stands for itself: each hyphen is the one that can be typed. */
static void put_literal(struct page *page, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '-') {
            put(page, "\\-");
        } else {
            put_character(page, *text);
        }
    }
}

static bool ends_sentence(const char *at)
{
    return at[0] == '.' && (at[1] == ' ' || at[1] == '\n') &&
           ((at[2] >= 'A' && at[2] <= 'Z') || (at[2] >= '0' && at[2] <= '9'));
}

/* Sentences, each from the beginning of a line. */
static void put_sentences(struct page *page, const char *text)
{
    for (; *text != '\0'; text++) {
        put_character(page, *text);
        if (ends_sentence(text)) {
            put(page, "\n");
            text++;
        }
    }
    put(page, "\n");
}

static void put_key(struct page *page, const struct config_key *key)
{
    char range[CONFIG_RANGE_TEXT_SIZE];

    config_value_print_range(key, range);
    put(page, ".It Cm ");
    put(page, key->name);
    put(page, "\n");
    put_sentences(page, key->help);
    put(page, "Default: ");
    put_literal(page, *key->fallback == '\0' ? "empty" : key->fallback);
    put(page, ".\nAllowed: ");
    put_literal(page, range);
    put(page, key->is_live ? ".\n" : ".\nA change needs a restart.\n");
}

void config_dump_manual(config_write *write, void *context)
{
    struct page page = {.write = write, .context = context, .begins_line = true};
    const char *section = "";

    put(&page, manual_head);
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);

        if (strcmp(section, key->section) != 0) {
            put(&page, i == 0 ? "" : ".El\n");
            section = key->section;
            put(&page, ".Ss [");
            put(&page, section);
            put(&page, "]\n");
            put_sentences(&page, config_section_title(section));
            put(&page, ".Bl -tag -width Ds\n");
        }
        put_key(&page, key);
    }
    put(&page, ".El\n");
    put(&page, manual_foot);
}
