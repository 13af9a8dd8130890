/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_CONFIG_CONFIG_FIXTURE_H
#define GSRELAY_TESTS_CONFIG_CONFIG_FIXTURE_H

/* config_fixture.h - files in memory, loads in one call, and dumps into a buffer.
 *
 * Threads: one. Memory: static; a new load or dump replaces the one before it. */

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "config/config_report.h"

struct memory_file {
    const char *bytes;
    size_t size;
    size_t at;
    size_t chunk;   /* The most that one read gives; 0: no bound. */
    size_t repeats; /* How often the bytes are given again, for long files. */
    int failure;    /* What reading returns at the end instead of 0. */
};

/* A config_read over a struct memory_file. */
int memory_read(void *file, char *buffer, size_t size);

/* Text that a config_write collects. */
struct memory_text {
    char bytes[64 * 1024];
    size_t size;
};
void memory_write(void *text, const char *bytes, size_t size);

/* The last load. */
extern struct config fixture_config;
extern struct config_report fixture_report;
extern struct memory_text fixture_messages; /* The report as it is printed. */

/* Each loads "relay.ini" and prints its report into fixture_messages. */
int load_bytes(const char *bytes, size_t size);
int load_text(const char *text);
int load_with(const char *text, const char *const *environment, const char *const *settings);

/* Fails the test unless the load found exactly one error, and it is this line. */
void assert_one_error(const char *line);

/* Fails the test unless this line is among those printed. */
void assert_message(const char *line);

#endif
