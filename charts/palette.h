/*
 * Every colour of the charts and of the page: identifier, name (gnuplot sees C_name, the page
 * --name), on light, on dark. Series are Okabe and Ito's (jfly.uni-koeln.de/color), which differ
 * for the colour-blind and in grey; words and thin marks take darker or lighter shades, at a
 * contrast of 4.5 to 1 or more.
 */
#ifndef FLATLINE_CHARTS_PALETTE_H
#define FLATLINE_CHARTS_PALETTE_H

#include <stdio.h>

#define PALETTE_TABLE(X)                        \
    X(PAPER, "paper", 0xffffff, 0x16191d)       \
    X(INK, "ink", 0x1b1f24, 0xe9ecef)           \
    X(QUIET, "quiet", 0x57606a, 0xa9b2bc)       \
    X(GRID, "grid", 0xe4e7eb, 0x2f353c)         \
    X(LIVE, "live", 0x0072b2, 0x56b4e9)         \
    X(ACTIVE, "active", 0x009e73, 0x00b586)     \
    X(RESIDENT, "resident", 0xe69f00, 0xe69f00) \
    X(MAPPED, "mapped", 0xcc79a7, 0xcc79a7)     \
    X(DATA, "data", 0x8a929b, 0x7f8892)         \
    X(CAP, "cap", 0xd55e00, 0xf0772a)           \
    X(PASS, "pass", 0x006b50, 0x2fcf9e)         \
    X(FAIL, "fail", 0xb03a00, 0xff9257)         \
    X(UNSURE, "unsure", 0x7a5a00, 0xeebb33)

#define PALETTE_ENUM(ident, name, light, dark) PALETTE_##ident,
enum palette { PALETTE_TABLE(PALETTE_ENUM) PALETTE_COUNT };
#undef PALETTE_ENUM

/* "pass" */
const char *palette_name(enum palette colour);

/* C_live = '#0072b2', and so on. */
void palette_put_gnuplot(FILE *out);

/*
 * The rules that turn an SVG by gnuplot dark where the reader wants it dark: gnuplot writes colours
 * as attributes, which any style sheet overrules, and a renderer without style sheets shows the
 * light ones.
 */
void palette_put_svg(FILE *out);

/* The page's custom properties, light and dark. */
void palette_put_css(FILE *out);

#endif
