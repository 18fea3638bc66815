#include "charts/palette.h"

static const struct {
    const char *name;
    unsigned light, dark;
} table[PALETTE_COUNT] = {
#define PALETTE_ROW(ident, name, light, dark) [PALETTE_##ident] = {name, light, dark},
    PALETTE_TABLE(PALETTE_ROW)
#undef PALETTE_ROW
};

const char *palette_name(enum palette colour)
{
    return table[colour].name;
}

void palette_put_gnuplot(FILE *out)
{
    for (int i = 0; i < PALETTE_COUNT; i++)
        fprintf(out, "C_%s = '#%06x'\n", table[i].name, table[i].light);
}

void palette_put_svg(FILE *out)
{
    fprintf(out,
            "svg{background:#%06x}\n@media (prefers-color-scheme:dark){\nsvg{background:#%06x}",
            table[PALETTE_PAPER].light, table[PALETTE_PAPER].dark);
    for (int i = 0; i < PALETTE_COUNT; i++) {
        unsigned light = table[i].light, dark = table[i].dark;
        unsigned r = light >> 16, g = light >> 8 & 255, b = light & 255;

        /* To the letter as gnuplot writes them: lines, areas, text. */
        fprintf(out, "[stroke='rgb(%3u, %3u, %3u)']{stroke:#%06x}", r, g, b, dark);
        fprintf(out, "[fill='rgb(%3u, %3u, %3u)']{fill:#%06x}", r, g, b, dark);
        fprintf(out, "[fill='rgb(%u,%u,%u)']{fill:#%06x}\n", r, g, b, dark);
    }
    fprintf(out, "[fill='#%06x']{fill:#%06x}}\n", table[PALETTE_PAPER].light,
            table[PALETTE_PAPER].dark);
}

void palette_put_css(FILE *out)
{
    fputs(":root{color-scheme:light dark", out);
    for (int i = 0; i < PALETTE_COUNT; i++)
        fprintf(out, ";--%s:#%06x", table[i].name, table[i].light);
    fputs("}\n@media (prefers-color-scheme:dark){:root{--dark:1", out);
    for (int i = 0; i < PALETTE_COUNT; i++)
        fprintf(out, ";--%s:#%06x", table[i].name, table[i].dark);
    fputs("}}\n", out);
}
