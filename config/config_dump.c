/* SPDX-License-Identifier: MIT */
#include "config/config_dump.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/config_keys.h"
#include "config/config_lines.h"
#include "config/config_report.h"
#include "config/config_text.h"
#include "config/config_value.h"

struct output {
    config_write *write;
    void *context;
};

static const char template_head[] =
    "# relay.ini - settings of gsrelayd, the relay for game states.\n"
    "#\n"
    "# Every key is here with its default, behind a semicolon: gsrelayd runs without any of them.\n"
    "# To change one, take the semicolon away and write another value.\n"
    "#\n"
    "# Values     yes or no; whole numbers; times as 250ms, 10s, 5m, 2h, 1d; sizes as 1200B,\n"
    "#            64KiB, 4MiB. A time or a size always has its unit.\n"
    "# Comments   stand on lines of their own. A value with \" ;\" or \" #\" in it stands in "
    "double\n"
    "#            quotes. Lines have 198 bytes at most; the file is UTF-8.\n"
    "# Elsewhere  udp.port, say, can also be given as GSRELAY_UDP_PORT in the environment, which\n"
    "#            wins over this file, or as --set udp.port=7777, which wins over both.\n"
    "# Changes    take effect at a reload (kill -HUP; gsrelayd service reload) without a break "
    "for\n"
    "#            anybody, but for those that need a restart, which the log names then. A file "
    "with\n"
    "#            a mistake is refused as a whole: the old settings go on.\n"
    "# Check      gsrelayd --check-config --config relay.ini\n"
    "#            gsrelayd --dump-config shows what is in effect and where it comes from.\n";

const char *config_section_title(const char *section)
{
    static const struct {
        const char *section;
        const char *title;
    } titles[] = {{"server", "Where it listens, what memory it may take, how it stops."},
                  {"udp", "Game states: the UDP side."},
                  {"control", "Log-in and rooms: the TCP side."},
                  {"auth", "Who may use it."},
                  {"room", "Rooms."},
                  {"limits",
                   "How much there may be, and how fast. What is over a limit is dropped, "
                   "and counted."},
                  {"log", "What it tells about itself."}};

    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        if (strcmp(titles[i].section, section) == 0) {
            return titles[i].title;
        }
    }
    return "";
}

CONFIG_PRINTF(2, 3)
static void print(const struct output *output, const char *format, ...)
{
    char text[CONFIG_VALUE_TEXT_SIZE + 128];
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (size > 0) {
        output->write(output->context, text,
                      (size_t)size < sizeof(text) ? (size_t)size : sizeof(text) - 1);
    }
}

static bool begins_section(size_t index)
{
    return index == 0 ||
           strcmp(config_key_at(index)->section, config_key_at(index - 1)->section) != 0;
}

/* True when the file's rules would read text as something else. */
static bool needs_quotes(const char *text)
{
    const size_t size = strlen(text);

    if (size > 0 && (strchr(" \t;#", text[0]) != NULL || strchr(" \t", text[size - 1]) != NULL)) {
        return true;
    }
    for (size_t i = 1; i < size; i++) {
        if ((text[i] == ';' || text[i] == '#') && (text[i - 1] == ' ' || text[i - 1] == '\t')) {
            return true;
        }
    }
    return false;
}

/* Writes "name = value", with nothing after the equals sign where the value is empty. */
static void print_entry(const struct output *output, const char *before,
                        const struct config_key *key, const char *value)
{
    const char *quote = needs_quotes(value) ? "\"" : "";

    if (strlen(key->name) + strlen(" = \"\"") + strlen(value) > CONFIG_LINE_MAX) {
        print(output,
              "# Too long for a line of relay.ini: give it in the environment or by --set.\n");
    }
    print(output, "%s%s =%s%s%s%s\n", before, key->name, *value == '\0' ? "" : " ", quote, value,
          quote);
}

/* The last part of a path, as far as 99 bytes: it stands in comments, whose lines are bounded. */
static void file_name(const char *path, char out[100])
{
    const char *name = path;

    for (const char *c = path; *c != '\0'; c++) {
        if ((*c == '/' || *c == '\\') && c[1] != '\0') {
            name = c + 1;
        }
    }
    (void)config_escape(name, out, 100);
}

static void print_origin(const struct output *output, const struct config *config, size_t index)
{
    const struct config_origin origin = config->origins[index];
    char name[100];

    switch (origin.kind) {
    case CONFIG_FROM_DEFAULT:
        print(output, "# default\n");
        break;
    case CONFIG_FROM_FILE:
        file_name(config->path, name);
        print(output, "# %s:%u\n", name, (unsigned)origin.line);
        break;
    case CONFIG_FROM_ENVIRONMENT:
        config_environment_name(config_key_at(index), name);
        print(output, "# environment %s\n", name);
        break;
    case CONFIG_FROM_SET:
        print(output, "# --set\n");
        break;
    }
}

void config_dump(const struct config *config, config_write *write, void *context)
{
    const struct output output = {.write = write, .context = context};
    char value[CONFIG_VALUE_TEXT_SIZE];

    print(&output, "# The configuration in effect, and where each value comes from.\n");
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);

        if (begins_section(i)) {
            print(&output, "\n[%s]\n", key->section);
        }
        print_origin(&output, config, i);
        config_value_print(key, &config->values, value);
        print_entry(&output, "", key, value);
    }
}

/* Writes help, each line behind before. */
static void print_help(const struct output *output, const char *before, const char *help)
{
    for (const char *line = help; *line != '\0';) {
        const size_t size = strcspn(line, "\n");

        print(output, "%s%.*s\n", before, (int)size, line);
        line += size + (line[size] == '\n' ? 1 : 0);
    }
}

static const char *find_assignment(const struct config_assignment *set, size_t count,
                                   const struct config_key *key)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(set[i].section, key->section) == 0 && strcmp(set[i].name, key->name) == 0) {
            return set[i].value;
        }
    }
    return NULL;
}

void config_dump_template(const struct config_assignment *set, size_t count, config_write *write,
                          void *context)
{
    const struct output output = {.write = write, .context = context};
    char range[CONFIG_RANGE_TEXT_SIZE];

    write(context, template_head, sizeof(template_head) - 1);
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        const char *value = find_assignment(set, count, key);

        if (begins_section(i)) {
            print(&output, "\n# %s\n[%s]\n", config_section_title(key->section), key->section);
        }
        config_value_print_range(key, range);
        print(&output, "\n");
        print_help(&output, "# ", key->help);
        print(&output, "# Allowed: %s.%s\n", range, key->is_live ? "" : " Needs a restart.");
        print_entry(&output, ";", key, key->fallback);
        if (value != NULL) {
            print_entry(&output, "", key, value);
        }
    }
}

void config_dump_defaults(config_write *write, void *context)
{
    config_dump_template(NULL, 0, write, context);
}

/* Writes text into a cell of a table: a line break becomes a space. */
static void print_cell(const struct output *output, const char *text)
{
    for (; *text != '\0'; text++) {
        print(output, *text == '|' ? "\\%c" : "%c", *text == '\n' ? ' ' : *text);
    }
}

static const char reference_head[] =
    "# relay.ini, key by key\n\n"
    "This page is made from the table in `config/config_keys.c`; a test holds it to that.\n"
    "A key can also be given as `--set section.key=value` or as `GSRELAY_SECTION_KEY` in the\n"
    "environment. The command line wins over the environment, and that over the file.\n"
    "Times and sizes carry their unit: `250ms`, `10s`, `5m`, `2h`, `1d`; `1200B`, `64KiB`, "
    "`4MiB`.\n"
    "*Change* tells which keys a reload applies at once, and which need a restart. A time acts on "
    "what begins\n"
    "after the reload: a connection keeps the idle timeout that its client was told.\n\n";

void config_dump_reference(config_write *write, void *context)
{
    const struct output output = {.write = write, .context = context};
    char range[CONFIG_RANGE_TEXT_SIZE];

    write(context, reference_head, sizeof(reference_head) - 1);
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);

        if (begins_section(i)) {
            print(&output, "%s## [%s]\n\n%s\n\n", i == 0 ? "" : "\n", key->section,
                  config_section_title(key->section));
            print(&output, "| Key | Default | Allowed | Change | Meaning |\n");
            print(&output, "|---|---|---|---|---|\n");
        }
        config_value_print_range(key, range);
        print(&output, "| `%s` | %s%s%s | %s | %s | ", key->name, *key->fallback == '\0' ? "" : "`",
              *key->fallback == '\0' ? "(empty)" : key->fallback, *key->fallback == '\0' ? "" : "`",
              range, key->is_live ? "reload" : "restart");
        print_cell(&output, key->help);
        print(&output, " |\n");
    }
}
