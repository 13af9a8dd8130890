/* SPDX-License-Identifier: MIT */
/* Whatever is logged, one line of printable ASCII comes out. The first byte picks how the rest is
 * cut into fields. */
#include <string.h>

#include "daemon/log/log_line.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct log_line line;
    static char text[LOG_LINE_SIZE * 2];
    size_t step = size > 0 ? input[0] % 100u + 1 : 1;
    log_line_begin(&line, size * 1000003u, "info", "fuzz");
    for (size_t at = 0; at < size; at += step) {
        size_t length = size - at < step ? size - at : step;
        log_client(&line, "client", input + at, length);
        memcpy(text, input + at, length);
        text[length] = '\0';
        log_text(&line, "text", text);
        log_u64(&line, "at", at);
    }
    log_line_end(&line);
    FUZZ_REQUIRE(line.size > 0 && line.size <= LOG_LINE_SIZE);
    FUZZ_REQUIRE(line.text[line.size - 1] == '\n');
    for (size_t i = 0; i + 1 < line.size; i++) {
        FUZZ_REQUIRE(line.text[i] >= ' ' && line.text[i] <= '~');
    }
    if (size > 0 && log_line_get(line.text, line.size, "text", text, sizeof(text)) >= 0) {
        size_t length = size < step ? size : step;
        size_t zero = strnlen((const char *)input, length);
        FUZZ_REQUIRE(strlen(text) == zero && memcmp(text, input, zero) == 0);
    }
    return 0;
}
