/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "config/config.h"
#include "config/config_dump.h"
#include "config/config_report.h"
#include "config/secret_file.h"
#include "fuzz.h"

/* relay.ini, the environment, --set and the secret file from arbitrary bytes. The input's first
 * byte tells how long the reads are; the same bytes are given to all four. */

struct input_file {
    const uint8_t *bytes;
    size_t size;
    size_t chunk;
};

struct text {
    char bytes[64 * 1024];
    size_t size;
};

static int read_input(void *context, char *buffer, size_t size)
{
    struct input_file *file = context;
    size_t count = file->size < file->chunk ? file->size : file->chunk;

    count = count < size ? count : size;
    memcpy(buffer, file->bytes, count);
    file->bytes += count;
    file->size -= count;
    return (int)count;
}

static void collect(void *context, const char *bytes, size_t size)
{
    struct text *text = context;

    FUZZ_REQUIRE(size <= sizeof(text->bytes) - text->size);
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

/* A message is one line without control characters, whatever it quotes. */
static void check_report(const struct config_report *report, int result)
{
    static struct text printed;
    size_t lines = 0;

    printed.size = 0;
    config_report_print(report, collect, &printed);
    for (size_t i = 0; i < printed.size; i++) {
        const unsigned char byte = (unsigned char)printed.bytes[i];

        FUZZ_REQUIRE(byte == '\n' || (byte >= 0x20 && byte != 0x7F));
        lines += byte == '\n' ? 1 : 0;
    }
    FUZZ_REQUIRE(lines >= report->message_count && lines <= report->message_count + 1);
    FUZZ_REQUIRE((result == 0) == (report->error_count == 0));
}

/* What was accepted can be written and read back without a change. */
static void check_dump(const struct config *config)
{
    static struct text dump;
    static struct config again;
    static struct config_report report;
    struct input_file file;
    const struct config_input input = {.path = "dump", .read = read_input, .read_context = &file};
    size_t changed[CONFIG_KEYS_MAX];

    dump.size = 0;
    config_dump(config, collect, &dump);
    file = (struct input_file){
        .bytes = (const uint8_t *)dump.bytes, .size = dump.size, .chunk = sizeof(dump.bytes)};
    FUZZ_REQUIRE(config_load(&input, &again, &report) == 0);
    FUZZ_REQUIRE(config_changed(&config->values, &again.values, changed) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct config config;
    static struct config_report report;
    static struct secret_file secrets;
    static char text[160];
    const size_t chunk = size == 0 ? 1 : (size_t)input[0] + 1;
    const size_t text_size = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
    const char *const strings[] = {text};
    struct input_file file = {.bytes = input, .size = size, .chunk = chunk};
    struct config_input from_file = {
        .path = "relay.ini", .read = read_input, .read_context = &file};
    const struct config_input from_strings = {
        .environment = strings, .environment_count = 1, .settings = strings, .setting_count = 1};
    int result = config_load(&from_file, &config, &report);

    check_report(&report, result);
    if (result == 0) {
        check_dump(&config);
    }
    memcpy(text, input, text_size);
    text[text_size] = '\0';
    result = config_load(&from_strings, &config, &report);
    check_report(&report, result);
    if (result == 0) {
        check_dump(&config);
    }
    file = (struct input_file){.bytes = input, .size = size, .chunk = chunk};
    result = secret_file_read("secrets", read_input, &file, &secrets, &report);
    check_report(&report, result);
    FUZZ_REQUIRE((result == 0) == (secrets.count > 0));
    return 0;
}
