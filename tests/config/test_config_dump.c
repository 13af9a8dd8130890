/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config/config_dump.h"
#include "config/config_keys.h"
#include "config_fixture.h"
#include "daemon/os/os.h"

static struct memory_text dumped;
static struct memory_text dumped_again;

static const char *dump_of(const struct config *config, struct memory_text *text)
{
    memset(text, 0, sizeof(*text));
    config_dump(config, memory_write, text);
    return text->bytes;
}

static bool has_text(const char *text)
{
    return strstr(dumped.bytes, text) != NULL;
}

static void assert_lines_fit(const char *text, size_t width)
{
    while (*text != '\0') {
        const size_t size = strcspn(text, "\n");

        if (size > width) {
            fail_msg("%zu bytes: %.*s", size, (int)size, text);
        }
        assert_true(size == 0 || text[size - 1] != ' ');
        assert_int_equal(text[size], '\n');
        text += size + 1;
    }
}

static void template__with_keys_set__reads_back_to_those_and_the_defaults(void **state)
{
    static const struct config_assignment set[] = {{"server", "listen", "0.0.0.0, ::"},
                                                   {"auth", "mode", "ticket"},
                                                   {"auth", "secret_file", "C:\\a ;b\\s.ini"}};
    static const char *const settings[] = {"server.listen=0.0.0.0, ::", "auth.mode=ticket",
                                           "auth.secret_file=C:\\a ;b\\s.ini", NULL};
    static struct config expected;
    size_t changed[CONFIG_KEYS_MAX];

    (void)state;
    memset(&dumped, 0, sizeof(dumped));
    config_dump_template(set, sizeof(set) / sizeof(set[0]), memory_write, &dumped);
    assert_true(has_text("\n;mode = open\nmode = ticket\n"));
    assert_true(has_text("\nsecret_file = \"C:\\a ;b\\s.ini\"\n"));
    assert_int_equal(load_with(NULL, NULL, settings), 0);
    expected = fixture_config;
    assert_int_equal(load_text(dumped.bytes), 0);
    assert_int_equal(config_changed(&expected.values, &fixture_config.values, changed), 0);
}

/* Whatever was configured, a dump is read back to the same values, and dumping those gives the
 * same lines but for where they come from. */
static void dump__read_back__gives_equal_values(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const some[] = {
        "server.listen=::1, 127.0.0.1", "server.drain_timeout=off", "udp.port=0",
        "udp.advertise=2001:db8::9",    "udp.recv_buffer=system",   "udp.dscp=46",
        "auth.secret_file= a ;b#c # d", "auth.mode=ticket",         "log.level=debug",
        "room.tick_default=1ms",        "control.no_delay=no",      "limits.client_bytes_s=777",
        "limits.max_clients=100",       "room.max_age=90m",         NULL};
    static const char *const paths[] = {"auth.secret_file=a #x", NULL};
    static const char *const *const sets[] = {none, some, paths};
    size_t changed[CONFIG_KEYS_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        static struct config first;

        assert_int_equal(load_with(NULL, NULL, sets[i]), 0);
        first = fixture_config;
        if (load_text(dump_of(&first, &dumped)) != 0) {
            fail_msg("%s", fixture_messages.bytes);
        }
        assert_int_equal(config_changed(&first.values, &fixture_config.values, changed), 0);
        assert_int_equal(load_text(dump_of(&fixture_config, &dumped_again)), 0);
        assert_int_equal(config_changed(&first.values, &fixture_config.values, changed), 0);
        assert_lines_fit(dumped.bytes, 198);
        /* Every key is now written in the file. */
        for (size_t k = 0; k < config_key_count(); k++) {
            assert_int_equal(fixture_config.origins[k].kind, CONFIG_FROM_FILE);
        }
    }
}

static void dump__sources__stand_above_the_values(void **state)
{
    static const char *const environment[] = {"GSRELAY_UDP_TTL=7", NULL};
    static const char *const settings[] = {"control.port=1", NULL};

    (void)state;
    assert_int_equal(load_with("[udp]\n\nport = 5\n", environment, settings), 0);
    (void)dump_of(&fixture_config, &dumped);
    assert_true(has_text("\n[udp]\n# relay.ini:3\nport = 5\n# default\nworkers = 1\n"));
    assert_true(has_text("# environment GSRELAY_UDP_TTL\nttl = 7\n"));
    assert_true(has_text("\n[control]\n# --set\nport = 1\n# default\nmax_connections = 4352\n"));
    assert_true(has_text("# default\nadvertise =\n"));
}

static void dump__a_value_that_no_line_holds__is_marked(void **state)
{
    static struct config config;

    (void)state;
    config_defaults(&config);
    (void)dump_of(&config, &dumped);
    assert_false(has_text("Too long"));
    memset(config.values.auth.secret_file, 'p', 300);
    (void)dump_of(&config, &dumped);
    assert_true(has_text("\n# Too long for a line of relay.ini: give it in the environment or by "
                         "--set.\nsecret_file = ppp"));
}

static void dump__a_path_of_the_file__is_cut_to_its_name(void **state)
{
    static struct config config;

    (void)state;
    config_defaults(&config);
    config.origins[0] = (struct config_origin){.kind = CONFIG_FROM_FILE, .line = 12};
    (void)snprintf(config.path, sizeof(config.path), "C:\\ProgramData\\\xEC\x84\x9C/my\nrelay.ini");
    (void)dump_of(&config, &dumped);
    assert_true(has_text("\n# my\\x0Arelay.ini:12\nlisten = "));
    assert_int_equal(load_text(dumped.bytes), 0);
}

static void defaults__read_back__are_the_defaults(void **state)
{
    static struct config defaults;
    size_t changed[CONFIG_KEYS_MAX];

    (void)state;
    config_defaults(&defaults);
    memset(&dumped, 0, sizeof(dumped));
    config_dump_defaults(memory_write, &dumped);
    assert_lines_fit(dumped.bytes, 100);
    assert_int_equal(load_text(dumped.bytes), 0);
    assert_int_equal(config_changed(&defaults.values, &fixture_config.values, changed), 0);
    assert_int_equal(fixture_config.origins[0].kind, CONFIG_FROM_DEFAULT);
}

/* With the semicolons taken away every key is in the file, and still all is as before. */
static void defaults__uncommented__are_the_defaults(void **state)
{
    static struct config defaults;
    static char text[sizeof(dumped.bytes)];
    size_t changed[CONFIG_KEYS_MAX];
    size_t size = 0;

    (void)state;
    config_defaults(&defaults);
    memset(&dumped, 0, sizeof(dumped));
    config_dump_defaults(memory_write, &dumped);
    for (size_t i = 0; i < dumped.size; i++) {
        if (dumped.bytes[i] != ';' || (i > 0 && dumped.bytes[i - 1] != '\n')) {
            text[size++] = dumped.bytes[i];
        }
    }
    text[size] = '\0';
    if (load_text(text) != 0) {
        fail_msg("%s", fixture_messages.bytes);
    }
    assert_int_equal(config_changed(&defaults.values, &fixture_config.values, changed), 0);
    for (size_t k = 0; k < config_key_count(); k++) {
        assert_int_equal(fixture_config.origins[k].kind, CONFIG_FROM_FILE);
    }
}

/* Fails unless the file in the source tree is what was dumped; then leaves the right one behind. */
static void assert_file_is_dump(const char *path, const char *name)
{
    FILE *file = os_file_open_read(path);
    static char bytes[sizeof(dumped.bytes)];
    size_t size = 0;

    if (file != NULL) {
        size = fread(bytes, 1, sizeof(bytes), file);
        fclose(file);
    }
    if (size != dumped.size || memcmp(bytes, dumped.bytes, size) != 0) {
        file = fopen(name, "wb");
        assert_non_null(file);
        (void)fwrite(dumped.bytes, 1, dumped.size, file);
        fclose(file);
        fail_msg("%s is not what the key table gives; copy " GSRELAY_BINARY_DIR "/tests/%s over it",
                 path, name);
    }
}

static void defaults__are__the_relay_ini_that_is_shipped(void **state)
{
    (void)state;
    memset(&dumped, 0, sizeof(dumped));
    config_dump_defaults(memory_write, &dumped);
    assert_file_is_dump(GSRELAY_SOURCE_DIR "/config/relay.ini", "relay.ini");
}

static void reference__is__the_page_in_the_documents(void **state)
{
    (void)state;
    memset(&dumped, 0, sizeof(dumped));
    config_dump_reference(memory_write, &dumped);
    assert_file_is_dump(GSRELAY_SOURCE_DIR "/docs/CONFIGURATION.md", "CONFIGURATION.md");
}

static void manual__is__the_page_that_is_packaged(void **state)
{
    (void)state;
    memset(&dumped, 0, sizeof(dumped));
    config_dump_manual(memory_write, &dumped);
    assert_file_is_dump(GSRELAY_SOURCE_DIR "/packaging/linux/man/relay.ini.5", "relay.ini.5");
}

static void manual__every_key__has_an_entry(void **state)
{
    (void)state;
    memset(&dumped, 0, sizeof(dumped));
    config_dump_manual(memory_write, &dumped);
    for (size_t i = 0; i < config_key_count(); i++) {
        char entry[256];
        const char *at;

        (void)snprintf(entry, sizeof(entry), "\n.Ss [%s]\n", config_key_at(i)->section);
        at = strstr(dumped.bytes, entry);
        assert_non_null(at);
        (void)snprintf(entry, sizeof(entry), "\n.It Cm %s\n", config_key_at(i)->name);
        assert_non_null(strstr(at, entry));
    }
    assert_true(has_text("\nDefault: 1.\nAllowed: 1 to 64.\nA change needs a restart.\n.It Cm "));
    /* What begins a sentence begins a line, and no line of text is taken for a macro. */
    assert_true(
        has_text("proves no UDP address within this time leaves the room.\nDefault: 10s.\n"));
    assert_false(has_text(". 0 takes"));
}

static void reference__every_key__has_one_row_of_five_cells(void **state)
{
    (void)state;
    memset(&dumped, 0, sizeof(dumped));
    config_dump_reference(memory_write, &dumped);
    for (size_t i = 0; i < config_key_count(); i++) {
        char row[256];
        const char *at = dumped.bytes;
        unsigned bars = 0;

        (void)snprintf(row, sizeof(row), "## [%s]\n", config_key_at(i)->section);
        at = strstr(at, row);
        assert_non_null(at);
        (void)snprintf(row, sizeof(row), "\n| `%s` | ", config_key_at(i)->name);
        at = strstr(at, row);
        assert_non_null(at);
        for (at++; *at != '\n'; at++) {
            bars += *at == '|' ? 1 : 0;
        }
        assert_int_equal(bars, 6);
        assert_int_equal(at[-1], '|');
    }
    assert_true(has_text("\n| `workers` | `1` | 1 to 64 | restart | Threads "));
    assert_true(has_text("\n| `secret_file` | (empty) | a path, or empty for none | reload | "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(template__with_keys_set__reads_back_to_those_and_the_defaults),
        cmocka_unit_test(dump__read_back__gives_equal_values),
        cmocka_unit_test(dump__sources__stand_above_the_values),
        cmocka_unit_test(dump__a_value_that_no_line_holds__is_marked),
        cmocka_unit_test(dump__a_path_of_the_file__is_cut_to_its_name),
        cmocka_unit_test(defaults__read_back__are_the_defaults),
        cmocka_unit_test(defaults__uncommented__are_the_defaults),
        cmocka_unit_test(defaults__are__the_relay_ini_that_is_shipped),
        cmocka_unit_test(reference__is__the_page_in_the_documents),
        cmocka_unit_test(manual__is__the_page_that_is_packaged),
        cmocka_unit_test(manual__every_key__has_an_entry),
        cmocka_unit_test(reference__every_key__has_one_row_of_five_cells),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
