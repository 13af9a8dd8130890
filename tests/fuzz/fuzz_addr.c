/* SPDX-License-Identifier: MIT */
/* Address text: what is accepted prints as something that reads back to the same value, and every
 * accepted value is canonical. The first 18 bytes are read as the wire form too. */
#include <string.h>

#include "proto/addr.h"
#include "tests/fuzz/fuzz.h"

static void require_round_trip(const struct addr *addr)
{
    char text[ADDR_TEXT_SIZE];
    struct addr again = *addr;
    size_t size = 0;

    addr_canonicalise(&again);
    FUZZ_REQUIRE(addr_equal(addr, &again));
    size = addr_print(addr, text);
    FUZZ_REQUIRE(size == strlen(text) && size < ADDR_TEXT_SIZE);
    FUZZ_REQUIRE(addr_parse(text, size, &again) == RESULT_OK && addr_equal(addr, &again));
    size = addr_print_ip(addr, text);
    FUZZ_REQUIRE(addr_parse(text, size, &again) == RESULT_OK && addr_equal_ip(addr, &again));
    FUZZ_REQUIRE(again.port == 0);
    FUZZ_REQUIRE(addr_prefix_key(&again) == addr_prefix_key(addr));
    FUZZ_REQUIRE(addr_is_loopback(addr) + addr_is_unspecified(addr) + addr_is_multicast(addr) <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct addr addr;
    struct addr again;

    if (addr_parse((const char *)input, size, &addr) == RESULT_OK) {
        require_round_trip(&addr);
    }
    if (size >= ADDR_WIRE_SIZE) {
        uint8_t wire[ADDR_WIRE_SIZE];

        addr = addr_from_wire(input);
        require_round_trip(&addr);
        addr_to_wire(&addr, wire);
        FUZZ_REQUIRE(memcmp(wire, input, sizeof(wire)) == 0);
        again = addr_from_wire(wire);
        FUZZ_REQUIRE(addr_equal(&addr, &again));
    }
    return 0;
}
