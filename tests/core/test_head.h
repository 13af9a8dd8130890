/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_CORE_TEST_HEAD_H
#define GSRELAY_TESTS_CORE_TEST_HEAD_H

/* test_head.h - what every test of this folder includes, in the order that cmocka needs. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs a table of tests; output is unbuffered, so that a crash swallows nothing. */
#define RUN_TESTS(tests)                                                                           \
    (setvbuf(stdout, NULL, _IONBF, 0), cmocka_run_group_tests(tests, NULL, NULL))

#endif
