# SPDX-License-Identifier: MIT
# The lines of bench_io_models as tables in Markdown: TCP, UDP, what silent clients cost, and what had to
# be tried again. A row is a model; each group of cells is for 1, 64 and 500 clients in turn.

function milliseconds(us) {
    return us >= 100000 ? sprintf("%.0f", us / 1000) : us >= 10000 ? sprintf("%.1f", us / 1000) : sprintf("%.2f", us / 1000)
}

BEGIN { FS = "\t" }

!/^#/ && NF >= 11 {
    model = $1
    protocol = $2
    if (!((protocol, model) in seen)) {
        seen[protocol, model] = 1
        order[protocol, ++count[protocol]] = model
    }
    if (!(($3) in known)) {
        known[$3] = 1
        clients[++client_count] = $3
    }
    key = protocol SUBSEP model SUBSEP $3
    rate[key] = $4
    cpu[key] = $5
    least[key] = $6
    most[key] = $7
    p99[key] = $9
    resent[key] = $10
    resent_count += $10
    idle[key] = $12
    threads[key] = $13
    memory[key] = $14
    if ($11 > 0) {
        retried = retried sprintf("%s %s with %d: %d", retried == "" ? "" : "; ", model " over " toupper(protocol), $3, $11)
    }
}

function key_of(protocol, i, c) {
    return protocol SUBSEP order[protocol, i] SUBSEP clients[c]
}

function head(first, words, columns,    c, i, rule) {
    printf "| %s |", first
    rule = "|---|"
    for (c = 1; c <= client_count; c++) {
        printf " %s: %s |", clients[c], words
        for (i = 1; i <= columns; i++) rule = rule "--:|"
    }
    print ""
    print rule
}

function table(protocol, first,    i, c, key, line) {
    head(first, protocol == "udp" ? "echoes/s | CPU µs an echo | p99 ms | re-sent" : "echoes/s | CPU µs an echo | p99 ms", protocol == "udp" ? 4 : 3)
    for (i = 1; i <= count[protocol]; i++) {
        line = "| " order[protocol, i] " |"
        for (c = 1; c <= client_count; c++) {
            key = key_of(protocol, i, c)
            line = line sprintf(" %d | %.0f (%.0f to %.0f) | %s |", rate[key], cpu[key], least[key], most[key], milliseconds(p99[key]))
            if (protocol == "udp") line = line sprintf(" %d |", resent[key])
        }
        print line
    }
    print ""
}

# Memory with the most clients only: with few it is what a first client brings with it.
function silence(    i, c, key, line, rule) {
    line = "| TCP, silent clients |"
    rule = "|---|"
    for (c = 1; c <= client_count; c++) {
        line = line sprintf(" %s: CPU %% of a core | threads |", clients[c])
        rule = rule "--:|--:|"
    }
    print line " KiB a client |"
    print rule "--:|"
    for (i = 1; i <= count["tcp"]; i++) {
        line = "| " order["tcp", i] " |"
        for (c = 1; c <= client_count; c++) {
            key = key_of("tcp", i, c)
            line = line sprintf(" %.2f | %d |", idle[key], threads[key])
        }
        print line sprintf(" %.1f |", memory[key])
    }
    print ""
}

END {
    table("tcp", "TCP, connections")
    table("udp", "UDP, sources")
    silence()
    if (retried == "") {
        print "No case had to be tried again."
    } else {
        print "Cases that failed and were tried again, and how often: " retried "."
    }
    print ""
}
