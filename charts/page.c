#include "charts/page.h"

#include "charts/answer.h"
#include "charts/hosts.h"
#include "charts/palette.h"
#include "charts/table.h"
#include "charts/templates.h"
#include "charts/text.h"
#include "common/base/clock.h"
#include "common/base/units.h"
#include "common/run/host.h"
#include "common/run/repeat.h"
#include "common/run/stacks.h"
#include "common/run/verdict_numbers.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FINDINGS_OPEN 8

static const char *outcome_class(const struct facts *f)
{
    static const char *const names[] = {
        [OUTCOME_PASS] = "pass", [OUTCOME_FAIL] = "fail", [OUTCOME_INCONCLUSIVE] = "unsure"};

    return f->verdict == NULL ? "quiet" : names[f->outcome];
}

static const struct facts_component *component_of(const struct facts *f, const struct verdict *v)
{
    if (v == NULL || v->component < 1 || (size_t)v->component > f->count)
        return NULL;
    return &f->components[v->component - 1];
}

static size_t count_outcome(const struct facts *f, enum outcome outcome)
{
    size_t n = 0;

    for (size_t i = 0; i < f->count; i++)
        n += f->components[i].verdict != NULL && f->components[i].outcome == outcome;
    return n;
}

/* The one sentence that stands above everything. */
static void put_sentence(FILE *out, const struct facts *f)
{
    const struct facts_component *c = component_of(f, f->verdict);
    size_t failed = count_outcome(f, OUTCOME_FAIL);
    char words[ANSWER_TEXT];

    if (f->verdict == NULL) {
        fputs("Not judged", out);
        return;
    }
    if (f->outcome == OUTCOME_PASS) {
        fprintf(out, "Passed: memory stayed flat in all %zu processes", f->count);
        return;
    }
    fprintf(out, "%s: ", f->outcome == OUTCOME_FAIL ? "Failed" : "Inconclusive");
    if (f->outcome == OUTCOME_FAIL && c != NULL) {
        text_put_xml(out, c->row->name);
        putc(' ', out);
        text_put_xml(out, answer_words(f->outcome, f->verdict, words, sizeof words));
        if (failed > 1)
            fprintf(out, ", and %zu more", failed - 1);
        return;
    }
    text_put_xml(out, f->verdict->text);
}

static void put_head(FILE *out, const struct facts *f)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
          "<link rel=\"icon\" href=\"data:,\">\n<title>",
          out);
    put_sentence(out, f);
    fputs("</title>\n<style>\n", out);
    palette_put_css(out);
}

static void put_fact(FILE *out, const char *term, const char *text)
{
    fprintf(out, "<div><dt>%s</dt><dd>", term);
    text_put_xml(out, text);
    fputs("</dd></div>\n", out);
}

static void put_number(FILE *out, const char *term, double number)
{
    char text[40];

    put_fact(out, term, text_number(number, 0, text, sizeof text));
}

/* What the run was meant to last, and what it did where that differs by a second or more. */
static void put_duration(FILE *out, const struct run_info *info)
{
    char planned[32], lasted[32], text[96];
    uint64_t ns =
        info->stop_ns > info->ready_ns && info->ready_ns != 0 ? info->stop_ns - info->ready_ns : 0;

    units_format_duration(info->duration_ns, planned, sizeof planned);
    units_format_duration(ns / (100 * NS_PER_MS) * (100 * NS_PER_MS), lasted, sizeof lasted);
    if (info->ready_ns == 0)
        snprintf(text, sizeof text, "%s, never all ready", planned);
    else if (!info->finished)
        snprintf(text, sizeof text, "%s, cut off", planned);
    else if (ns + NS_PER_S < info->duration_ns)
        snprintf(text, sizeof text, "%s of %s", lasted, planned);
    else
        snprintf(text, sizeof text, "%s", planned);
    put_fact(out, "Duration", text);
}

static void put_command(FILE *out, const struct run_info *info)
{
    char *command = run_repeat(info);

    fputs("<section aria-labelledby=\"again\">\n<h2 id=\"again\">How to repeat it</h2>\n"
          "<p class=\"again\"><code>",
          out);
    if (command != NULL)
        text_put_xml(out, command);
    fputs("</code></p>\n</section>\n", out);
    free(command);
}

static void put_facts(FILE *out, const struct facts *f)
{
    const struct run_info *info = f->info;
    time_t start = (time_t)(info->start_wall_ns / NS_PER_S);
    char when[40] = "", seed[24];
    int64_t calls = 0;
    struct tm utc;

    for (size_t i = 0; i < f->count; i++)
        calls += f->components[i].row->server ? 0 : f->components[i].calls;
    if (gmtime_r(&start, &utc) != NULL)
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &utc);
    fputs("<dl class=\"facts\">\n", out);
    put_fact(out, "Started", when);
    put_duration(out, info);
    put_number(out, "Processes", (double)f->count);
    put_number(out, "Kills", f->kills);
    put_number(out, "Recoveries", f->recoveries);
    put_number(out, "Calls", (double)calls);
    snprintf(seed, sizeof seed, "%" PRIu64, info->seed);
    put_fact(out, "Seed", seed);
    put_fact(out, f->host_count > 1 ? "Hosts" : "Host",
             info->host == NULL ? "unknown" : info->host);
    fputs("</dl>\n", out);
    if (info->interrupted)
        fputs("<p>This run was interrupted; what was measured until then is shown.</p>\n", out);
    else if (!info->finished)
        fputs("<p>The driver did not come to its end; what was recorded until then is "
              "shown.</p>\n",
              out);
}

/* With the first finding of a component: the code that did it, if it was looked into. */
static void put_guilty(FILE *out, const struct facts *f, const struct facts_component *c)
{
    char text[2 * RUN_GUILTY_FRAMES], path[PATH_MAX];
    struct run_guilty guilty;

    if (c->host != NULL) {
        fputs("<br>Its log and evidence are on host ", out);
        text_put_xml(out, c->host->name);
        fputs(", in the run folder of its share.", out);
    }
    if (c->host != NULL || !run_guilty_read(&guilty, run_reader_dir(f->run), c->row->name))
        return;
    fputs("<br><strong>", out);
    text_put_xml(out, run_guilty_format(&guilty, text, sizeof text));
    fputs("</strong>", out);
    if (!guilty.flame)
        return;
    fputs(" <a href=\"", out);
    text_put_xml(out, run_evidence_path(".", c->row->name, RUN_FLAME_FILE, path, sizeof path));
    fputs("\">Flame graph</a>", out);
}

static void put_finding(FILE *out, const struct facts *f, const struct verdict *v)
{
    const struct facts_component *c = component_of(f, v);
    char numbers[VERDICT_NUMBERS];

    fprintf(out, "<li class=\"%s\"><b>", v->outcome == OUTCOME_FAIL ? "fail" : "unsure");
    text_put_xml(out, c == NULL ? "the run" : c->row->name);
    fprintf(out, "</b> %s <code>%s</code><br><span>", outcome_name(v->outcome), v->rule);
    text_put_xml(out, v->text);
    if (*verdict_numbers(v, numbers) != '\0') {
        fputs("<br><small>", out);
        text_put_xml(out, numbers);
        fputs("</small>", out);
    }
    if (c != NULL && v == c->verdict && v->outcome == OUTCOME_FAIL)
        put_guilty(out, f, c);
    fputs("</span></li>\n", out);
}

/* Failed rules, then inconclusive ones; all but the first few folded away. */
static void put_findings(FILE *out, const struct facts *f)
{
    static const enum outcome order[] = {OUTCOME_FAIL, OUTCOME_INCONCLUSIVE};
    size_t total = 0, put = 0;

    for (size_t i = 0; i < f->verdicts->count; i++)
        total += f->verdicts->items[i].outcome != OUTCOME_PASS;
    if (total == 0)
        return;
    fputs("<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">Findings</h2>\n"
          "<ul class=\"findings\">\n",
          out);
    for (size_t k = 0; k < sizeof order / sizeof order[0]; k++) {
        for (size_t i = 0; i < f->verdicts->count; i++) {
            if (f->verdicts->items[i].outcome != order[k])
                continue;
            if (put++ == FINDINGS_OPEN)
                fprintf(out,
                        "</ul>\n<details><summary>%zu more</summary>\n"
                        "<ul class=\"findings\">\n",
                        total - FINDINGS_OPEN);
            put_finding(out, f, &f->verdicts->items[i]);
        }
    }
    fprintf(out, "</ul>\n%s</section>\n", total > FINDINGS_OPEN ? "</details>\n" : "");
}

/* A chart, its words as the alternative text. */
static void put_chart(FILE *out, const struct facts_component *c, bool lazy)
{
    char file[256], answer[ANSWER_TEXT];

    text_file_name(c->row->name, file, sizeof file);
    answer_format(c, answer, sizeof answer);
    fprintf(out,
            "<figure><a href=\"charts/%s.svg\"><img src=\"charts/%s.svg\" width=\"1200\""
            " height=\"%d\"%s alt=\"",
            file, file, 644, lazy ? " loading=\"lazy\"" : "");
    text_put_xml(out, c->row->name);
    fputs(": ", out);
    text_put_xml(out, answer);
    fputs("\"></a></figure>\n", out);
}

/* The first that failed; in a healthy run the one that came nearest to its cap. */
static const struct facts_component *worst(const struct facts *f, bool *failed)
{
    const struct facts_component *worst = component_of(f, f->verdict);

    *failed = worst != NULL && worst->charted && worst->outcome != OUTCOME_PASS;
    if (*failed)
        return worst;
    worst = NULL;
    for (size_t i = 0; i < f->count; i++) {
        const struct facts_component *c = &f->components[i];

        if (c->charted && (worst == NULL || facts_share(c) > facts_share(worst)))
            worst = c;
    }
    return worst;
}

static void put_worst(FILE *out, const struct facts *f)
{
    bool failed;
    const struct facts_component *c = worst(f, &failed);

    if (c == NULL)
        return;
    fputs("<section class=\"worst\" aria-labelledby=\"worst\">\n<h2 id=\"worst\">", out);
    if (failed)
        fputs("The worst: ", out);
    else
        fprintf(out, "Nearest to its cap, at %.0f %%: ", 100 * facts_share(c));
    text_put_xml(out, c->row->name);
    fputs("</h2>\n", out);
    put_chart(out, c, false);
    fputs("</section>\n", out);
}

/* Of a host; NULL: of a run of one. */
static void put_host_charts(FILE *out, const struct facts_component *const *order, size_t count,
                            const struct run_host_row *host)
{
    fputs("<div class=\"charts\">\n", out);
    for (size_t i = 0; i < count; i++) {
        if (order[i]->host == host)
            put_chart(out, order[i], true);
    }
    fputs("</div>\n", out);
}

static void put_host_section(FILE *out, const struct facts *f,
                             const struct facts_component *const *order, size_t count,
                             const struct run_host_row *host)
{
    size_t drawn = 0;
    char end[160];

    for (size_t i = 0; i < count; i++)
        drawn += order[i]->host == host;
    if (drawn == 0)
        return;
    fputs("<h3>", out);
    text_put_xml(out, host->name);
    if (run_host_broke_off(host)) {
        fputs(": <span class=\"fail\">", out);
        text_put_xml(out, run_host_end(f->run, host, end, sizeof end));
        fputs("</span>", out);
    }
    fputs("</h3>\n", out);
    put_host_charts(out, order, count, host);
}

/* Whether stable processes are not drawn. */
static bool left_out(const struct facts *f)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->components[i].row->stable && !f->components[i].charted)
            return true;
    }
    return false;
}

static bool put_charts(FILE *out, const struct facts *f)
{
    size_t count;
    const struct facts_component **order = facts_order(f, true, &count);

    if (order == NULL)
        return false;
    fputs("<section aria-labelledby=\"charts\">\n<h2 id=\"charts\">Every chart</h2>\n"
          "<p>The stable processes, and any other that failed; what failed comes first. The "
          "unstable ones are killed and started again all along, to wear the stable ones out. ",
          out);
    if (left_out(f))
        fprintf(out, "Of so many hosts only the first %zu stable ones of each are drawn. ",
                f->charted_each);
    fputs("<a href=\"charts/summary.svg\">All on the same axes</a>.</p>\n", out);
    if (f->host_count == 0)
        put_host_charts(out, order, count, NULL);
    for (size_t i = 0; i < f->host_count; i++)
        put_host_section(out, f, order, count, &f->hosts[i]);
    fputs("</section>\n", out);
    free(order);
    return true;
}

bool page_write(FILE *out, const struct facts *f, const char *template_dir, char *error, size_t cap)
{
    put_head(out, f);
    if (!templates_copy(template_dir, "page.css", out, error, cap))
        return false;
    fprintf(out, "</style>\n</head>\n<body>\n<header class=\"%s\">\n<p>Flatline</p>\n<h1>",
            outcome_class(f));
    put_sentence(out, f);
    fputs("</h1>\n</header>\n<main>\n", out);
    put_facts(out, f);
    put_worst(out, f);
    put_findings(out, f);
    put_command(out, f->info);
    hosts_put(out, f);
    if (!table_put(out, f) || !put_charts(out, f))
        return text_fail(error, cap, "charts: out of memory");
    fputs("</main>\n<script>\n", out);
    if (!templates_copy(template_dir, "page.js", out, error, cap))
        return false;
    fputs("</script>\n</body>\n</html>\n", out);
    return true;
}
