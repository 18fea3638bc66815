#include "charts/component.h"

#include "charts/answer.h"
#include "charts/dots.h"
#include "charts/label.h"
#include "charts/marks.h"
#include "charts/text.h"
#include "common/run/host.h"

#include <math.h>

#define NOTE_COLUMNS 104 /* of a finding's text on a line of the chart */
#define NOTE_LINES 2
#define X_STEPS 8
#define Y_STEPS 7
#define LABEL_GAP 0.078  /* of the plot's height: one line of a label */
#define CAP_IN_VIEW 1.35 /* times the data: the cap is shown up to here */

/* The label at the end of a line. */
struct end {
    const char *name;
    double x, y;
};

static void put_text(FILE *script, const char *variable, const char *text)
{
    fprintf(script, "%s = ", variable);
    text_put_gnuplot(script, text);
    putc('\n', script);
}

static void put_point(void *arg, double x, double y, bool broken)
{
    fprintf(arg, "%s%.6g %.6g\n", broken ? "\n" : "", x, y);
}

/* "Host n2, where its server ran: lost at 31.2 s, the dashed line." */
static const char *describe_loss(const struct facts *f, const struct facts_component *c, char *out,
                                 size_t cap)
{
    char end[100];

    snprintf(out, cap, "Host %s%s: %s%s%s.", c->loss->name,
             c->lost          ? ""
             : c->row->server ? ", where clients of it ran"
                              : ", where its server ran",
             run_host_end(f->run, c->loss, end, sizeof end),
             c->loss->last_ns == 0 ? "" : ", the dashed line",
             c->lost ? "; nothing is known from then on" : "");
    return out;
}

/* When that host was heard last. */
static void put_loss(FILE *script, const struct facts *f, const struct facts_component *c)
{
    bool shown = c->loss != NULL && c->loss->last_ns != 0;

    fprintf(script, "LOST = %d\nLOST_AT = %.6g\n", shown,
            shown ? facts_x(f, c->loss->last_ns) : 0.0);
}

/* The words above the plot: what was found, if it was not a pass. */
static void put_words(FILE *script, const struct facts *f, const struct facts_component *c)
{
    char answer[ANSWER_TEXT], line[NOTE_COLUMNS + 1];
    const char *note = c->verdict == NULL || c->outcome == OUTCOME_PASS ? "" : c->verdict->text;
    char lost[240];
    int lines = 0;

    if (c->loss != NULL && *note == '\0')
        note = describe_loss(f, c, lost, sizeof lost);
    put_text(script, "NAME", c->row->name);
    put_text(script, "ANSWER", answer_format(c, answer, sizeof answer));
    fprintf(script, "ANSWER_COLOUR = C_%s\n", palette_name(answer_colour(c)));
    fprintf(script, "array NOTES[%d]\n", NOTE_LINES);
    for (; lines < NOTE_LINES; lines++) {
        char variable[16];

        if (!text_wrapped_line(note, NOTE_COLUMNS, lines, line, sizeof line))
            break;
        snprintf(variable, sizeof variable, "NOTES[%d]", lines + 1);
        put_text(script, variable, line);
    }
    fprintf(script, "NOTE_COUNT = %d\n", lines);
}

/* Series that have samples, as one data block, each an index of it; their ends into `ends`. */
static int put_series(FILE *script, const struct facts_component *c, struct end *ends)
{
    int count = 0;

    fputs("$lines << END\n", script);
    for (int s = 0; s < SERIES_COUNT; s++) {
        struct end *end = &ends[count];

        if (!downsample_last(c->series[s], &end->x, &end->y))
            continue;
        end->name = series_name((enum series)s);
        fputs(count++ > 0 ? "\n\n" : "", script);
        downsample_emit(c->series[s], 1, put_point, script);
    }
    fputs("END\nSERIES = '", script);
    for (int i = 0; i < count; i++)
        fprintf(script, "%s%s", i > 0 ? " " : "", ends[i].name);
    fputs("'\n", script);
    return count;
}

/* They stand right of where the lines end, which is where the chart ends unless it all died early.
 */
static void put_labels(FILE *script, const struct end *ends, int count, double cap, double top)
{
    double y[SERIES_COUNT + 1], x = -INFINITY;

    for (int i = 0; i < count; i++) {
        y[i] = ends[i].y;
        x = fmax(x, ends[i].x);
    }
    if (cap > 0)
        y[count] = cap;
    label_spread(y, (size_t)count + (cap > 0), LABEL_GAP * top, 0, top);
    fprintf(script, count > 0 ? "LABEL_X = %.6g\n" : "LABEL_X = X1\n", x);
    for (int i = 0; i < count; i++) {
        fprintf(script, "X_%s = %.6g\nY_%s = %.6g\n", ends[i].name, ends[i].x, ends[i].name,
                ends[i].y);
        fprintf(script, "LABEL_Y_%s = %.6g\n", ends[i].name, y[i]);
        fprintf(script, "LABEL_%s = '%s %.*f MB'\n", ends[i].name, ends[i].name,
                ends[i].y < 1 ? 2 : 1, ends[i].y);
    }
    if (cap > 0)
        fprintf(script, "LABEL_Y_cap = %.6g\n", y[count]);
}

/* Ticks first, then bars, as vectors: x and its length; then letters. */
static void put_marks(FILE *script, const struct facts *f, const struct marks *m)
{
    double width = (f->x1 - f->x0) / FACTS_COLUMNS;

    fputs("$marks << END\n", script);
    for (int i = 0; i < FACTS_COLUMNS; i++) {
        if (m->death[i])
            fprintf(script, "%.6g 0\n", f->x0 + (i + 0.5) * width);
    }
    fputs("\n\n", script);
    for (int i = 0, start = 0; i < FACTS_COLUMNS; i++) {
        if (!m->away[i])
            start = i + 1;
        else if (i + 1 == FACTS_COLUMNS || !m->away[i + 1])
            fprintf(script, "%.6g %.6g\n", f->x0 + (start - 0.5) * width, (i + 1 - start) * width);
    }
    fputs("END\n$faults << END\n", script);
    for (int i = 0; i < m->fault_count; i++)
        fprintf(script, "%.6g %c\n", m->faults[i].x, m->faults[i].kind[0]);
    fputs("END\n", script);
    fprintf(script, "MARKS = %d\nFAULTS = %d\n", m->shown, m->fault_count > 0);
}

static void put_dots(FILE *script, const struct facts *f, const struct facts_component *c)
{
    char caption[160];
    struct dots dots;

    if (!dots_take(&dots, f, c))
        dots.count = 0; /* the gate says what is wrong with the run */
    fputs("$dots << END\n", script);
    for (size_t i = 0; i < dots.count; i++)
        fprintf(script, "%.6g %.6g\n", dots.at[i].x, dots.at[i].mb);
    fprintf(script, "END\nDOTS = %d\n", dots.count > 0);
    put_text(script, "DOT_CAPTION", dots_caption(&dots, caption, sizeof caption));
}

static double highest(const struct facts_component *c)
{
    double max = 0;

    for (int s = 0; s < SERIES_COUNT; s++)
        max = fmax(max, downsample_max(c->series[s]));
    return max;
}

void component_put_script(FILE *script, const struct facts *f, const struct facts_component *c,
                          const char *template_dir, const char *output)
{
    double cap = (double)c->row->heap_cap / FACTS_MB, max = highest(c);
    bool in_view = cap > 0 && cap <= max * CAP_IN_VIEW;
    struct scale y = scale_from_zero(in_view ? fmax(cap, max) : max, Y_STEPS);
    struct end ends[SERIES_COUNT];
    char caption[240];
    struct marks marks;
    int count;

    put_text(script, "OUTPUT", output);
    put_words(script, f, c);
    put_loss(script, f, c);
    fprintf(script, "X0 = %.6g\nX1 = %.6g\nY_TOP = %.6g\nY_STEP = %.6g\n", f->x0, f->x1, y.top,
            y.step);
    fprintf(script, "X_STEP = %.6g\n", scale_from_zero(f->x1, X_STEPS).step);
    fprintf(script, "X_NAME = '%s from %s'\n", f->unit.name,
            f->origin_is_ready ? "ready" : "the start; the fleet was never ready");
    fprintf(script, "CAP = %.6g\nCAP_IN_VIEW = %d\n", cap, in_view);
    fprintf(script, "LABEL_cap = 'cap %.4g MB'\n", cap);
    count = put_series(script, c, ends);
    put_labels(script, ends, count, in_view ? cap : 0, y.top);
    marks_take(&marks, f, c);
    put_marks(script, f, &marks);
    put_dots(script, f, c);
    put_text(script, "CAPTION", marks_caption(&marks, c, caption, sizeof caption));
    put_text(script, "FAULT_CAPTION", marks_fault_caption(&marks, c, caption, sizeof caption));
    fputs("load ", script);
    snprintf(caption, sizeof caption, "%s/component.gp", template_dir);
    text_put_gnuplot(script, caption);
    putc('\n', script);
}

void component_put_description(FILE *out, const struct facts *f, const struct facts_component *c)
{
    char text[240];
    struct marks marks;
    struct dots dots;

    fprintf(out, "Memory over %.0f %s, at the end and at its peak:", f->x1, f->unit.name);
    for (int s = SERIES_COUNT; s-- > 0;) {
        double x, y;

        if (downsample_last(c->series[s], &x, &y))
            fprintf(out, " %s %.2f and %.2f MB;", series_name((enum series)s), y,
                    c->peak[s] / FACTS_MB);
    }
    fprintf(out, " cap %.4g MB. ", (double)c->row->heap_cap / FACTS_MB);
    marks_take(&marks, f, c);
    text_put_xml(out, marks_caption(&marks, c, text, sizeof text));
    if (marks.fault_total > 0) {
        putc(' ', out);
        text_put_xml(out, marks_fault_caption(&marks, c, text, sizeof text));
    }
    if (dots_take(&dots, f, c) && dots.count > 0)
        fprintf(out, " %s.", dots_caption(&dots, text, sizeof text));
    if (c->verdict != NULL && c->outcome != OUTCOME_PASS) {
        putc(' ', out);
        text_put_xml(out, c->verdict->text);
    }
    if (c->loss != NULL) {
        putc(' ', out);
        text_put_xml(out, describe_loss(f, c, text, sizeof text));
    }
}
