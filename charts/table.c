#include "charts/table.h"

#include "charts/answer.h"
#include "charts/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* The number to sort by (NaN: none), which the cell shows with so many decimals. */
static void put_cell(FILE *out, double value, int decimals)
{
    char text[40];

    if (isnan(value))
        fputs("<td>–</td>", out);
    else
        fprintf(out, "<td data-v=\"%.10g\">%s</td>", value,
                text_number(value, decimals, text, sizeof text));
}

static double live_peak(const struct facts_component *c)
{
    return c->peak[SERIES_LIVE] / FACTS_MB;
}

static double data_peak(const struct facts_component *c)
{
    return c->peak[SERIES_DATA] / FACTS_MB;
}

static double cap_mb(const struct facts_component *c)
{
    return c->row->heap_cap == 0 ? NAN : (double)c->row->heap_cap / FACTS_MB;
}

static double cap_share(const struct facts_component *c)
{
    return c->row->heap_cap == 0 ? NAN : 100 * facts_share(c);
}

static double kills(const struct facts_component *c)
{
    return c->kills;
}

static double recoveries(const struct facts_component *c)
{
    return c->recoveries;
}

static double calls(const struct facts_component *c)
{
    return c->row->own ? (double)c->calls : NAN;
}

static double losses(const struct facts_component *c)
{
    return c->row->own ? (double)c->losses : NAN;
}

static double errors(const struct facts_component *c)
{
    return c->row->own ? (double)c->errors : NAN;
}

/* The columns of numbers: heading, what it means, value, decimals. */
#define COLUMN_TABLE(X)                                                                   \
    X("Live MB", "peak of the bytes that the program holds", live_peak, 2)                \
    X("Data MB", "peak of the private writable memory, which the cap caps", data_peak, 1) \
    X("Cap MB", "heap cap", cap_mb, 0)                                                    \
    X("% of cap", "peak data in percent of the cap", cap_share, 0)                        \
    X("Kills", "deaths ordered by the chaos plan", kills, 0)                              \
    X("Back", "ready again after a death", recoveries, 0)                                 \
    X("Calls", "finished calls", calls, 0)                                                \
    X("Losses", "connections lost to a peer", losses, 0)                                  \
    X("Errors", "wrong replies, protocol errors", errors, 0)

static const struct {
    const char *heading, *meaning;
    double (*value)(const struct facts_component *c);
    int decimals;
} columns[] = {
#define COLUMN_ROW(heading, meaning, value, decimals) {heading, meaning, value, decimals},
    COLUMN_TABLE(COLUMN_ROW)
#undef COLUMN_ROW
};

/* Where all are ours, whose every byte is counted, a column of "exact" says nothing. */
static bool tells_coverage(const struct facts *f)
{
    for (size_t i = 0; i < f->count; i++) {
        if (!f->components[i].row->own)
            return true;
    }
    return false;
}

static void put_row(FILE *out, const struct facts_component *c, size_t place, bool coverage)
{
    char words[ANSWER_TEXT], file[256];

    fputs("<tr><th scope=\"row\">", out);
    if (c->charted)
        fprintf(out, "<a href=\"charts/%s.svg\">", text_file_name(c->row->name, file, sizeof file));
    text_put_xml(out, c->row->name);
    fprintf(out, "%s</th><td class=\"%s\" data-v=\"%zu\">", c->charted ? "</a>" : "",
            palette_name(answer_colour(c)), place);
    text_put_xml(out, answer_of(c, words, sizeof words));
    fputs("</td>", out);
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        put_cell(out, columns[i].value(c), columns[i].decimals);
    if (coverage) {
        fputs("<td>", out);
        text_put_xml(out, c->row->coverage);
        fputs("</td>", out);
    }
    fputs("</tr>\n", out);
}

bool table_put(FILE *out, const struct facts *f)
{
    size_t count;
    const struct facts_component **order = facts_order(f, false, &count);
    bool coverage = tells_coverage(f);

    if (order == NULL)
        return false;
    fputs("<section aria-labelledby=\"processes\">\n<h2 id=\"processes\">Every process</h2>\n"
          "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table of processes\">\n"
          "<table>\n<thead><tr><th scope=\"col\">Process</th><th scope=\"col\">Verdict</th>",
          out);
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        fprintf(out, "<th scope=\"col\" title=\"%s\">%s</th>", columns[i].meaning,
                columns[i].heading);
    if (coverage)
        fputs("<th scope=\"col\" title=\"how much of its heap is counted\">Coverage</th>", out);
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < count; i++)
        put_row(out, order[i], i, coverage);
    fputs("</tbody>\n</table>\n</div>\n</section>\n", out);
    free(order);
    return true;
}
