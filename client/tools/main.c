/* SPDX-License-Identifier: MIT */
#include "client/tools/tool.h"

#include <stdio.h>

#include <sodium.h>

#include "daemon/os/os.h"
#include "proto/limits.h"

int program_main(int argc, char **argv)
{
    struct tool_options options;

    if (options_parse(argc, argv, &options) < 0)
        return TOOL_USAGE;
    if (sodium_init() < 0) {
        say("the system gives no random bytes");
        return TOOL_NO_RELAY;
    }
    switch (options.command) {
    case TOOL_HELP:
        options_help();
        return TOOL_DONE;
    case TOOL_VERSION:
        print_line("gsrelay %s, protocol %d, libsodium %s", gsrelay_version(), PROTOCOL_VERSION,
                   sodium_version_string());
        return TOOL_DONE;
    case TOOL_TICKET:
        return mint_run(&options);
    case TOOL_LOAD:
        return load_run(&options);
    case TOOL_CREATE:
    case TOOL_JOIN:
    case TOOL_SEND:
    case TOOL_WATCH:
    case TOOL_PING:
        return member_run(&options);
    case TOOL_NONE:
        break;
    }
    return TOOL_USAGE;
}
