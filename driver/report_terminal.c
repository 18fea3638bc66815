#include "common/run/host.h"
#include "common/run/stacks.h"
#include "common/run/verdict_numbers.h"
#include "driver/report.h"

#include <stdarg.h>
#include <string.h>

#define MB 1048576.0
/* Clients in a fleet larger than this share a row with the others of their pattern. */
#define SINGLE_ROWS 16
/* What a screen can hold of findings: components, and rules of one. */
#define FINDINGS 10
#define FINDING_RULES 4
#define PATTERN_WIDTH 34
/* Of more hosts than these each has a row; and so many rows at most. */
#define SPLIT_HOSTS 4
#define HOST_ROWS 40

struct terminal {
    const struct report *r;
    const struct summary *s;             /* its own */
    const struct verdict_list *verdicts; /* its own too */
    FILE *out;
    bool colour;
    bool grouped;
    int width; /* of the table's first column */
};

static const struct {
    const char *word, *colour;
} looks[] = {
    [OUTCOME_PASS] = {"PASS", "\033[1;32m"},
    [OUTCOME_FAIL] = {"FAIL", "\033[1;31m"},
    [OUTCOME_INCONCLUSIVE] = {"INCONCLUSIVE", "\033[1;33m"},
};

/* Text in the colour of an outcome. */
__attribute__((format(printf, 3, 4))) static void
paint(const struct terminal *t, enum outcome outcome, const char *format, ...)
{
    va_list args;

    if (t->colour)
        fputs(looks[outcome].colour, t->out);
    va_start(args, format);
    vfprintf(t->out, format, args);
    va_end(args);
    if (t->colour)
        fputs("\033[0m", t->out);
}

/* "12", "3400", "12.3k", "456k", "10.0M": at most five columns; "-" for what nobody told. */
static char *format_count(const struct summary_row *row, double value, char *out, size_t cap)
{
    static const char suffix[] = " kMGT";
    size_t i = 0;

    if (row->telling == 0) {
        snprintf(out, cap, "-");
        return out;
    }
    while (value >= 9999.5 && i + 2 < sizeof suffix) {
        value /= 1000;
        i++;
    }
    if (i == 0)
        snprintf(out, cap, "%.0f", value);
    else
        snprintf(out, cap, "%.*f%c", value < 99.95 ? 1 : 0, value, suffix[i]);
    return out;
}

static char *format_mb(int64_t bytes, char *out, size_t cap)
{
    if (bytes < 0)
        snprintf(out, cap, "-");
    else
        snprintf(out, cap, "%.2f", (double)bytes / MB);
    return out;
}

/* Of its cap on data. */
static char *format_share(const struct summary_row *row, char *out, size_t cap)
{
    if (row->first->row->heap_cap == 0)
        snprintf(out, cap, "-");
    else
        snprintf(out, cap, "%.0f %%", 100 * row->share);
    return out;
}

static void put_numbers(const struct terminal *t, const struct summary_row *row)
{
    char live[16], peak[16], data[16], share[16], calls[16], rate[16], losses[16];

    fprintf(t->out, " %8s %8s %8s", format_mb(row->live_last, live, sizeof live),
            format_mb(row->live_peak, peak, sizeof peak),
            format_mb(row->data_peak, data, sizeof data));
    fprintf(t->out, " %7s %7s %7s", format_share(row, share, sizeof share),
            format_count(row, (double)row->calls, calls, sizeof calls),
            format_count(row, row->rate, rate, sizeof rate));
    fprintf(t->out, " %6llu %5llu %7s\n", (unsigned long long)row->kills,
            (unsigned long long)row->back,
            format_count(row, (double)row->losses, losses, sizeof losses));
}

static void put_row(const struct terminal *t, const char *label, const struct summary_row *row)
{
    enum outcome outcome = row->failed > 0     ? OUTCOME_FAIL
                           : row->doubtful > 0 ? OUTCOME_INCONCLUSIVE
                                               : OUTCOME_PASS;
    size_t bad = row->failed > 0 ? row->failed : row->doubtful;
    char verdict[48];

    if (outcome == OUTCOME_PASS)
        snprintf(verdict, sizeof verdict, "%s",
                 row->lost == row->members        ? "flat until lost"
                 : row->elsewhere == row->members ? "elsewhere"
                                                  : "flat");
    else if (row->members == 1)
        snprintf(verdict, sizeof verdict, "%s", outcome_name(outcome));
    else
        snprintf(verdict, sizeof verdict, "%zu of %zu %s", bad, row->members,
                 outcome == OUTCOME_FAIL ? "failed" : "unclear");
    fprintf(t->out, "%-*s ", t->width, label);
    paint(t, outcome, "%-15s", verdict);
    put_numbers(t, row);
}

static bool same_pattern(const struct summary_row *a, const struct summary_row *b)
{
    const char *p = a->first->row->pattern, *q = b->first->row->pattern;

    return !a->first->row->server && !b->first->row->server && p != NULL && q != NULL &&
           strcmp(p, q) == 0 && a->first->host == b->first->host;
}

/* The row of all clients of a pattern on a host, printed where its first one stands. */
static void put_pattern(const struct terminal *t, size_t first)
{
    struct summary_row sum = SUMMARY_ROW_NONE;
    char label[128];

    for (size_t i = 0; i < first; i++) {
        if (same_pattern(&t->s->rows[i], &t->s->rows[first]))
            return;
    }
    for (size_t i = first; i < t->s->count; i++) {
        if (same_pattern(&t->s->rows[i], &t->s->rows[first]))
            summary_add(&sum, &t->s->rows[i]);
    }
    snprintf(label, sizeof label, "%zu %s", sum.members, t->s->rows[first].first->row->pattern);
    put_row(t, label, &sum);
}

/* The components of a host; NULL: all. */
static void put_rows(const struct terminal *t, const struct run_host_row *host)
{
    for (size_t i = 0; i < t->s->count; i++) {
        const struct run_component_row *row = t->s->rows[i].first->row;

        if (t->s->rows[i].first->host != host)
            continue;
        if (t->grouped && !row->server && row->pattern != NULL)
            put_pattern(t, i);
        else
            put_row(t, run_host_short_name(t->r->run, row->id), &t->s->rows[i]);
    }
}

/* "n1, 127.0.0.2: 17 processes, heard to its end" above them. */
static void put_host(const struct terminal *t, const struct run_host_row *host)
{
    struct summary_row sum = report_host_sum(t->r, host);
    char end[160];

    fprintf(t->out, "%s, %s: %zu processes, ", host->name, host->address, sum.members);
    run_host_end(t->r->run, host, end, sizeof end);
    if (run_host_broke_off(host))
        paint(t, OUTCOME_FAIL, "%s", end);
    else
        fputs(end, t->out);
    fputc('\n', t->out);
    put_rows(t, host);
}

/* Those of which there is something to say first. */
static void put_host_sums(const struct terminal *t)
{
    size_t put = 0;

    for (int calm = 0; calm < 2; calm++) {
        for (size_t i = 0; i < t->r->host_count; i++) {
            struct summary_row sum = report_host_sum(t->r, &t->r->hosts[i]);
            char label[128];

            if ((sum.failed + sum.doubtful + sum.lost == 0) != (calm == 1) || put++ >= HOST_ROWS)
                continue;
            snprintf(label, sizeof label, "%zu on %s", sum.members, t->r->hosts[i].name);
            put_row(t, label, &sum);
        }
    }
    if (put > HOST_ROWS)
        fprintf(t->out, "and %zu hosts more\n", put - HOST_ROWS);
}

static void put_table(const struct terminal *t)
{
    fprintf(t->out, "%-*s %-15s %8s %8s %8s %7s %7s %7s %6s %5s %7s\n", t->width, "component",
            "verdict", "live MB", "peak MB", "data MB", "of cap", "calls", "msg/s", "kills", "back",
            "losses");
    if (t->r->host_count == 0)
        put_rows(t, NULL);
    for (size_t i = 0; t->r->host_count <= SPLIT_HOSTS && i < t->r->host_count; i++)
        put_host(t, &t->r->hosts[i]);
    if (t->r->host_count > SPLIT_HOSTS)
        put_host_sums(t);
    if (t->grouped)
        fprintf(t->out,
                "A row of several processes: the highest memory of one, the sum of all else.\n");
}

/* A rule and what it found, and the numbers that the words leave out. */
static void put_finding(const struct terminal *t, const struct verdict *v, size_t others)
{
    char numbers[VERDICT_NUMBERS];

    fprintf(t->out, "      %-16s ", v->rule);
    if (v->outcome == OUTCOME_INCONCLUSIVE)
        fputs(report_name(t->r, v->component), t->out);
    if (others > 0)
        fprintf(t->out, " and %zu more", others);
    fprintf(t->out, "%s%s\n", v->outcome == OUTCOME_INCONCLUSIVE ? ": " : "", v->text);
    if (*verdict_numbers(v, numbers) != '\0')
        fprintf(t->out, "%*s%s\n", 6 + 16 + 1, "", numbers);
}

static bool failed_before(const struct verdict_list *list, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (list->items[i].component == list->items[at].component &&
            list->items[i].outcome == OUTCOME_FAIL)
            return true;
    }
    return false;
}

/* The code that did it, if it was looked into; of several hosts each keeps that with its logs. */
static void put_guilty(const struct terminal *t, int64_t id)
{
    const struct run_host_row *host = run_reader_host(t->r->run, id);
    const char *component = report_name(t->r, id);
    char text[2 * RUN_GUILTY_FRAMES];
    struct run_guilty guilty;

    if (host != NULL)
        fprintf(t->out, "      %-16s on host %s, in the run folder of its share\n", RUN_EVIDENCE,
                host->name);
    if (host != NULL || !run_guilty_read(&guilty, run_reader_dir(t->r->run), component))
        return;
    fprintf(t->out, "      %-16s %s\n", RUN_EVIDENCE,
            run_guilty_format(&guilty, text, sizeof text));
    if (guilty.flame)
        fprintf(t->out, "%*s%s/" RUN_EVIDENCE "/%s/" RUN_FLAME_FILE "\n", 6 + 16 + 1, "",
                run_reader_dir(t->r->run), component);
}

static void put_failure(const struct terminal *t, size_t at)
{
    int64_t component = t->verdicts->items[at].component;
    size_t rules = 0;

    paint(t, OUTCOME_FAIL, "FAIL");
    fprintf(t->out, "  %s\n", report_name(t->r, component));
    for (size_t i = at; i < t->verdicts->count; i++) {
        const struct verdict *v = &t->verdicts->items[i];

        if (v->component == component && v->outcome == OUTCOME_FAIL && rules++ < FINDING_RULES)
            put_finding(t, v, 0);
    }
    if (rules > FINDING_RULES)
        fprintf(t->out, "      and %zu rules more\n", rules - FINDING_RULES);
    put_guilty(t, component);
}

/* Each component that failed, in the order of blame; returns how many. */
static size_t put_failures(const struct terminal *t)
{
    size_t found = 0;

    for (size_t i = 0; i < t->verdicts->count; i++) {
        if (t->verdicts->items[i].outcome == OUTCOME_FAIL && !failed_before(t->verdicts, i) &&
            found++ < FINDINGS)
            put_failure(t, i);
    }
    if (found > FINDINGS)
        fprintf(t->out, "and %zu failed components more\n", found - FINDINGS);
    return found;
}

/*
 * A line for each rule that could not be judged: what keeps one from being judged mostly keeps all
 * of them (a run that was stopped early, a machine too busy to sample).
 */
static size_t put_doubts(const struct terminal *t)
{
    const struct verdict_list *list = t->verdicts;
    size_t rules = 0;

    for (size_t i = 0, next; i < list->count; i = next) {
        const struct verdict *first = NULL;
        size_t unclear = 0;

        for (next = i; next < list->count && list->items[next].rule == list->items[i].rule;
             next++) {
            if (list->items[next].outcome == OUTCOME_INCONCLUSIVE && unclear++ == 0)
                first = &list->items[next];
        }
        if (unclear == 0)
            continue;
        if (rules++ == 0) {
            paint(t, OUTCOME_INCONCLUSIVE, "INCONCLUSIVE");
            fputc('\n', t->out);
        }
        put_finding(t, first, unclear - 1);
    }
    return rules;
}

/* "coverage: exact (58), native (1: node-server), none (2: go-server, ...)" */
static void put_coverage(const struct terminal *t)
{
    const struct summary_row *rows = t->s->rows;

    fputs("coverage:", t->out);
    for (size_t i = 0, kinds = 0; i < t->s->count; i++) {
        const char *coverage = rows[i].first->row->coverage;
        size_t first = 0, count = 0;

        while (strcmp(rows[first].first->row->coverage, coverage) != 0)
            first++;
        if (first < i)
            continue;
        for (size_t k = i; k < t->s->count; k++)
            count += strcmp(rows[k].first->row->coverage, coverage) == 0;
        fprintf(t->out, "%s %s (%zu", kinds++ == 0 ? "" : ",", coverage, count);
        if (strcmp(coverage, "exact") != 0)
            fprintf(t->out, ": %s%s", rows[i].first->row->name, count > 1 ? ", ..." : "");
        fputc(')', t->out);
    }
    fputc('\n', t->out);
}

static void put_verdict(const struct terminal *t)
{
    const struct summary_row *total = &t->s->total;
    const struct verdict *first = t->r->first;
    enum outcome outcome = t->r->outcome;

    fprintf(t->out, "again: %s\n", t->r->repeat);
    paint(t, outcome, "%s", looks[outcome].word);
    if (first == NULL)
        fprintf(t->out, ": nothing was judged\n");
    else if (outcome == OUTCOME_PASS)
        fprintf(
            t->out,
            ": %zu of %zu components flat; %llu kills, %llu recoveries; highest: %s, %.0f %% of "
            "its cap\n",
            total->members - total->elsewhere, t->s->count, (unsigned long long)total->kills,
            (unsigned long long)total->back, total->first->row->name, 100 * total->share);
    else if (first->component == 0)
        fprintf(t->out, ": %s: %s\n", first->rule, first->text);
    else
        fprintf(t->out, ": %s %s: %s (%zu of %zu components %s)\n",
                report_name(t->r, first->component), first->rule, first->text,
                outcome == OUTCOME_FAIL ? total->failed : total->doubtful, t->s->count,
                outcome == OUTCOME_FAIL ? "failed" : "unclear");
}

/* Whether clients share rows, and how wide the names are then. */
static void measure(struct terminal *t)
{
    t->grouped = t->s->count > SINGLE_ROWS || t->r->host_count > SPLIT_HOSTS;
    t->width = t->grouped ? PATTERN_WIDTH : (int)strlen("component");
    for (size_t i = 0; !t->grouped && i < t->s->count; i++) {
        int length = (int)strlen(run_host_short_name(t->r->run, t->s->rows[i].first->row->id));

        t->width = length > t->width ? length : t->width;
    }
}

bool report_terminal(const struct report *r, const struct report_style *style, FILE *out,
                     char *error, size_t cap)
{
    struct terminal t = {
        .r = r, .s = r->summary, .verdicts = r->verdicts, .out = out, .colour = style->colour};

    (void)error, (void)cap;
    measure(&t);
    if (put_failures(&t) + put_doubts(&t) > 0)
        fputc('\n', out);
    put_table(&t);
    put_coverage(&t);
    put_verdict(&t);
    return true;
}
