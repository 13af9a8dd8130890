# SPDX-License-Identifier: MIT
# The lines of bench_io_models as a picture (SVG): a row of panels for TCP, one for UDP and one for what
# silent clients cost; in each a line for every model and on it three marks, for 1, 64 and 500 clients, on a
# logarithmic scale. What is less than the scale begins with stands at its beginning.
#
# usage: awk -v caption=TEXT -f plot.awk RESULTS

function log10(x) {
    return log(x) / log(10)
}

BEGIN {
    FS = "\t"
    LEFT = 170
    PANEL = 250
    GAP = 44
    TOP = 86
    STEP = 24
    BETWEEN = 66
    split("#0072B2 #D55E00 #009E73", colour, " ")
    n = split("echoes a second|CPU time for an echo, µs|p99, ms|CPU while silent, % of a core|threads|memory, KiB a client", title, "|")
    least[4] = 0.01
    least[6] = 1
}

!/^#/ && NF >= 11 {
    if (!(($1) in row)) {
        row[$1] = ++rows
        model[rows] = $1
    }
    if (!(($3) in column)) {
        column[$3] = ++columns
        clients[columns] = $3
    }
    keep($2, $1, $3, 1, $4)
    keep($2, $1, $3, 2, $5)
    keep($2, $1, $3, 3, $9 / 1000)
    if ($2 == "tcp") {
        keep("silent", $1, $3, 4, $12)
        keep("silent", $1, $3, 5, $13)
        memory[$1] = $14 # The last is that of the most clients.
    }
}

function keep(protocol, name, count, v, x) {
    if (x < least[v]) x = least[v]
    value[protocol, name, count, v] = x
    if (x > 0) {
        if (!(v in low) || x < low[v]) low[v] = x
        if (!(v in high) || x > high[v]) high[v] = x
    }
}

function left(v) {
    return LEFT + ((v - 1) % 3) * (PANEL + GAP)
}

function place(v, x) {
    return left(v) + PANEL * (log10(x) - log10(from[v])) / (log10(to[v]) - log10(from[v]))
}

# The next of 1, 2, 5, 10, 20, ... below or above.
function rounded(x, up,    power, i, steps, n) {
    power = 10 ^ int(log10(x) + 100 - 100.0000001 + (log10(x) < 0 ? -0.9999999 : 0))
    n = split("1 2 5 10 20", steps, " ")
    if (up) {
        for (i = 1; i <= n; i++) if (steps[i] * power >= x * 0.999) return steps[i] * power
    }
    for (i = n; i >= 1; i--) if (steps[i] * power <= x * 1.001) return steps[i] * power
    return power / 2
}

function mark(kind, x, y) {
    if (kind == 1) {
        return sprintf("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\" fill=\"%s\"/>", x, y, colour[1])
    }
    if (kind == 2) {
        return sprintf("<rect x=\"%.1f\" y=\"%.1f\" width=\"8\" height=\"8\" fill=\"%s\"/>", x - 4, y - 4, colour[2])
    }
    return sprintf("<path d=\"M%.1f %.1f l5 9 h-10 z\" fill=\"%s\"/>", x, y - 5, colour[3])
}

function text(x, y, anchor, words, style) {
    printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" %s>%s</text>\n", x, y, anchor, style, words
}

function short(x) {
    return x >= 1000 ? x / 1000 "k" : x ""
}

# Lines at 1, 2, 5, or at the powers of ten alone where the scale is long.
function grid(v, top, bottom,    power, i, x, steps, n) {
    n = log10(to[v] / from[v]) > 3 ? split("1", steps, " ") : split("1 2 5", steps, " ")
    for (power = 0.001; power <= to[v]; power *= 10) {
        for (i = 1; i <= n; i++) {
            x = steps[i] * power
            if (x >= from[v] * 0.999 && x <= to[v] * 1.001) {
                printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#d5d5d5\"/>\n", place(v, x), top, place(v, x), bottom
                text(place(v, x), bottom + 14, "middle", (x <= least[v] * 1.001 ? "≤ " : "") short(x), "font-size=\"10\" fill=\"#555\"")
            }
        }
    }
}

# The panels `first` to `first` + 2, of the lines of one protocol.
function panels(protocol, name, first, top,    v, r, c, y, x, last) {
    last = first + 2
    text(LEFT - 10, top - 12, "end", name, "font-weight=\"bold\"")
    for (r = 1; r <= rows; r += 2) {
        printf "<rect x=\"20\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"#f6f6f6\"/>\n", top + (r - 1) * STEP, width - 40, STEP
    }
    for (v = first; v <= last; v++) {
        grid(v, top, top + rows * STEP)
        text(left(v), top - 12, "start", title[v], "")
    }
    for (r = 1; r <= rows; r++) {
        y = top + (r - 0.5) * STEP
        text(LEFT - 10, y + 4, "end", model[r], model[r] == "engine" ? "font-weight=\"bold\"" : "")
        for (v = first; v <= last; v++) {
            for (c = columns; c >= 1; c--) {
                x = value[protocol, model[r], clients[c], v]
                # One above the other, so that equal ones are still seen.
                if (x > 0) print mark(c, place(v, x), y + (c - (columns + 1) / 2) * 5)
            }
        }
    }
}

END {
    width = LEFT + 3 * PANEL + 2 * GAP + 40
    height = TOP + 3 * (rows * STEP + BETWEEN) + 4
    for (r = 1; r <= rows; r++) keep("silent", model[r], clients[columns], 6, memory[model[r]])
    for (v = 1; v <= 6; v++) {
        from[v] = rounded(low[v], 0)
        to[v] = rounded(high[v], 1)
        if (to[v] <= from[v]) to[v] = from[v] * 10
    }
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n", width, height
    printf "<title>%s</title>\n", caption
    printf "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n", width, height
    text(20, 24, "start", caption, "font-size=\"14\"")
    for (c = 1; c <= columns; c++) {
        print mark(c, LEFT + (c - 1) * 130 + 6, 44)
        text(LEFT + (c - 1) * 130 + 18, 48, "start", clients[c] " client" (clients[c] > 1 ? "s" : ""), "")
    }
    panels("tcp", "TCP", 1, TOP + 10)
    panels("udp", "UDP", 1, TOP + 10 + rows * STEP + BETWEEN)
    panels("silent", "TCP, silent clients", 4, TOP + 10 + 2 * (rows * STEP + BETWEEN))
    print "</svg>"
}
