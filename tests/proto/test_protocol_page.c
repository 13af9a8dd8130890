/* SPDX-License-Identifier: MIT */
/* docs/PROTOCOL.md is the standard: its tables against the code. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "proto/body.h"
#include "proto/control_message.h"
#include "proto/datagram.h"
#include "proto/hello.h"
#include "proto/reason.h"
#include "proto/record.h"

#define ROWS_MAX  400
#define CELLS_MAX 8

/* A row of a table: the heading above it ("2.1 Head and tag"), which table of that heading it
 * belongs to, from 0, and its cells without backticks. */
struct row {
    const char *heading;
    int table;
    int cell_count;
    const char *cells[CELLS_MAX];
};

static char page[128 * 1024];
static struct row rows[ROWS_MAX];
static int row_count;

static char *trim(char *text)
{
    size_t size = 0;

    while (*text == ' ' || *text == '`') {
        text++;
    }
    size = strlen(text);
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '`')) {
        text[--size] = '\0';
    }
    return text;
}

static void add_row(char *line, const char *heading, int table)
{
    struct row *row = &rows[row_count];

    assert_true(row_count < ROWS_MAX);
    *row = (struct row){.heading = heading, .table = table};
    line++;
    for (char *end = strchr(line, '|'); end != NULL; end = strchr(line, '|')) {
        assert_true(row->cell_count < CELLS_MAX);
        *end = '\0';
        row->cells[row->cell_count++] = trim(line);
        line = end + 1;
    }
    /* Neither the line under a table's head nor the head itself. */
    if (strncmp(row->cells[0], "---", 3) != 0) {
        row_count++;
    }
}

static int load_page(void **state)
{
    FILE *file = fopen(GSRELAY_SOURCE_DIR "/docs/PROTOCOL.md", "rb");
    const char *heading = "";
    int table = -1;
    int is_in_table = 0;
    size_t size = 0;

    (void)state;
    if (file == NULL) {
        return -1;
    }
    size = fread(page, 1, sizeof(page) - 1, file);
    (void)fclose(file);
    if (size == sizeof(page) - 1) {
        return -1;
    }
    for (char *line = page; *line != '\0';) {
        const size_t length = strcspn(line, "\r\n");
        char *next = line + length + strspn(line + length, "\r");

        next += *next == '\n';
        line[length] = '\0';
        if (line[0] == '#') {
            heading = trim(line + strspn(line, "#"));
            table = -1;
        }
        table += line[0] == '|' && !is_in_table;
        is_in_table = line[0] == '|';
        if (is_in_table) {
            add_row(line, heading, table);
        }
        line = next;
    }
    return 0;
}

/* The n-th row (0 is the head) of a table under a heading that begins so; NULL after the last. */
static const struct row *row_at(const char *heading, int table, int n)
{
    for (int index = 0; index < row_count; index++) {
        if (strncmp(rows[index].heading, heading, strlen(heading)) == 0 &&
            rows[index].table == table && n-- == 0) {
            return &rows[index];
        }
    }
    return NULL;
}

static int is_number(const char *text)
{
    return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
}

/* Walks a table "Offset | Bytes | ...", where each offset must be the end of the row before, and
 * returns the end of the last row whose offset and size are both numbers. */
static unsigned long end_of_layout(const char *heading, int table)
{
    unsigned long end = 0;

    for (int n = 1;; n++) {
        const struct row *row = row_at(heading, table, n);

        if (row == NULL || !is_number(row->cells[0]) || !is_number(row->cells[1])) {
            assert_true(n > 1);
            return end;
        }
        assert_int_equal(strtoul(row->cells[0], NULL, 10), end);
        end += strtoul(row->cells[1], NULL, 10);
    }
}

static void layouts__tables__sizes_as_in_the_code(void **state)
{
    (void)state;
    assert_int_equal(end_of_layout("1.1", 0) + HELLO_NOISE_SIZE, HELLO_BODY_MIN + 2);
    assert_int_equal(end_of_layout("1.3", 0), CONTROL_HEAD_SIZE);
    assert_int_equal(end_of_layout("2.1", 0), DATAGRAM_HEAD_SIZE);
    assert_int_equal(end_of_layout("2.4", 0), BODY_PING_SIZE);
    assert_int_equal(end_of_layout("2.5", 0), RECORD_HEAD_SIZE + RECORD_AGE_SIZE);
    assert_string_equal(row_at("2.1", 0, 6)->cells[0], "14+n");
    assert_int_equal(strtoul(row_at("2.1", 0, 6)->cells[1], NULL, 10), DATAGRAM_TAG_SIZE);
    assert_int_equal(strtoul(row_at("1.1", 0, 6)->cells[1], NULL, 10), HELLO_NOISE_SIZE);
}

static void answer__two_layouts_in_one_table__sizes_as_in_the_code(void **state)
{
    static const struct {
        unsigned long offset, size;
    } expected[] = {
        {0, 2}, {2, 1}, {3, 1}, {4, HELLO_ACCEPTED_SIZE - 4}, {4, 1}, {5, HELLO_REFUSAL_SIZE - 5}};

    (void)state;
    for (int n = 0; n < 6; n++) {
        const struct row *row = row_at("1.2", 0, n + 1);

        assert_non_null(row);
        assert_int_equal(strtoul(row->cells[0], NULL, 10), expected[n].offset);
        assert_int_equal(strtoul(row->cells[1], NULL, 10), expected[n].size);
    }
    assert_null(row_at("1.2", 0, 7));
}

/* Compares text with capitals on the page and small letters in the code. */
static int equals_in_capitals(const char *page_name, const char *code_name)
{
    size_t index = 0;

    while (page_name[index] != '\0' && code_name[index] != '\0') {
        const char small = page_name[index] >= 'A' && page_name[index] <= 'Z'
                               ? (char)(page_name[index] - 'A' + 'a')
                               : page_name[index];

        if (small != code_name[index]) {
            return 0;
        }
        index++;
    }
    return page_name[index] == code_name[index];
}

static void check_datagram_row(const struct row *row)
{
    static const size_t sizes[] = {
        [DATAGRAM_BIND] = BODY_BIND_SIZE,       [DATAGRAM_CHALLENGE] = BODY_CHALLENGE_SIZE,
        [DATAGRAM_CONFIRM] = BODY_CONFIRM_SIZE, [DATAGRAM_BOUND] = BODY_BOUND_SIZE,
        [DATAGRAM_PING] = BODY_PING_SIZE,       [DATAGRAM_PONG] = BODY_PONG_SIZE,
        [DATAGRAM_BYE] = BODY_BYE_SIZE,         [DATAGRAM_PROBE] = BODY_PROBE_SIZE};
    const unsigned type = (unsigned)strtoul(row->cells[0], NULL, 10);
    const char *direction = row->cells[2];
    uint8_t bytes[64] = {(uint8_t)(0x40 | type << 2)};
    struct datagram_head head;

    assert_true(equals_in_capitals(row->cells[1], datagram_type_name(type)));
    assert_int_equal(datagram_check_up(bytes, sizeof(bytes), 1232, &head) == REASON_NONE,
                     strcmp(direction, "up") == 0 || strcmp(direction, "both") == 0);
    assert_int_equal(datagram_check_down(bytes, sizeof(bytes), 1232, &head) == REASON_NONE,
                     strcmp(direction, "down") == 0 || strcmp(direction, "both") == 0);
    if (type != DATAGRAM_DATA) {
        assert_int_equal(strtoul(row->cells[4], NULL, 10), sizes[type] + DATAGRAM_OVERHEAD);
    }
}

static void datagrams__table__types_directions_sizes(void **state)
{
    int n = 1;

    (void)state;
    for (const struct row *row = row_at("2.1", 1, n); row != NULL; row = row_at("2.1", 1, ++n)) {
        assert_int_equal(strtoul(row->cells[0], NULL, 10), n);
        check_datagram_row(row);
    }
    assert_int_equal(n - 1, DATAGRAM_PROBE);
    assert_string_equal(datagram_type_name((unsigned)n), "unknown");
}

/* The least bytes of a size as the page writes it: "4", "16", "text8", "bytes16", "2 + 2 each". */
static unsigned long least_size(const char *text)
{
    if (strncmp(text, "text8", 5) == 0) {
        return 1;
    }
    if (strncmp(text, "bytes16", 7) == 0) {
        return 2;
    }
    assert_true(text[0] >= '1' && text[0] <= '9');
    return strtoul(text, NULL, 10);
}

/* Sums what stands behind each "(" of a cell like "features (4), flags (1; bit 0 = locked)". */
static unsigned long sum_fields(const char *cell)
{
    unsigned long sum = 0;

    for (const char *at = strchr(cell, '('); at != NULL; at = strchr(at + 1, '(')) {
        sum += least_size(at + 1);
    }
    return sum;
}

static unsigned long sum_membership(void)
{
    unsigned long sum = 0;
    int n = 1;

    for (const struct row *row = row_at("1.5", 1, n); row != NULL; row = row_at("1.5", 1, ++n)) {
        sum += least_size(row->cells[1]);
    }
    assert_int_equal(n - 1, 22);
    return sum;
}

/* The shortest message of zeros that the decoder takes. */
static size_t shortest_message(unsigned type)
{
    uint8_t bytes[512] = {(uint8_t)type, 0, 0, 0, type >= 0xC0 ? 0 : 1};
    struct control_message message;
    size_t size = CONTROL_HEAD_SIZE;

    while (size < sizeof(bytes) && control_message_decode(type < 0x80 ? CONTROL_UP : CONTROL_DOWN,
                                                          bytes, size, &message) != REASON_NONE) {
        size++;
    }
    return size;
}

/* One table of messages; returns the number of its rows. */
static int check_messages(const char *heading, unsigned least_type, unsigned last_type)
{
    int n = 1;

    for (const struct row *row = row_at(heading, 0, n); row != NULL;
         row = row_at(heading, 0, ++n)) {
        const unsigned type = (unsigned)strtoul(row->cells[0], NULL, 16);

        print_message("%s %s\n", row->cells[0], row->cells[1]);
        assert_in_range(type, least_type, last_type);
        assert_string_equal(row->cells[1], control_type_name(type));
        assert_int_equal(shortest_message(type),
                         CONTROL_HEAD_SIZE + (type == CONTROL_MEMBERSHIP
                                                  ? sum_membership()
                                                  : sum_fields(row->cells[2])));
    }
    return n - 1;
}

static void messages__tables__types_names_sizes(void **state)
{
    int known = 0;

    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        known += strcmp(control_type_name(type), "unknown") != 0;
    }
    assert_int_equal(check_messages("1.4", 0x01, 0x7F) + check_messages("1.5", 0x80, 0xBF) +
                         check_messages("1.6", 0xC0, 0xFF),
                     known);
}

static void members__table__ranges_as_in_the_code(void **state)
{
    static const unsigned long expected[][2] = {{MEMBER_PADDING, 0},
                                                {MEMBER_FIRST, MEMBER_LAST},
                                                {MEMBER_GROUP_FIRST, MEMBER_GROUP_LAST},
                                                {MEMBER_HOST, 0},
                                                {MEMBER_ALL, 0}};

    (void)state;
    for (int n = 0; n < 5; n++) {
        const struct row *row = row_at("2.5", 1, n + 1);
        const char *last = NULL;

        assert_non_null(row);
        last = strstr(row->cells[0], " to ");
        assert_int_equal(strtoul(row->cells[0], NULL, 0), expected[n][0]);
        assert_int_equal(last == NULL ? 0 : strtoul(last + 4, NULL, 0), expected[n][1]);
    }
    assert_null(row_at("2.5", 1, 6));
}

static void reasons__table__every_number_name_and_meaning(void **state)
{
    static const char *const kinds[] = {"datagram", "record", "delivery", "control", "end"};
    static const unsigned ends[] = {39, 59, 79, 149, 255};
    int known = 0;
    int n = 1;

    (void)state;
    for (unsigned reason = 1; reason < 256; reason++) {
        known += strcmp(reason_name(reason), "unknown") != 0;
    }
    for (const struct row *row = row_at("6.", 0, n); row != NULL; row = row_at("6.", 0, ++n)) {
        const unsigned reason = (unsigned)strtoul(row->cells[0], NULL, 10);
        int kind = 0;

        while (reason > ends[kind]) {
            kind++;
        }
        assert_string_equal(row->cells[1], reason_name(reason));
        assert_string_equal(row->cells[2], kinds[kind]);
        assert_string_equal(row->cells[3], reason_text(reason));
    }
    assert_int_equal(n - 1, known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts__tables__sizes_as_in_the_code),
        cmocka_unit_test(answer__two_layouts_in_one_table__sizes_as_in_the_code),
        cmocka_unit_test(datagrams__table__types_directions_sizes),
        cmocka_unit_test(messages__tables__types_names_sizes),
        cmocka_unit_test(members__table__ranges_as_in_the_code),
        cmocka_unit_test(reasons__table__every_number_name_and_meaning),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, load_page, NULL);
}
