#include "charts/sweep_capacity.h"

#include "charts/gnuplot.h"
#include "charts/output.h"
#include "charts/palette.h"
#include "charts/scale.h"
#include "charts/svg.h"
#include "charts/templates.h"
#include "charts/text.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEPS 5
#define SCRIPT "capacity.plot"
#define RAW_SVG "capacity.raw"
#define RAW_PDF "capacity.raw.pdf"

static void put_text(FILE *out, const char *name, const char *text)
{
    fprintf(out, "%s = ", name);
    text_put_gnuplot(out, text);
    putc('\n', out);
}

static void put_entry(FILE *out, const char *array, size_t i, const char *text)
{
    fprintf(out, "%s[%zu] = ", array, i + 1);
    text_put_gnuplot(out, text);
    putc('\n', out);
}

/* An index of the data block; gnuplot takes no empty one. */
static void put_curve(FILE *out, const struct sweep_curve *curve)
{
    if (curve->count == 0)
        fputs("NaN NaN NaN NaN\n", out);
    for (size_t i = 0; i < curve->count; i++) {
        const struct sweep_point *p = &curve->points[i];

        fprintf(out, "%.6g %.5g %.5g %.5g\n", p->x, p->y, p->low, p->high);
    }
    fputs("\n\n", out);
}

static void widen(const struct sweep_curve *curve, double *low, double *high)
{
    for (size_t i = 0; i < curve->count; i++) {
        *low = fmin(*low, curve->points[i].low);
        *high = fmax(*high, curve->points[i].high);
    }
}

/* Durations between whole powers of ten, all else from zero. */
static void put_axis(FILE *out, size_t i, const struct sweep_panel *panel)
{
    double low = INFINITY, high = 0;
    struct scale scale;

    widen(&panel->up, &low, &high);
    widen(&panel->down, &low, &high);
    if (panel->durations) {
        low = pow(10, floor(log10(isfinite(low) && low > 0 ? low : 1)));
        high = pow(10, ceil(log10(high > low ? high : low * 10)));
        scale = (struct scale){.top = high, .step = 0};
    } else {
        low = 0;
        scale = scale_from_zero(high > 0 ? high : 1, STEPS);
    }
    fprintf(out, "LOG[%zu] = %d; LOW[%zu] = %.6g; HIGH[%zu] = %.6g; STEP[%zu] = %.6g\n", i + 1,
            panel->durations, i + 1, low, i + 1, scale.top, i + 1, scale.step);
}

static void put_script(FILE *out, const struct sweep_capacity_sheet *sheet, const char *templates)
{
    char path[PATH_MAX + 32];

    palette_put_gnuplot(out);
    put_text(out, "TITLE", sheet->title);
    put_text(out, "SUBTITLE", sheet->subtitle);
    put_text(out, "X_NAME", sheet->x_name);
    fprintf(out, "X_TOP = %.6g\nX_STEP = %.6g\n", sheet->x_top,
            scale_from_zero(sheet->x_top, STEPS).step);
    fprintf(out, "array TITLES[%d]; array TEXTS[%d]; array UNITS[%d]; array LOG[%d]\n",
            SWEEP_CAPACITY_PANELS, SWEEP_CAPACITY_PANELS, SWEEP_CAPACITY_PANELS,
            SWEEP_CAPACITY_PANELS);
    fprintf(out, "array LOW[%d]; array HIGH[%d]; array STEP[%d]\n", SWEEP_CAPACITY_PANELS,
            SWEEP_CAPACITY_PANELS, SWEEP_CAPACITY_PANELS);
    for (size_t i = 0; i < SWEEP_CAPACITY_PANELS; i++) {
        const struct sweep_panel *panel = &sheet->panels[i];

        put_entry(out, "TITLES", i, panel->title);
        put_entry(out, "TEXTS", i, panel->text);
        put_entry(out, "UNITS", i, panel->durations ? "" : panel->unit);
        put_axis(out, i, panel);
    }
    fputs("$ways << END\n", out);
    for (size_t i = 0; i < SWEEP_CAPACITY_PANELS; i++) {
        put_curve(out, &sheet->panels[i].up);
        put_curve(out, &sheet->panels[i].down);
    }
    fputs("END\n", out);
    snprintf(path, sizeof path, "%s/sweep_capacity.gp", templates);
    for (int pdf = 0; pdf < 2; pdf++) {
        fprintf(out, "PDF = %d\n", pdf);
        put_text(out, "OUTPUT", pdf ? RAW_PDF : RAW_SVG);
        fputs("load ", out);
        text_put_gnuplot(out, path);
        putc('\n', out);
    }
}

static bool write_script(const struct sweep_capacity_sheet *sheet, const char *dir, char *error,
                         size_t cap)
{
    char templates[PATH_MAX];
    struct output *script;

    if (!templates_find(templates, sizeof templates, error, cap))
        return false;
    script = output_new(dir, SCRIPT, error, cap);
    if (script == NULL)
        return false;
    put_script(output_file(script), sheet, templates);
    return output_finish(script, error, cap);
}

/* Its title and its description, as XML. */
static bool describe(const struct sweep_capacity_sheet *sheet, char **title, char **description)
{
    size_t length;
    FILE *out = open_memstream(title, &length);
    bool done = out != NULL;

    if (out != NULL) {
        text_put_xml(out, sheet->title);
        done = fclose(out) == 0;
    }
    out = open_memstream(description, &length);
    if (out == NULL)
        return false;
    text_put_xml(out, sheet->subtitle);
    for (size_t i = 0; i < SWEEP_CAPACITY_PANELS; i++) {
        fputs(". ", out);
        text_put_xml(out, sheet->panels[i].title);
        fputs(": ", out);
        text_put_xml(out, sheet->panels[i].text);
    }
    return fclose(out) == 0 && done;
}

static bool finish_svg(const struct sweep_capacity_sheet *sheet, const char *dir, const char *raw,
                       char *error, size_t cap)
{
    struct output *svg = output_new(dir, "capacity.svg", error, cap);
    char *title = NULL, *description = NULL;
    bool done = svg != NULL && (describe(sheet, &title, &description) ||
                                text_fail(error, cap, "charts: out of memory"));

    done = done && svg_finish(raw, title, description, output_file(svg), error, cap);
    free(title);
    free(description);
    if (done)
        return output_finish(svg, error, cap);
    output_free(svg);
    return false;
}

bool sweep_capacity_draw(const struct sweep_capacity_sheet *sheet, const char *dir, char *error,
                         size_t cap)
{
    char script[PATH_MAX], svg[PATH_MAX], raw_pdf[PATH_MAX], pdf[PATH_MAX];
    bool done;

    snprintf(script, sizeof script, "%s/" SCRIPT, dir);
    snprintf(svg, sizeof svg, "%s/" RAW_SVG, dir);
    snprintf(raw_pdf, sizeof raw_pdf, "%s/" RAW_PDF, dir);
    snprintf(pdf, sizeof pdf, "%s/capacity.pdf", dir);
    done = write_script(sheet, dir, error, cap) && gnuplot_run(dir, SCRIPT, error, cap) &&
           finish_svg(sheet, dir, svg, error, cap);
    if (done && rename(raw_pdf, pdf) != 0)
        done = text_fail(error, cap, "cannot write %s: %m", pdf);
    unlink(script);
    unlink(svg);
    unlink(raw_pdf);
    return done;
}
