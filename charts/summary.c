#include "charts/summary.h"

#include "charts/answer.h"
#include "charts/text.h"
#include "common/run/host.h"

#include <math.h>
#include <string.h>

#define PANEL_COLUMNS 4
#define X_STEPS 4
#define Y_STEPS 4
/* The sheet stays under 200 KB: so many points of about 15 bytes, shared by all panels, of which
 * there are at most so many, with words and axes of about 2250 bytes each. */
#define POINTS 6200
#define PANELS 72
#define POINTS_BESIDE(panels) ((196000 - 2250 * (panels)) / 15)

static void put_point(void *arg, double x, double y, bool broken)
{
    fprintf(arg, "%s%.6g %.6g\n", broken ? "\n" : "", x, y);
}

static bool is_tail(const char *name, const char *tail)
{
    size_t n = strlen(name), t = strlen(tail);

    return n > t && strcmp(name + n - t, tail) == 0 && name[n - t - 1] == '-';
}

static void put_entry(FILE *script, const char *array, size_t i, const char *text)
{
    fprintf(script, "%s[%zu] = ", array, i + 1);
    text_put_gnuplot(script, text);
    putc('\n', script);
}

/* A panel is too narrow for a whole name: its pattern on one line, what tells it apart on the next.
 */
static void put_panel(FILE *script, const struct facts *f, const struct facts_component *c,
                      size_t i)
{
    const struct run_component_row *row = c->row;
    bool split = row->pattern != NULL && is_tail(row->name, row->pattern);
    char text[ANSWER_TEXT];

    put_entry(script, "NAMES", i, split ? row->pattern : run_host_short_name(f->run, row->id));
    snprintf(text, sizeof text, "%s%s%s at %d, %s", c->host == NULL ? "" : c->host->name,
             c->host == NULL ? "" : ": ", row->role, row->port,
             row->secure ? "secure" : "insecure");
    put_entry(script, "PLACES", i, text);
    put_entry(script, "ANSWERS", i, answer_of(c, text, sizeof text));
    fprintf(script, "COLOURS[%zu] = C_%s\n", i + 1, palette_name(answer_colour(c)));
}

/* Where each panel stands: side by side, but those of each host begin a row of their own. What
 * failed comes first, whatever its host. */
static void put_slots(FILE *script, const struct facts_component *const *order, size_t count)
{
    size_t row = 0, column = 0, lowest[PANEL_COLUMNS] = {0};

    fprintf(script, "array IN_ROW[%zu]; array IN_COLUMN[%zu]; array LOWEST[%zu]\n", count, count,
            count);
    for (size_t i = 0; i < count; i++) {
        if (column == PANEL_COLUMNS || (column > 0 && order[i]->outcome != OUTCOME_FAIL &&
                                        order[i]->host != order[i - 1]->host)) {
            row++;
            column = 0;
        }
        lowest[column] = i + 1;
        fprintf(script, "IN_ROW[%zu] = %zu; IN_COLUMN[%zu] = %zu; LOWEST[%zu] = 0\n", i + 1, row,
                i + 1, column++, i + 1);
    }
    for (size_t k = 0; k < PANEL_COLUMNS; k++) {
        if (lowest[k] != 0)
            fprintf(script, "LOWEST[%zu] = 1\n", lowest[k]);
    }
    fprintf(script, "ROWS = %zu\n", row + 1);
}

static void put_lines(FILE *script, const struct facts_component *const *order, size_t count)
{
    size_t merge = 1, points = POINTS_BESIDE(count) < POINTS ? POINTS_BESIDE(count) : POINTS;

    while (2 * count * (FACTS_COLUMNS / merge) > points)
        merge++;
    fputs("$lines << END\n", script);
    for (size_t i = 0; i < count; i++) {
        double x, y;

        if (!downsample_last(order[i]->series[SERIES_LIVE], &x, &y))
            fputs("0 NaN\n", script);
        downsample_emit(order[i]->series[SERIES_LIVE], merge, put_point, script);
        fputs("\n\n", script);
    }
    fputs("END\n", script);
}

void summary_put_script(FILE *script, const struct facts *f,
                        const struct facts_component *const *order, size_t count,
                        const char *template_dir, const char *output)
{
    size_t all = count;
    struct scale y;
    double max = 0;

    count = count < PANELS ? count : PANELS;
    for (size_t i = 0; i < count; i++)
        max = fmax(max, downsample_max(order[i]->series[SERIES_LIVE]));
    y = scale_from_zero(max, Y_STEPS);
    fputs("OUTPUT = ", script);
    text_put_gnuplot(script, output);
    fprintf(script, "\nCOUNT = %zu\nALL = %zu\nCOLUMNS = %d\n", count, all, PANEL_COLUMNS);
    fprintf(script, "array NAMES[%zu]; array PLACES[%zu]\n", count, count);
    fprintf(script, "array ANSWERS[%zu]; array COLOURS[%zu]\n", count, count);
    for (size_t i = 0; i < count; i++)
        put_panel(script, f, order[i], i);
    put_slots(script, order, count);
    fprintf(script, "X0 = %.6g\nX1 = %.6g\nY_TOP = %.6g\nY_STEP = %.6g\n", f->x0, f->x1, y.top,
            y.step);
    fprintf(script, "X_STEP = %.6g\n", scale_from_zero(f->x1, X_STEPS).step);
    fprintf(script, "X_NAME = '%s from %s'\n", f->unit.name,
            f->origin_is_ready ? "ready" : "the start");
    put_lines(script, order, count);
    fputs("load ", script);
    char path[4096];

    snprintf(path, sizeof path, "%s/summary.gp", template_dir);
    text_put_gnuplot(script, path);
    putc('\n', script);
}

void summary_put_title(FILE *out, const struct facts *f)
{
    char words[ANSWER_TEXT];

    fputs("Live bytes of every charted process: ", out);
    text_put_xml(out, answer_words(f->outcome, f->verdict, words, sizeof words));
}

void summary_put_description(FILE *out, const struct facts_component *const *order, size_t count)
{
    count = count < PANELS ? count : PANELS;
    for (size_t i = 0; i < count; i++) {
        char answer[ANSWER_TEXT];

        text_put_xml(out, order[i]->row->name);
        fputs(": ", out);
        text_put_xml(out, answer_format(order[i], answer, sizeof answer));
        fputs(i + 1 < count ? "; " : ".", out);
    }
}
