#include "charts/sweep_throughput.h"

#include "charts/gnuplot.h"
#include "charts/label.h"
#include "charts/output.h"
#include "charts/palette.h"
#include "charts/scale.h"
#include "charts/svg.h"
#include "charts/templates.h"
#include "charts/text.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRIPT "script.gp"
#define LINES_MAX 64
#define LABEL_GAP 26.0    /* pixels between two labels; their lines are 22 high */
#define PLOT_HEIGHT 470.0 /* of sweep_throughput.gp */
#define TICKS 14          /* more numbers of clients than that bear no number each */
#define MISSING_STEPS 4

#define PART_TABLE(X)                       \
    X(RATE, "throughput", "throughput.svg") \
    X(TIMES, "latency", "latency.svg")
#define PART_ENUM(ident, name, file) PART_##ident,
enum part { PART_TABLE(PART_ENUM) PARTS };
#undef PART_ENUM

static const struct {
    const char *template, *file;
} parts[] = {
#define PART_ROW(ident, name, file) {"sweep_" name ".gp", file},
    PART_TABLE(PART_ROW)
#undef PART_ROW
};

/* Where one latency's cells are. */
struct line {
    size_t first, count;
};

struct sheet {
    const struct throughput_chart *chart;
    struct line lines[LINES_MAX];
    size_t line_count;
    char templates[PATH_MAX / 2], temporary[PATH_MAX / 2];
};

struct range {
    double low, high; /* decades */
};

/* --- what is to be shown --------------------------------------------------------------------- */

static void find_lines(struct sheet *s)
{
    const struct throughput_chart *c = s->chart;

    for (size_t i = 0; i < c->count; i++) {
        if (i > 0 && c->cells[i].latency_ms == c->cells[i - 1].latency_ms)
            s->lines[s->line_count - 1].count++;
        else if (s->line_count < LINES_MAX)
            s->lines[s->line_count++] = (struct line){i, 1};
    }
}

static void include(struct range *r, double value)
{
    if (!(value > 0))
        return;
    r->low = fmin(r->low, floor(log10(value)));
    r->high = fmax(r->high, ceil(log10(value)));
}

static struct range finish(struct range r)
{
    if (r.low > r.high)
        return (struct range){0, 1};
    if (r.low == r.high)
        r.high++;
    return r;
}

/* The best cell: most events a second at the subscribers. NULL: nothing arrived. */
static const struct throughput_chart_cell *best(const struct throughput_chart *c)
{
    const struct throughput_chart_cell *found = NULL;

    for (size_t i = 0; i < c->count; i++) {
        const struct throughput_chart_cell *cell = &c->cells[i];

        if (cell->roles[THROUGHPUT_CHART_SUBSCRIBER].rate > 0 &&
            (found == NULL || cell->roles[THROUGHPUT_CHART_SUBSCRIBER].rate >
                                  found->roles[THROUGHPUT_CHART_SUBSCRIBER].rate))
            found = cell;
    }
    return found;
}

static double missing_of(const struct throughput_chart *c)
{
    double missing = 0;

    for (size_t i = 0; i < c->count; i++) {
        for (int role = 0; role < THROUGHPUT_CHART_ROLES; role++)
            missing += c->cells[i].roles[role].missing;
    }
    return missing;
}

/* "up to 8,400 a second, by 64 clients at 0 ms" */
static void say_rate(const struct throughput_chart *c, char *out, size_t cap)
{
    const struct throughput_chart_cell *cell = best(c);
    char number[64];

    if (cell == NULL)
        snprintf(out, cap, "no event arrived");
    else
        snprintf(
            out, cap, "up to %s a second, by %.0f %s at %.0f ms",
            text_number(cell->roles[THROUGHPUT_CHART_SUBSCRIBER].rate, 0, number, sizeof number),
            cell->clients, cell->clients == 1 ? "client" : "clients", cell->latency_ms);
}

static void say_missing(const struct throughput_chart *c, char *out, size_t cap)
{
    double missing = missing_of(c);
    char number[64];

    if (missing == 0)
        snprintf(out, cap, "every event came through everywhere");
    else
        snprintf(out, cap, "%s times an event did not come through",
                 text_number(missing, 0, number, sizeof number));
}

/* --- the script ------------------------------------------------------------------------------ */

static void put_text(FILE *script, const char *name, const char *text)
{
    fprintf(script, "%s = ", name);
    text_put_gnuplot(script, text);
    putc('\n', script);
}

static void put_value(FILE *script, double value, bool known)
{
    if (known)
        fprintf(script, " %.8g", value);
    else
        fputs(" NaN", script);
}

/* One index for each latency; columns: clients, then rate, least, greatest, mean, std, missing of
 * each role. What a logarithmic axis cannot show is left out. */
static void put_data(FILE *script, const struct sheet *s)
{
    fputs("$cells << END\n", script);
    for (size_t l = 0; l < s->line_count; l++) {
        for (size_t i = 0; i < s->lines[l].count; i++) {
            const struct throughput_chart_cell *c = &s->chart->cells[s->lines[l].first + i];

            fprintf(script, "%.0f", c->clients);
            for (int role = 0; role < THROUGHPUT_CHART_ROLES; role++) {
                const struct throughput_chart_role *r = &c->roles[role];

                put_value(script, r->rate, r->rate > 0);
                put_value(script, r->rate_low, r->rate_low > 0);
                put_value(script, r->rate_high, r->rate_high > 0);
                put_value(script, r->mean, r->known && r->mean > 0);
                put_value(script, r->std, r->known && r->std > 0);
                put_value(script, r->missing, true);
            }
            putc('\n', script);
        }
        fputs("\n\n", script);
    }
    fputs("END\n", script);
}

/* Ticks where something was measured, and from half before to as much behind. */
static void put_clients(FILE *script, const struct sheet *s)
{
    const struct throughput_chart *c = s->chart;
    double low = INFINITY, high = 0;
    const char *comma = "";

    for (size_t i = 0; i < c->count; i++) {
        low = fmin(low, c->cells[i].clients);
        high = fmax(high, c->cells[i].clients);
    }
    fprintf(script, "X_LOW = %.8g\nX_HIGH = %.8g\nTICKS = '", low / 1.15, high * 1.15);
    if (s->lines[0].count <= TICKS) {
        for (size_t i = 0; i < s->lines[0].count; i++) {
            fprintf(script, "%s\"%.0f\" %.0f", comma, c->cells[i].clients, c->cells[i].clients);
            comma = ", ";
        }
    }
    fputs("'\n", script);
}

static void put_range(FILE *script, const char *name, struct range r)
{
    fprintf(script, "%s_LOW = %.8g\n%s_HIGH = %.8g\n", name, pow(10, r.low), name, pow(10, r.high));
}

static void put_ranges(FILE *script, const struct throughput_chart *c)
{
    struct range rate = {INFINITY, -INFINITY}, mean = rate, std = rate;
    double missing = 0;

    for (size_t i = 0; i < c->count; i++) {
        include(&rate, c->cells[i].roles[THROUGHPUT_CHART_SUBSCRIBER].rate_low);
        include(&rate, c->cells[i].roles[THROUGHPUT_CHART_SUBSCRIBER].rate_high);
        for (int role = 0; role < THROUGHPUT_CHART_ROLES; role++) {
            include(&mean, c->cells[i].roles[role].mean);
            include(&std, c->cells[i].roles[role].std);
            missing = fmax(missing, c->cells[i].roles[role].missing);
        }
    }
    put_range(script, "RATE", finish(rate));
    put_range(script, "MEAN", finish(mean));
    put_range(script, "STD", finish(std));
    fprintf(script, "MISSING_TOP = %.8g\nMISSING_STEP = %.8g\n",
            scale_from_zero(fmax(missing, MISSING_STEPS), MISSING_STEPS).top,
            scale_from_zero(fmax(missing, MISSING_STEPS), MISSING_STEPS).step);
}

/* Each line is named at its end, as far as possible where that is. */
static void put_names(FILE *script, const struct sheet *s)
{
    struct range r = {INFINITY, -INFINITY};
    double y[LINES_MAX];

    for (size_t i = 0; i < s->chart->count; i++) {
        include(&r, s->chart->cells[i].roles[THROUGHPUT_CHART_SUBSCRIBER].rate_low);
        include(&r, s->chart->cells[i].roles[THROUGHPUT_CHART_SUBSCRIBER].rate_high);
    }
    r = finish(r);
    fprintf(script, "LINES = %zu\narray NAMES[%zu]\narray ENDS[%zu]\narray PLACES[%zu]\n",
            s->line_count, s->line_count, s->line_count, s->line_count);
    for (size_t l = 0; l < s->line_count; l++) {
        const struct line *line = &s->lines[l];
        const struct throughput_chart_cell *last = &s->chart->cells[line->first + line->count - 1];
        double rate = last->roles[THROUGHPUT_CHART_SUBSCRIBER].rate;

        y[l] = rate > 0 ? log10(rate) : r.low;
        fprintf(script, "NAMES[%zu] = '%.0f ms'\nENDS[%zu] = %.8g\n", l + 1, last->latency_ms,
                l + 1, pow(10, y[l]));
    }
    label_spread(y, s->line_count, (r.high - r.low) * LABEL_GAP / PLOT_HEIGHT, r.low, r.high);
    for (size_t l = 0; l < s->line_count; l++)
        fprintf(script, "PLACES[%zu] = %.8g\n", l + 1, pow(10, y[l]));
}

static void part_path(const struct sheet *s, int part, char *path, size_t cap)
{
    snprintf(path, cap, "%s/%s", s->temporary, parts[part].file);
}

static bool write_script(const struct sheet *s, char *error, size_t cap)
{
    struct output *script = output_new(s->temporary, SCRIPT, error, cap);
    char path[PATH_MAX], words[256];
    FILE *out;

    if (script == NULL)
        return false;
    out = output_file(script);
    palette_put_gnuplot(out);
    put_text(out, "CAPTION", s->chart->caption);
    say_rate(s->chart, words, sizeof words);
    put_text(out, "RATE_ANSWER", words);
    say_missing(s->chart, words, sizeof words);
    put_text(out, "MISSING_ANSWER", words);
    fprintf(out, "MISSING_COLOUR = %s\n", missing_of(s->chart) == 0 ? "C_pass" : "C_fail");
    put_clients(out, s);
    put_ranges(out, s->chart);
    put_names(out, s);
    put_data(out, s);
    for (int part = 0; part < PARTS; part++) {
        part_path(s, part, path, sizeof path);
        put_text(out, "OUTPUT", path);
        snprintf(path, sizeof path, "%s/%s", s->templates, parts[part].template);
        fputs("load ", out);
        text_put_gnuplot(out, path);
        putc('\n', out);
    }
    return output_finish(script, error, cap);
}

/* --- the files ------------------------------------------------------------------------------- */

/* The numbers, for those who do not see the lines. */
static void describe(const struct throughput_chart *c, FILE *out)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct throughput_chart_cell *cell = &c->cells[i];
        const struct throughput_chart_role *r = &cell->roles[THROUGHPUT_CHART_SUBSCRIBER];

        fprintf(out, "%.0f ms, %.0f clients: %.0f events a second, %.3g ms each, %.0f missing%s",
                cell->latency_ms, cell->clients, r->rate, r->mean, r->missing,
                i + 1 < c->count ? "; " : ".");
    }
}

static bool finish_part(const struct sheet *s, int part, const char *dir, char *error, size_t cap)
{
    char *description = NULL, path[PATH_MAX], title[256];
    size_t length;
    FILE *file = open_memstream(&description, &length);
    struct output *chart = output_new(dir, parts[part].file, error, cap);
    bool done = file != NULL && chart != NULL;

    if (file != NULL) {
        describe(s->chart, file);
        done &= fclose(file) == 0;
    }
    if (part == PART_RATE)
        say_rate(s->chart, title, sizeof title);
    else
        say_missing(s->chart, title, sizeof title);
    part_path(s, part, path, sizeof path);
    if (chart != NULL && file == NULL)
        text_fail(error, cap, "charts: out of memory");
    done = done && svg_finish(path, title, description, output_file(chart), error, cap);
    free(description);
    if (done)
        return output_finish(chart, error, cap);
    output_free(chart);
    return false;
}

static bool make_temporary(struct sheet *s, char *error, size_t cap)
{
    const char *base = getenv("TMPDIR");

    snprintf(s->temporary, sizeof s->temporary, "%s/flatline-charts-XXXXXX",
             base == NULL || *base == '\0' ? "/tmp" : base);
    if (mkdtemp(s->temporary) != NULL)
        return true;
    text_fail(error, cap, "cannot make %s: %s", s->temporary, strerror(errno));
    s->temporary[0] = '\0';
    return false;
}

static void remove_temporary(const struct sheet *s)
{
    char path[PATH_MAX];

    if (s->temporary[0] == '\0')
        return;
    for (int part = 0; part < PARTS; part++) {
        part_path(s, part, path, sizeof path);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/" SCRIPT, s->temporary);
    unlink(path);
    rmdir(s->temporary);
}

bool throughput_charts_render(const char *dir, const struct throughput_chart *chart, char *error,
                              size_t cap)
{
    struct sheet s = {.chart = chart};
    bool done;

    if (chart->count == 0)
        return text_fail(error, cap, "there is nothing to draw");
    if (!templates_find(s.templates, sizeof s.templates, error, cap))
        return false;
    find_lines(&s);
    done = make_temporary(&s, error, cap) && write_script(&s, error, cap) &&
           gnuplot_run(s.temporary, SCRIPT, error, cap);
    for (int part = 0; done && part < PARTS; part++)
        done = finish_part(&s, part, dir, error, cap);
    remove_temporary(&s);
    return done;
}
