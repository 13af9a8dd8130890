/* SPDX-License-Identifier: MIT */
#include "config/config_value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/config_text.h"

struct unit {
    const char *name;
    uint64_t base; /* How many base units one of it is. */
};

/* Both from the largest down, so that printing takes the first that divides. */
static const struct unit time_units[] = {
    {"d", UINT64_C(86400000000000)}, {"h", UINT64_C(3600000000000)}, {"m", UINT64_C(60000000000)},
    {"s", UINT64_C(1000000000)},     {"ms", UINT64_C(1000000)},      {NULL, 0}};
static const struct unit size_units[] = {
    {"GiB", UINT64_C(1) << 30}, {"MiB", UINT64_C(1) << 20}, {"KiB", 1024}, {"B", 1}, {NULL, 0}};

static const char time_unit_list[] = "ms, s, m, h or d, as in 10s";
static const char size_unit_list[] = "B, KiB, MiB or GiB, as in 64KiB";

/* Choices are read and written as unsigned int. */
static_assert(sizeof(enum config_auth_mode) == sizeof(unsigned int), "an enum is an int");
static_assert(sizeof(enum config_rebind) == sizeof(unsigned int), "an enum is an int");
static_assert(sizeof(enum config_log_level) == sizeof(unsigned int), "an enum is an int");

static void *field_of(const struct config_key *key, struct relay_config *values)
{
    return (unsigned char *)values + key->offset;
}

static const void *const_field_of(const struct config_key *key, const struct relay_config *values)
{
    return (const unsigned char *)values + key->offset;
}

/* The size of the field, for the types whose field is one plain value. */
static size_t number_size(enum config_type type)
{
    switch (type) {
    case CONFIG_TYPE_BOOL:
        return sizeof(bool);
    case CONFIG_TYPE_COUNT:
    case CONFIG_TYPE_RATE:
        return sizeof(uint32_t);
    case CONFIG_TYPE_PORT:
        return sizeof(uint16_t);
    case CONFIG_TYPE_DURATION:
    case CONFIG_TYPE_SIZE:
    case CONFIG_TYPE_BYTES:
        return sizeof(uint64_t);
    case CONFIG_TYPE_CHOICE:
        return sizeof(unsigned int);
    case CONFIG_TYPE_PATH:
    case CONFIG_TYPE_ADDRESS:
    case CONFIG_TYPE_ADDRESSES:
        break;
    }
    return 0;
}

uint64_t config_value_number(const struct config_key *key, const struct relay_config *values)
{
    const void *field = const_field_of(key, values);
    uint64_t wide;
    uint32_t word;
    uint16_t half;
    bool yes;

    switch (number_size(key->type)) {
    case sizeof(uint64_t):
        memcpy(&wide, field, sizeof(wide));
        return wide;
    case sizeof(uint32_t):
        memcpy(&word, field, sizeof(word));
        return word;
    case sizeof(uint16_t):
        memcpy(&half, field, sizeof(half));
        return half;
    default:
        memcpy(&yes, field, sizeof(yes));
        return yes ? 1 : 0;
    }
}

static void number_set(const struct config_key *key, struct relay_config *values, uint64_t number)
{
    void *field = field_of(key, values);
    const uint32_t word = (uint32_t)number;
    const uint16_t half = (uint16_t)number;
    const bool yes = number != 0;

    switch (number_size(key->type)) {
    case sizeof(uint64_t):
        memcpy(field, &number, sizeof(number));
        break;
    case sizeof(uint32_t):
        memcpy(field, &word, sizeof(word));
        break;
    case sizeof(uint16_t):
        memcpy(field, &half, sizeof(half));
        break;
    default:
        memcpy(field, &yes, sizeof(yes));
        break;
    }
}

#if defined(__GNUC__)
GSRELAY_PRINTF(2, 3)
#endif
static int refuse(char why[CONFIG_MESSAGE_TEXT_SIZE], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(why, CONFIG_MESSAGE_TEXT_SIZE, format, arguments);
    va_end(arguments);
    return RESULT_INVALID;
}

/* Reads decimal digits; more than 64 bits become UINT64_MAX, which no range allows. Returns how
 * many bytes were digits, 0 when the number has a leading zero: "010" is eight to some readers. */
static size_t read_digits(const char *text, uint64_t *out)
{
    uint64_t number = 0;
    size_t size = 0;

    for (; text[size] >= '0' && text[size] <= '9'; size++) {
        const uint64_t digit = (uint64_t)(text[size] - '0');

        if (number > (UINT64_MAX - digit) / 10) {
            number = UINT64_MAX;
        } else if (number != UINT64_MAX) {
            number = number * 10 + digit;
        }
    }
    if (size > 1 && text[0] == '0') {
        return 0;
    }
    *out = number;
    return size;
}

static const struct unit *units_of(enum config_type type)
{
    switch (type) {
    case CONFIG_TYPE_DURATION:
        return time_units;
    case CONFIG_TYPE_SIZE:
    case CONFIG_TYPE_BYTES:
        return size_units;
    case CONFIG_TYPE_BOOL:
    case CONFIG_TYPE_COUNT:
    case CONFIG_TYPE_RATE:
    case CONFIG_TYPE_PORT:
    case CONFIG_TYPE_CHOICE:
    case CONFIG_TYPE_PATH:
    case CONFIG_TYPE_ADDRESS:
    case CONFIG_TYPE_ADDRESSES:
        break;
    }
    return NULL;
}

/* What somebody who wrote this unit most likely means, or NULL. The decimal and the bit spellings
 * are taken for the binary unit, as people use them for buffers. */
static const char *meant_unit(const struct unit *units, const char *text)
{
    static const struct {
        const char *written;
        const char *meant;
    } spellings[] = {{"k", "KiB"},     {"kb", "KiB"}, {"m", "MiB"},  {"mb", "MiB"},
                     {"g", "GiB"},     {"gb", "GiB"}, {"byte", "B"}, {"bytes", "B"},
                     {"msec", "ms"},   {"sec", "s"},  {"secs", "s"}, {"second", "s"},
                     {"seconds", "s"}, {"min", "m"},  {"mins", "m"}, {"minute", "m"},
                     {"minutes", "m"}, {"hr", "h"},   {"hour", "h"}, {"hours", "h"},
                     {"day", "d"},     {"days", "d"}, {NULL, NULL}};

    for (const struct unit *unit = units; unit->name != NULL; unit++) {
        if (config_equal_ignoring_case(unit->name, text)) {
            return unit->name;
        }
    }
    for (size_t i = 0; spellings[i].written != NULL; i++) {
        for (const struct unit *unit = units; unit->name != NULL; unit++) {
            if (config_equal_ignoring_case(spellings[i].written, text) &&
                strcmp(spellings[i].meant, unit->name) == 0) {
                return unit->name;
            }
        }
    }
    return NULL;
}

/* Finds the unit that text, the rest of a value after its digits, names. */
static int find_unit(const struct config_key *key, const char *value, const char *text,
                     uint64_t *base_out, char why[CONFIG_MESSAGE_TEXT_SIZE])
{
    const struct unit *units = units_of(key->type);
    const char *list = key->type == CONFIG_TYPE_DURATION ? time_unit_list : size_unit_list;
    const char *meant;

    if (*text == ' ') {
        text++;
    }
    if (*text == '\0') {
        if (key->type != CONFIG_TYPE_BYTES) {
            return refuse(why, "\"%.40s\" has no unit; write %s", value, list);
        }
        *base_out = 1;
        return 0;
    }
    for (const struct unit *unit = units; unit->name != NULL; unit++) {
        if (strcmp(unit->name, text) == 0) {
            *base_out = unit->base;
            return 0;
        }
    }
    meant = meant_unit(units, text);
    if (meant != NULL) {
        return refuse(why, "\"%.40s\": write the unit \"%.20s\" as %s", value, text, meant);
    }
    return refuse(why, "\"%.40s\" has an unknown unit; write %s", value, list);
}

static bool is_in_range(const struct config_key *key, uint64_t number)
{
    return (number >= key->min && number <= key->max) || (number == 0 && key->zero_word != NULL);
}

static int parse_number(const struct config_key *key, const char *text, struct relay_config *values,
                        char why[CONFIG_MESSAGE_TEXT_SIZE])
{
    char range[CONFIG_RANGE_TEXT_SIZE];
    uint64_t number = 0;
    uint64_t base = 1;
    size_t digits;

    config_value_print_range(key, range);
    if (key->zero_word != NULL && (strcmp(text, key->zero_word) == 0 || strcmp(text, "0") == 0)) {
        number_set(key, values, 0);
        return 0;
    }
    digits = read_digits(text, &number);
    if (digits == 0 || (units_of(key->type) == NULL && text[digits] != '\0')) {
        return refuse(why, "\"%.80s\" is not a whole number; allowed: %s", text, range);
    }
    if (units_of(key->type) != NULL && find_unit(key, text, text + digits, &base, why) != 0) {
        return RESULT_INVALID;
    }
    if (number > UINT64_MAX / base || !is_in_range(key, number * base)) {
        return refuse(why, "%.80s is out of range; allowed: %s", text, range);
    }
    number_set(key, values, number * base);
    return 0;
}

static int parse_word(const struct config_key *key, const char *const *words, const char *text,
                      struct relay_config *values, char why[CONFIG_MESSAGE_TEXT_SIZE])
{
    char range[CONFIG_RANGE_TEXT_SIZE];

    for (uint64_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            number_set(key, values, i);
            return 0;
        }
    }
    config_value_print_range(key, range);
    return refuse(why, "\"%.80s\" is not allowed here; allowed: %s", text, range);
}

static int parse_path(const struct config_key *key, const char *text, struct relay_config *values,
                      char why[CONFIG_MESSAGE_TEXT_SIZE])
{
    const size_t size = strlen(text);

    if (size >= CONFIG_PATH_SIZE) {
        return refuse(why, "the path is %zu bytes long; at most %d are possible", size,
                      CONFIG_PATH_SIZE - 1);
    }
    if (strchr(text, '"') != NULL) {
        /* There would be no way to write it into a file. */
        return refuse(why, "a path cannot have a double quote in it");
    }
    memset(field_of(key, values), 0, CONFIG_PATH_SIZE);
    memcpy(field_of(key, values), text, size);
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Reads the address in text[0..size), which stands without a port. */
static int parse_one_address(const char *text, size_t size, struct addr *out,
                             char why[CONFIG_MESSAGE_TEXT_SIZE])
{
    const int shown = size > 80 ? 80 : (int)size;
    struct addr addr;

    if (addr_parse(text, size, &addr) != 0) {
        return refuse(why, "\"%.*s\" is not an IP address, as 192.0.2.1 or 2001:db8::1", shown,
                      text);
    }
    if (addr.port != 0) {
        return refuse(why, "\"%.*s\" has a port; ports are udp.port and control.port", shown, text);
    }
    if (addr_is_multicast(&addr)) {
        return refuse(why, "\"%.*s\" is a multicast address", shown, text);
    }
    *out = addr;
    return 0;
}

static int parse_address(const struct config_key *key, const char *text,
                         struct relay_config *values, char why[CONFIG_MESSAGE_TEXT_SIZE])
{
    struct addr addr;

    memset(&addr, 0, sizeof(addr));
    if (*text != '\0') {
        if (parse_one_address(text, strlen(text), &addr, why) != 0) {
            return RESULT_INVALID;
        }
        if (addr_is_unspecified(&addr)) {
            return refuse(why, "\"%.80s\" is no address that a client could send to", text);
        }
    }
    memcpy(field_of(key, values), &addr, sizeof(addr));
    return 0;
}

/* Adds the address in text[0..size) to the list that is being made. */
static int add_address(struct addr *list, uint32_t *count, const char *text, size_t size,
                       char why[CONFIG_MESSAGE_TEXT_SIZE])
{
    struct addr addr;

    while (size > 0 && is_blank(text[0])) {
        text++;
        size--;
    }
    while (size > 0 && is_blank(text[size - 1])) {
        size--;
    }
    if (size == 0) {
        return refuse(why, "an address is missing; write IP addresses with commas between them");
    }
    if (parse_one_address(text, size, &addr, why) != 0) {
        return RESULT_INVALID;
    }
    for (uint32_t i = 0; i < *count; i++) {
        if (addr_equal(&list[i], &addr)) {
            return refuse(why, "\"%.*s\" is in the list twice", (int)size, text);
        }
    }
    if (*count == CONFIG_LISTEN_MAX) {
        return refuse(why, "there are more than %d addresses", CONFIG_LISTEN_MAX);
    }
    list[(*count)++] = addr;
    return 0;
}

static int parse_addresses(const struct config_key *key, const char *text,
                           struct relay_config *values, char why[CONFIG_MESSAGE_TEXT_SIZE])
{
    struct addr list[CONFIG_LISTEN_MAX];
    uint32_t count = 0;

    memset(list, 0, sizeof(list));
    for (;;) {
        const size_t size = strcspn(text, ",");

        if (add_address(list, &count, text, size, why) != 0) {
            return RESULT_INVALID;
        }
        if (text[size] == '\0') {
            break;
        }
        text += size + 1;
    }
    memcpy(field_of(key, values), list, sizeof(list));
    memcpy((unsigned char *)field_of(key, values) + sizeof(list), &count, sizeof(count));
    return 0;
}

static const char *const bool_words[] = {"no", "yes", NULL};

int config_value_parse(const struct config_key *key, const char *text, struct relay_config *values,
                       char why[CONFIG_MESSAGE_TEXT_SIZE])
{
    char range[CONFIG_RANGE_TEXT_SIZE];

    if (*text == '\0' && key->type != CONFIG_TYPE_PATH && key->type != CONFIG_TYPE_ADDRESS) {
        config_value_print_range(key, range);
        return refuse(why, "the value is missing; allowed: %s", range);
    }
    switch (key->type) {
    case CONFIG_TYPE_BOOL:
        return parse_word(key, bool_words, text, values, why);
    case CONFIG_TYPE_CHOICE:
        return parse_word(key, key->words, text, values, why);
    case CONFIG_TYPE_COUNT:
    case CONFIG_TYPE_RATE:
    case CONFIG_TYPE_PORT:
    case CONFIG_TYPE_DURATION:
    case CONFIG_TYPE_SIZE:
    case CONFIG_TYPE_BYTES:
        return parse_number(key, text, values, why);
    case CONFIG_TYPE_PATH:
        return parse_path(key, text, values, why);
    case CONFIG_TYPE_ADDRESS:
        return parse_address(key, text, values, why);
    case CONFIG_TYPE_ADDRESSES:
        return parse_addresses(key, text, values, why);
    }
    return RESULT_INVALID;
}

/* Writes number with the largest unit that divides it. */
static void print_number(const struct config_key *key, uint64_t number, char *out, size_t size)
{
    const struct unit *unit = units_of(key->type);

    if (number == 0 && key->zero_word != NULL) {
        (void)snprintf(out, size, "%s", key->zero_word);
        return;
    }
    if (unit == NULL) {
        (void)snprintf(out, size, "%" PRIu64, number);
        return;
    }
    while (unit[1].name != NULL && (number % unit->base != 0 || number == 0)) {
        unit++;
    }
    (void)snprintf(out, size, "%" PRIu64 "%s", number / unit->base, unit->name);
}

static void print_addresses(const struct config_key *key, const struct relay_config *values,
                            char out[CONFIG_VALUE_TEXT_SIZE])
{
    const unsigned char *field = const_field_of(key, values);
    struct addr list[CONFIG_LISTEN_MAX];
    uint32_t count;
    size_t used = 0;

    memcpy(list, field, sizeof(list));
    memcpy(&count, field + sizeof(list), sizeof(count));
    out[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        char text[ADDR_TEXT_SIZE];

        (void)addr_print_ip(&list[i], text);
        used += (size_t)snprintf(out + used, CONFIG_VALUE_TEXT_SIZE - used, "%s%s",
                                 i == 0 ? "" : ", ", text);
    }
}

void config_value_print(const struct config_key *key, const struct relay_config *values,
                        char out[CONFIG_VALUE_TEXT_SIZE])
{
    struct addr addr;

    switch (key->type) {
    case CONFIG_TYPE_BOOL:
        (void)snprintf(out, CONFIG_VALUE_TEXT_SIZE, "%s",
                       bool_words[config_value_number(key, values)]);
        break;
    case CONFIG_TYPE_CHOICE:
        (void)snprintf(out, CONFIG_VALUE_TEXT_SIZE, "%s",
                       key->words[config_value_number(key, values)]);
        break;
    case CONFIG_TYPE_COUNT:
    case CONFIG_TYPE_RATE:
    case CONFIG_TYPE_PORT:
    case CONFIG_TYPE_DURATION:
    case CONFIG_TYPE_SIZE:
    case CONFIG_TYPE_BYTES:
        print_number(key, config_value_number(key, values), out, CONFIG_VALUE_TEXT_SIZE);
        break;
    case CONFIG_TYPE_PATH:
        (void)snprintf(out, CONFIG_VALUE_TEXT_SIZE, "%s",
                       (const char *)const_field_of(key, values));
        break;
    case CONFIG_TYPE_ADDRESS:
        memcpy(&addr, const_field_of(key, values), sizeof(addr));
        out[0] = '\0';
        if (addr.family != ADDR_FAMILY_NONE) {
            (void)addr_print_ip(&addr, out);
        }
        break;
    case CONFIG_TYPE_ADDRESSES:
        print_addresses(key, values, out);
        break;
    }
}

static void print_words(const char *const *words, char *out, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; words[i] != NULL; i++) {
        const char *between = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";

        used += (size_t)snprintf(out + used, size - used, "%s%s", between, words[i]);
    }
}

void config_value_print_range(const struct config_key *key, char out[CONFIG_RANGE_TEXT_SIZE])
{
    char min[24];
    char max[24];
    const char *zero = key->zero_word;
    const char *rate = key->type == CONFIG_TYPE_RATE ? " a second" : "";

    switch (key->type) {
    case CONFIG_TYPE_BOOL:
        (void)snprintf(out, CONFIG_RANGE_TEXT_SIZE, "yes or no");
        return;
    case CONFIG_TYPE_CHOICE:
        print_words(key->words, out, CONFIG_RANGE_TEXT_SIZE);
        return;
    case CONFIG_TYPE_PATH:
        (void)snprintf(out, CONFIG_RANGE_TEXT_SIZE, "a path, or empty for none");
        return;
    case CONFIG_TYPE_ADDRESS:
        (void)snprintf(out, CONFIG_RANGE_TEXT_SIZE, "an IP address, or empty");
        return;
    case CONFIG_TYPE_ADDRESSES:
        (void)snprintf(out, CONFIG_RANGE_TEXT_SIZE, "1 to %d IP addresses", CONFIG_LISTEN_MAX);
        return;
    case CONFIG_TYPE_COUNT:
    case CONFIG_TYPE_RATE:
    case CONFIG_TYPE_PORT:
    case CONFIG_TYPE_DURATION:
    case CONFIG_TYPE_SIZE:
    case CONFIG_TYPE_BYTES:
        break;
    }
    print_number(key, key->min, min, sizeof(min));
    print_number(key, key->max, max, sizeof(max));
    (void)snprintf(out, CONFIG_RANGE_TEXT_SIZE, "%s%s%s to %s%s", zero == NULL ? "" : zero,
                   zero == NULL ? "" : ", or ", min, max, rate);
}

bool config_value_equal(const struct config_key *key, const struct relay_config *a,
                        const struct relay_config *b)
{
    char text_a[CONFIG_VALUE_TEXT_SIZE];
    char text_b[CONFIG_VALUE_TEXT_SIZE];

    /* Printing is exact, so equal text is an equal value whatever the type. */
    config_value_print(key, a, text_a);
    config_value_print(key, b, text_b);
    return strcmp(text_a, text_b) == 0;
}
