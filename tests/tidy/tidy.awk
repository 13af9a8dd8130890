# SPDX-License-Identifier: MIT
# Reads our C sources and prints one line for each broken rule of the house:
#
#     RULE PATH:LINE: what is wrong
#
# It understands the layout that clang-format gives: a function's braces stand alone in the first column.
# The paths must be relative to the top of the tree. Run by tidy.sh; plain POSIX awk.

BEGIN {
    FUNCTION_LINES_MAX = 100
    FUNCTION_LINES_GOAL = 70
    FILE_LINES_MAX = 600

    # Which of our headers a file may include: the first rule whose pattern matches its path counts.
    # Tests may include anything.
    direction("^proto/", "^proto/")
    direction("^daemon/os/", "^daemon/os/")
    direction("^daemon/base/", "^daemon/base/")
    direction("^config/", "^(proto|daemon/os|config)/")
    direction("^daemon/net/", "^(proto|daemon/os|daemon/net)/")
    direction("^daemon/log/", "^(proto|daemon/os|daemon/log)/")
    direction("^daemon/core/", "^(proto|daemon/(base|core))/")
    direction("^daemon/control/control_server", "^(proto|config|daemon/(os|net|log|base|core|control))/|^daemon/link\\.h")
    direction("^daemon/control/", "^(proto/|daemon/(base|control)/|daemon/core/message\\.h)")
    direction("^daemon/worker", "^(proto|config|daemon/(os|net|core))/|^daemon/[a-z_]*\\.h")
    direction("^daemon/", "^(proto|config|daemon/(os|net|log|core|control|service))/|^daemon/[a-z_]*\\.h")
    direction("^client/tools/", "^(proto|client|config|daemon/(base|net|os))/")
    direction("^client/", "^(proto|client)/")

    # Layers that are pure functions over bytes: no system header, no allocation, no clock, no socket.
    PURE = "^(proto|daemon/(base|core|control))/"
    IMPURE = "^daemon/control/control_server"
    PURE_HEADERS = "^(assert|errno|inttypes|limits|sodium|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdnoreturn|string)\\.h$"

    FORBIDDEN = "(^|[^A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|atoi|atol|atoll|atof|gets|strtok|rand|srand|alloca)[ ]*\\("
    CLOCKS = "(^|[^A-Za-z0-9_])(time|clock|clock_gettime|gettimeofday|timespec_get|nanosleep|usleep|QueryPerformanceCounter|GetTickCount|GetTickCount64|Sleep|os_clock_ns|os_wall_ms|os_sleep_ms|os_random_fill|randombytes_buf|randombytes_random|randombytes_uniform)[ ]*\\("
    ALLOCATIONS = "(^|[^A-Za-z0-9_])(malloc|calloc|realloc|free|aligned_alloc|strdup)[ ]*\\("
    GETTING = "(^|[^A-Za-z0-9_])(malloc|calloc|realloc|aligned_alloc|strdup)[ ]*\\("
    # Functions that may take memory: the ones that make a thing, and their helpers.
    MAKERS = "(_init|_create|_open|_connect|_load|_main)$|^(main|wmain|allocate)$|^(allocate|create|init|make|open|narrow)_"
}

function direction(path_pattern, include_pattern) {
    directions++
    direction_path[directions] = path_pattern
    direction_include[directions] = include_pattern
}

function report(rule, line, text) {
    print rule " " path ":" line ": " text
}

# The line without comments, and with strings and characters emptied.
function strip(text,    out, i, c, next_c) {
    out = ""
    i = 1
    while (i <= length(text)) {
        c = substr(text, i, 1)
        next_c = substr(text, i + 1, 1)
        if (in_comment) {
            if (c == "*" && next_c == "/") {
                in_comment = 0
                i++
            }
        } else if (c == "/" && next_c == "*") {
            in_comment = 1
            i++
        } else if (c == "/" && next_c == "/") {
            report("comment", FNR, "a // comment")
            return out
        } else if (c == "\"" || c == "'") {
            out = out c
            i++
            while (i <= length(text) && substr(text, i, 1) != c) {
                if (substr(text, i, 1) == "\\") {
                    i++
                }
                i++
            }
            out = out c
        } else {
            out = out c
        }
        i++
    }
    return out
}

function begin_file() {
    path = FILENAME
    sub(/^\.\//, "", path)
    is_header = path ~ /\.h$/
    is_test = path ~ /^tests\//
    is_pure = path ~ PURE && path !~ IMPURE
    is_platform = path ~ /_(linux|windows)\.[ch]$/ || path == "daemon/os/os.h"
    in_comment = 0
    function_begin = 0
    function_name = ""
    candidate = ""
    has_contract = 0
    has_guard = 0
    has_net = 0
    has_core = 0
    file_lines = 0
}

function end_file() {
    if (path == "") {
        return
    }
    if (file_lines > FILE_LINES_MAX) {
        report("file-length", file_lines, file_lines " lines, at most " FILE_LINES_MAX)
    }
    if (is_header && !has_contract) {
        report("contract", 1, "no comment that begins with \"" base_name(path) " - \" near the top")
    }
    if (is_header && !has_guard) {
        report("guard", 1, "no include guard GSRELAY_..._NAME_H")
    }
    if (has_net && has_core && !is_test && path !~ /^daemon\/(worker|link|server_limits|control\/control_server)/) {
        report("include", 1, "includes both daemon/net and daemon/core")
    }
}

function base_name(name) {
    sub(/.*\//, "", name)
    return name
}

# proto/wire.h is guarded by GSRELAY_..._WIRE_H, with the folders in between as far as they help.
function is_guard(line,    name) {
    name = toupper(base_name(path))
    gsub(/[.\-]/, "_", name)
    return line ~ ("^#ifndef GSRELAY_([A-Z0-9_]*_)?" name "$")
}

function check_include(line,    name, i) {
    name = line
    if (line ~ /^#[ ]*include[ ]*</) {
        sub(/^[^<]*</, "", name)
        sub(/>.*/, "", name)
        if (is_pure && name !~ PURE_HEADERS) {
            report("include", FNR, "<" name "> in a layer that knows no system")
        }
        return
    }
    sub(/^[^"]*"/, "", name)
    sub(/".*/, "", name)
    has_net = has_net || name ~ /^daemon\/net\//
    has_core = has_core || name ~ /^daemon\/core\//
    if (is_test) {
        return
    }
    for (i = 1; i <= directions; i++) {
        if (path ~ direction_path[i]) {
            if (name !~ direction_include[i]) {
                report("include", FNR, "\"" name "\" is not this layer's to include")
            }
            return
        }
    }
    report("include", FNR, "no rule says what this folder may include")
}

function check_function(line) {
    # The name before the first parenthesis of a line in the first column starts a function's head.
    if (line ~ /^[A-Za-z_][A-Za-z0-9_ *]*[ *][A-Za-z_][A-Za-z0-9_]*\(/ && line !~ /;[ ]*$/) {
        candidate = line
        sub(/\(.*/, "", candidate)
        sub(/.*[ *]/, "", candidate)
    }
    if (line ~ /^\{[ ]*$/) {
        function_begin = FNR
        function_name = candidate
    } else if (line ~ /^\}[ ]*$/ && function_begin > 0) {
        size = FNR - function_begin - 1
        if (size > FUNCTION_LINES_MAX) {
            report("function-length", FNR, function_name " has " size " lines, at most " FUNCTION_LINES_MAX)
        } else if (size > FUNCTION_LINES_GOAL) {
            report("warning", FNR, function_name " has " size " lines, should have at most " FUNCTION_LINES_GOAL)
        }
        function_begin = 0
        function_name = ""
    }
}

function check_calls(line) {
    if (line ~ FORBIDDEN) {
        report("forbidden", FNR, "a call of the forbidden list")
    }
    if (is_test || function_begin == 0) {
        return
    }
    if (is_pure && line ~ CLOCKS) {
        report("clock", FNR, "time and random bytes are arguments here")
    }
    if (path ~ /^(proto|daemon\/core)\// && line ~ ALLOCATIONS) {
        report("allocation", FNR, "this layer works in memory that it is handed")
    } else if (path ~ /^daemon\// && line ~ GETTING && function_name !~ MAKERS) {
        report("allocation", FNR, function_name " takes memory, but is not named as what makes a thing")
    }
}

FNR == 1 {
    end_file()
    begin_file()
    if ($0 != "/* SPDX-License-Identifier: MIT */") {
        report("licence", 1, "the first line is not the SPDX line")
    }
}

{
    file_lines = FNR
    sub(/\r$/, "")
    if (index($0, "/* " base_name(path) " - ") == 1 && FNR <= 30) {
        has_contract = 1
    }
    if (is_guard($0)) {
        has_guard = 1
    }
    if ($0 ~ /(TODO|FIXME|XXX)/ && $0 !~ /(TODO|FIXME|XXX) ?\(#[0-9]+\)/) {
        report("todo", FNR, "an open end without the number of its issue")
    }
    line = strip($0)
    if (line ~ /^#[ ]*include/) {
        check_include($0)
    }
    if (line ~ /^#[ ]*pragma[ ]+once/) {
        report("guard", FNR, "#pragma once")
    }
    if (line ~ /^#.*(_WIN32|_WIN64|__MINGW|__linux__|__unix__|_MSC_VER)/ && !is_platform) {
        report("platform", FNR, "a system is asked for outside *_linux.c, *_windows.c and daemon/os/os.h")
    }
    check_function(line)
    check_calls(line)
}

END {
    end_file()
}
