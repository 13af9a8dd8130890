# SPDX-License-Identifier: MIT
# The lines of bench_io_models as two tables in Markdown, one for TCP and one for UDP. A row is a model;
# each cell is for 1, 64 and 500 clients in turn.

function milliseconds(us) {
    return us >= 100000 ? sprintf("%.0f", us / 1000) : us >= 10000 ? sprintf("%.1f", us / 1000) : sprintf("%.2f", us / 1000)
}

BEGIN { FS = "\t" }

NF >= 9 {
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
    rate[protocol, model, $3] = $4
    cpu[protocol, model, $3] = $5
    least[protocol, model, $3] = $6
    most[protocol, model, $3] = $7
    p99[protocol, model, $3] = $9
}

function table(protocol, unit,    i, c, key, line, rule) {
    line = "| " unit " |"
    rule = "|---|"
    for (c = 1; c <= client_count; c++) {
        line = line " " clients[c] ": echoes/s | CPU µs an echo | p99 ms |"
        rule = rule "--:|--:|--:|"
    }
    print line
    print rule
    for (i = 1; i <= count[protocol]; i++) {
        line = "| " order[protocol, i] " |"
        for (c = 1; c <= client_count; c++) {
            key = protocol SUBSEP order[protocol, i] SUBSEP clients[c]
            line = line sprintf(" %d | %.0f (%.0f to %.0f) | %s |", rate[key], cpu[key], least[key], most[key], milliseconds(p99[key]))
        }
        print line
    }
    print ""
}

END {
    table("tcp", "TCP, connections")
    table("udp", "UDP, sources")
}
