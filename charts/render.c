#include "charts/render.h"

#include "charts/answer.h"
#include "charts/component.h"
#include "charts/facts.h"
#include "charts/gnuplot.h"
#include "charts/output.h"
#include "charts/page.h"
#include "charts/summary.h"
#include "charts/svg.h"
#include "charts/templates.h"
#include "charts/text.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRIPT "script.gp"

/* One drawing: what is drawn, and where. Temporary files are numbered by `order`. */
struct drawing {
    struct facts *facts;
    const struct facts_component **order;
    size_t count;
    char templates[PATH_MAX / 2], run[PATH_MAX / 2], charts[PATH_MAX];
    char temporary[PATH_MAX / 2]; /* empty: there is none */
};

bool charts_check_gnuplot(char *error, size_t cap)
{
    char dir[PATH_MAX];

    return gnuplot_check(error, cap) && templates_find(dir, sizeof dir, error, cap);
}

static void part_name(const struct drawing *d, size_t i, char *path, size_t cap)
{
    snprintf(path, cap, "%s/%zu.svg", d->temporary, i);
}

static bool make_temporary(struct drawing *d, char *error, size_t cap)
{
    const char *base = getenv("TMPDIR");

    snprintf(d->temporary, sizeof d->temporary, "%s/flatline-charts-XXXXXX",
             base == NULL || *base == '\0' ? "/tmp" : base);
    if (mkdtemp(d->temporary) != NULL)
        return true;
    text_fail(error, cap, "cannot make %s: %s", d->temporary, strerror(errno));
    d->temporary[0] = '\0';
    return false;
}

static void remove_temporary(const struct drawing *d)
{
    char path[PATH_MAX];

    if (d->temporary[0] == '\0')
        return;
    for (size_t i = 0; i <= d->count; i++) {
        part_name(d, i, path, sizeof path);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/" SCRIPT, d->temporary);
    unlink(path);
    rmdir(d->temporary);
}

/* All charts in one script, so that gnuplot starts once. The sheet is the part after the last. */
static bool write_script(const struct drawing *d, char *error, size_t cap)
{
    struct output *script = output_new(d->temporary, SCRIPT, error, cap);
    char part[PATH_MAX];

    if (script == NULL)
        return false;
    FILE *out = output_file(script);

    palette_put_gnuplot(out);
    for (size_t i = 0; i < d->count; i++) {
        part_name(d, i, part, sizeof part);
        component_put_script(out, d->facts, d->order[i], d->templates, part);
    }
    part_name(d, d->count, part, sizeof part);
    summary_put_script(out, d->facts, d->order, d->count, d->templates, part);
    return output_finish(script, error, cap);
}

static bool put_part(const struct drawing *d, size_t part, const char *name, const char *title,
                     const char *description, char *error, size_t cap)
{
    struct output *chart = output_new(d->charts, name, error, cap);
    char path[PATH_MAX];

    if (chart == NULL)
        return false;
    part_name(d, part, path, sizeof path);
    if (!svg_finish(path, title, description, output_file(chart), error, cap)) {
        output_free(chart);
        return false;
    }
    return output_finish(chart, error, cap);
}

/* Part `i` gets its words and its place. */
static bool finish_part(const struct drawing *d, size_t i, char *error, size_t cap)
{
    char *title = NULL, *description = NULL, name[NAME_MAX - 32], answer[ANSWER_TEXT];
    size_t length;
    FILE *title_file = open_memstream(&title, &length);
    FILE *description_file = open_memstream(&description, &length);
    bool ok = title_file != NULL && description_file != NULL;

    if (ok && i < d->count) {
        text_put_xml(title_file, d->order[i]->row->name);
        fputs(": ", title_file);
        text_put_xml(title_file, answer_format(d->order[i], answer, sizeof answer));
        component_put_description(description_file, d->facts, d->order[i]);
        text_file_name(d->order[i]->row->name, name, sizeof name - 4);
        strcat(name, ".svg");
    } else if (ok) {
        summary_put_title(title_file, d->facts);
        summary_put_description(description_file, d->order, d->count);
        strcpy(name, "summary.svg");
    }
    if (title_file != NULL)
        ok &= fclose(title_file) == 0;
    if (description_file != NULL)
        ok &= fclose(description_file) == 0;
    ok = ok ? put_part(d, i, name, title, description, error, cap)
            : text_fail(error, cap, "charts: out of memory");
    free(title);
    free(description);
    return ok;
}

static bool write_page(const struct drawing *d, char *error, size_t cap)
{
    struct output *page = output_new(d->run, "index.html", error, cap);

    if (page == NULL)
        return false;
    if (!page_write(output_file(page), d->facts, d->templates, error, cap)) {
        output_free(page);
        return false;
    }
    return output_finish(page, error, cap);
}

static bool draw(struct drawing *d, char *error, size_t cap)
{
    d->order = facts_order(d->facts, true, &d->count);
    if (d->order == NULL)
        return text_fail(error, cap, "charts: out of memory");
    if (mkdir(d->charts, 0755) != 0 && errno != EEXIST)
        return text_fail(error, cap, "cannot make %s: %s", d->charts, strerror(errno));
    if (!output_is_folder(d->charts, error, cap))
        return false;
    if (!make_temporary(d, error, cap) || !write_script(d, error, cap) ||
        !gnuplot_run(d->temporary, SCRIPT, error, cap))
        return false;
    for (size_t i = 0; i <= d->count; i++) {
        if (!finish_part(d, i, error, cap))
            return false;
    }
    return write_page(d, error, cap);
}

bool charts_render(struct run_reader *run, const struct verdict_list *verdicts, char *error,
                   size_t cap)
{
    struct drawing d = {0};
    bool ok;

    if (!templates_find(d.templates, sizeof d.templates, error, cap))
        return false;
    snprintf(d.run, sizeof d.run, "%s", run_reader_dir(run));
    snprintf(d.charts, sizeof d.charts, "%s/charts", d.run);
    d.facts = facts_new(run, verdicts, error, cap);
    if (d.facts == NULL)
        return false;
    ok = draw(&d, error, cap);
    remove_temporary(&d);
    free(d.order);
    facts_free(d.facts);
    return ok;
}
