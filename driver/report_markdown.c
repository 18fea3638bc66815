/*
 * Markdown for the summary of a CI job: what failed first, everything within a size, since such
 * pages have a limit (GitHub: 1 MiB a step, docs.github.com, "Adding a job summary") and drop all
 * of what exceeds it.
 */
#include "common/base/utf8.h"
#include "common/run/host.h"
#include "common/run/verdict_numbers.h"
#include "driver/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MB 1048576.0
#define ROW 4096
#define RESERVE 256 /* for what is said of rows left out, in each of the sections */

struct markdown {
    const struct report *r;
    FILE *out;
    size_t used, max;
    size_t left_out; /* rows of this section */
};

static void put(struct markdown *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Of fixed size: headings and the like, for which there is always room. */
static void put(struct markdown *m, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vfprintf(m->out, format, args);
    va_end(args);
    m->used += length > 0 ? (size_t)length : 0;
}

/* Writes a row if it fits, and none after one that did not. */
static void put_row(struct markdown *m, const char *row)
{
    size_t length = strlen(row);

    if (m->left_out > 0 || m->used + length + RESERVE > m->max) {
        m->left_out++;
        return;
    }
    m->used += length;
    fputs(row, m->out);
}

static void end_rows(struct markdown *m)
{
    if (m->left_out > 0)
        put(m, "\n%zu rows more are left out, for size.\n", m->left_out);
    m->left_out = 0;
}

/* Appends text of which nothing is taken for markup. */
static void add_text(char *row, const char *text)
{
    char *clean = utf8_clean(text);
    size_t used = strlen(row);

    for (const char *at = clean; at != NULL && *at != '\0' && used + 8 < ROW; at++) {
        if (strchr("\\`*_[]|~#", *at) != NULL)
            row[used++] = '\\';
        if (*at == '<' || *at == '>' || *at == '&')
            used += (size_t)snprintf(row + used, ROW - used, "&#%d;", *at);
        else
            row[used++] = *at;
    }
    row[used] = '\0';
    free(clean);
}

static void add_cell(char *row, const char *text)
{
    add_text(row, text);
    strncat(row, " | ", ROW - strlen(row) - 1);
}

static void add_number(char *row, double value, const char *unit)
{
    char text[VERDICT_NUMBER];

    add_cell(row, isnan(value) ? "" : verdict_number(value, unit, text));
}

static void put_verdict_row(struct markdown *m, const struct verdict *v)
{
    char row[ROW] = "| ", low[VERDICT_NUMBER], high[VERDICT_NUMBER], interval[128] = "";

    if (!isnan(v->low) || !isnan(v->high))
        snprintf(interval, sizeof interval, "%s to %s", verdict_number(v->low, v->unit, low),
                 verdict_number(v->high, v->unit, high));
    add_cell(row, report_name(m->r, v->component));
    add_cell(row, v->rule);
    add_cell(row, v->text);
    add_number(row, v->value, v->unit);
    add_cell(row, interval);
    add_number(row, v->limit, v->unit);
    add_number(row, v->smallest, v->unit);
    strncat(row, "\n", ROW - strlen(row) - 1);
    put_row(m, row);
}

static void put_verdicts(struct markdown *m, enum outcome outcome, const char *heading)
{
    const struct verdict_list *list = m->r->verdicts;
    bool any = false;

    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].outcome != outcome)
            continue;
        if (!any)
            put(m,
                "\n### %s\n\n| process | rule | finding | value | interval | limit | could have "
                "seen |\n|---|---|---|--:|--:|--:|--:|\n",
                heading);
        any = true;
        put_verdict_row(m, &list->items[i]);
    }
    end_rows(m);
}

/* The code that did it, a line for each component that was looked into. */
static void put_evidence(struct markdown *m)
{
    char evidence[REPORT_EVIDENCE];

    for (size_t i = 0; i < m->r->summary->count; i++) {
        int64_t id = m->r->summary->rows[i].first->row->id;
        char row[ROW] = "\n- ";

        if (report_evidence(m->r, id, evidence, sizeof evidence) == NULL)
            continue;
        add_text(row, report_name(m->r, id));
        strncat(row, ": ", ROW - strlen(row) - 1);
        add_text(row, evidence);
        put_row(m, row);
    }
    put(m, "\n");
    end_rows(m);
}

static void put_component_row(struct markdown *m, const struct summary_row *s)
{
    const struct run_component_row *c = s->first->row;
    char row[ROW] = "| ", number[64];

    add_cell(row, c->name);
    add_cell(row, outcome_name(verdict_list_worst(m->r->verdicts, c->id, NULL)));
    add_cell(row, c->coverage);
    add_number(row, s->live_peak < 0 ? NAN : (double)s->live_peak, "B");
    add_number(row, s->data_peak < 0 ? NAN : (double)s->data_peak, "B");
    snprintf(number, sizeof number, "%.0f %%", 100 * s->share);
    add_cell(row, c->heap_cap == 0 || s->data_peak < 0 ? "" : number);
    snprintf(number, sizeof number, "%lld", (long long)s->calls);
    add_cell(row, s->telling > 0 ? number : "");
    snprintf(number, sizeof number, "%llu", (unsigned long long)s->kills);
    add_cell(row, number);
    snprintf(number, sizeof number, "%llu", (unsigned long long)s->back);
    add_cell(row, number);
    strncat(row, "\n", ROW - strlen(row) - 1);
    put_row(m, row);
}

static void put_components(struct markdown *m)
{
    static const enum outcome order[] = {OUTCOME_FAIL, OUTCOME_INCONCLUSIVE, OUTCOME_PASS};
    const struct summary *s = m->r->summary;

    put(m, "\n### Processes\n\n"
           "| process | verdict | coverage | live, peak | data, peak | of cap | calls | kills | "
           "back |\n|---|---|---|--:|--:|--:|--:|--:|--:|\n");
    for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
        for (size_t i = 0; i < s->count; i++) {
            if (verdict_list_worst(m->r->verdicts, s->rows[i].first->row->id, NULL) == order[k])
                put_component_row(m, &s->rows[i]);
        }
    }
    end_rows(m);
}

/* Where there are several. */
static void put_hosts(struct markdown *m)
{
    if (m->r->host_count == 0)
        return;
    put(m, "\n### Hosts\n\n| host | address | end | processes | failed | inconclusive |\n"
           "|---|---|---|--:|--:|--:|\n");
    for (size_t i = 0; i < m->r->host_count; i++) {
        struct summary_row sum = report_host_sum(m->r, &m->r->hosts[i]);
        char row[ROW] = "| ", text[160];

        add_cell(row, m->r->hosts[i].name);
        add_cell(row, m->r->hosts[i].address);
        add_cell(row, run_host_end(m->r->run, &m->r->hosts[i], text, sizeof text));
        snprintf(text, sizeof text, "%zu | %zu | %zu |\n", sum.members, sum.failed, sum.doubtful);
        strncat(row, text, ROW - strlen(row) - 1);
        put_row(m, row);
    }
    end_rows(m);
}

static void put_head(struct markdown *m)
{
    static const char *const words[] = {[OUTCOME_PASS] = "passed",
                                        [OUTCOME_FAIL] = "failed",
                                        [OUTCOME_INCONCLUSIVE] = "inconclusive"};
    const struct report *r = m->r;
    const struct summary_row *total = &r->summary->total;
    char text[ROW] = "";

    put(m, "## Flatline: %s\n\n", words[r->outcome]);
    if (r->first == NULL) {
        put(m, "Nothing was judged.\n");
    } else if (r->outcome == OUTCOME_PASS) {
        put(m, "Memory stayed flat in all %zu processes.\n", r->summary->count);
    } else {
        add_text(text, report_name(r, r->first->component));
        strncat(text, ": ", ROW - strlen(text) - 1);
        add_text(text, r->first->text);
        put(m, "%s", text);
        if (r->first->component == 0)
            put(m, "\n");
        else
            put(m, " (%zu of %zu processes %s)\n",
                r->outcome == OUTCOME_FAIL ? total->failed : total->doubtful, r->summary->count,
                r->outcome == OUTCOME_FAIL ? "failed" : "unclear");
    }
    put(m, "\n%.0f s under traffic, %llu kills, %llu recoveries. The same again:\n\n",
        report_lasted(r), (unsigned long long)total->kills, (unsigned long long)total->back);
}

/* As code, where nothing needs escaping; a command of any length is cut. */
static void put_command(struct markdown *m)
{
    char *clean = utf8_clean(m->r->repeat);

    put(m, "    %.*s\n", ROW / 4, clean == NULL ? "" : clean);
    free(clean);
}

bool report_markdown(const struct report *r, const struct report_style *style, FILE *out,
                     char *error, size_t cap)
{
    struct markdown m = {
        .r = r, .out = out, .max = style->max_size == 0 ? REPORT_MARKDOWN_SIZE : style->max_size};

    (void)error, (void)cap;
    put_head(&m);
    put_command(&m);
    /* Room for the later sections' headings and notes, whatever the first ones have to say. */
    m.max -= (r->host_count > 0 ? 5 : 3) * (size_t)RESERVE;
    put_verdicts(&m, OUTCOME_FAIL, "Failed");
    put_evidence(&m);
    put_verdicts(&m, OUTCOME_INCONCLUSIVE, "Inconclusive");
    put_hosts(&m);
    put_components(&m);
    return true;
}
