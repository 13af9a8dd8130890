# SPDX-License-Identifier: MIT
# The lines of bench_io_models as a picture (SVG): a row of three panels for TCP and one for UDP; in each
# a line for every model and on it three marks, for 1, 64 and 500 clients, on a logarithmic scale.
#
# usage: awk -v caption=TEXT -f plot.awk RESULTS

function log10(x) {
    return log(x) / log(10)
}

BEGIN {
    FS = "\t"
    LEFT = 170
    PANEL = 250
    GAP = 30
    TOP = 78
    STEP = 22
    split("#0072B2 #D55E00 #009E73", colour, " ")
    split("echoes a second|CPU time for an echo, µs|p99, ms", title, "|")
}

NF >= 9 {
    if (!(($1) in row)) {
        row[$1] = ++rows
        model[rows] = $1
    }
    if (!(($3) in column)) {
        column[$3] = ++columns
        clients[columns] = $3
    }
    value[$2, $1, $3, 1] = $4
    value[$2, $1, $3, 2] = $5
    value[$2, $1, $3, 3] = $9 / 1000
    for (v = 1; v <= 3; v++) {
        x = value[$2, $1, $3, v]
        if (x > 0) {
            if (!(v in low) || x < low[v]) low[v] = x
            if (!(v in high) || x > high[v]) high[v] = x
        }
    }
}

function place(v, x) {
    return LEFT + (v - 1) * (PANEL + GAP) + PANEL * (log10(x) - log10(from[v])) / (log10(to[v]) - log10(from[v]))
}

# The next of 1, 2, 5, 10, 20, ... below or above.
function rounded(x, up,    power, i, steps, n) {
    power = 10 ^ int(log10(x) + 100 - 100.0000001 + (log10(x) < 0 ? -0.9999999 : 0))
    n = split("1 2 5 10 20", steps, " ")
    if (up) {
        for (i = 1; i <= n; i++) if (steps[i] * power >= x) return steps[i] * power
    }
    for (i = n; i >= 1; i--) if (steps[i] * power <= x) return steps[i] * power
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

function grid(v, top, bottom,    power, i, x, steps) {
    split("1 2 5", steps, " ")
    for (power = 0.001; power <= to[v]; power *= 10) {
        for (i = 1; i <= 3; i++) {
            x = steps[i] * power
            if (x >= from[v] * 0.999 && x <= to[v] * 1.001) {
                printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", place(v, x), top, place(v, x), bottom
                text(place(v, x), bottom + 14, "middle", short(x), "font-size=\"10\" fill=\"#555\"")
            }
        }
    }
}

function panels(protocol, name, top,    v, r, c, y, x) {
    text(LEFT - 10, top - 12, "end", name, "font-weight=\"bold\"")
    for (v = 1; v <= 3; v++) {
        grid(v, top, top + rows * STEP)
        text(LEFT + (v - 1) * (PANEL + GAP), top - 12, "start", title[v], "")
    }
    for (r = 1; r <= rows; r++) {
        y = top + (r - 0.5) * STEP
        text(LEFT - 10, y + 4, "end", model[r], model[r] == "engine" ? "font-weight=\"bold\"" : "")
        for (v = 1; v <= 3; v++) {
            for (c = columns; c >= 1; c--) {
                x = value[protocol, model[r], clients[c], v]
                if (x > 0) print mark(c, place(v, x), y)
            }
        }
    }
}

END {
    width = LEFT + 3 * PANEL + 2 * GAP + 20
    height = TOP + 2 * rows * STEP + 90
    for (v = 1; v <= 3; v++) {
        from[v] = rounded(low[v], 0)
        to[v] = rounded(high[v], 1)
    }
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n", width, height
    printf "<title>%s</title>\n", caption
    printf "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n", width, height
    text(20, 24, "start", caption, "font-size=\"14\"")
    for (c = 1; c <= columns; c++) {
        print mark(c, LEFT + (c - 1) * 130 + 6, 44)
        text(LEFT + (c - 1) * 130 + 18, 48, "start", clients[c] " client" (clients[c] > 1 ? "s" : ""), "")
    }
    panels("tcp", "TCP", TOP + 10)
    panels("udp", "UDP", TOP + 10 + rows * STEP + 56)
    print "</svg>"
}
