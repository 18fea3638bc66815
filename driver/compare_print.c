/* A comparison for people and for programs. */
#include "common/run/verdict_numbers.h"
#include "driver/compare.h"
#include "driver/json_text.h"

#include <gsl/gsl_statistics_double.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#define FINDINGS 20
#define NAMES 5
#define COMPARE_VERSION 1

static const char *const outcomes[] = {
    [COMPARE_SAME] = "same", [COMPARE_BETTER] = "better", [COMPARE_WORSE] = "worse"};

/* "12.5 MB" */
static char *amount(double value, enum measure measure, char *out)
{
    return verdict_number(value, measure_info(measure)->unit, out);
}

/* A change as a share of the base; NaN where that says nothing. */
static double share(const struct comparison *c, double value)
{
    return measure_info(c->measure)->least_share > 0 && c->base != 0 ? value / fabs(c->base) : NAN;
}

static void put_finding(const struct comparison *c, FILE *out)
{
    char base[VERDICT_NUMBER], run[VERDICT_NUMBER], floor[VERDICT_NUMBER], least[VERDICT_NUMBER];
    double relative = share(c, c->run - c->base);

    fprintf(out, "%-7s %s %s: %s, was %s", outcomes[c->outcome], c->component,
            measure_info(c->measure)->name, amount(c->run, c->measure, run),
            amount(c->base, c->measure, base));
    if (!isnan(relative))
        fprintf(out, " (%+.1f %%)", 100 * relative);
    fprintf(out, "; noise floor %s, least that matters %s\n", amount(c->floor, c->measure, floor),
            amount(c->least, c->measure, least));
}

static void put_findings(const struct compared *run, enum compare_outcome outcome, FILE *out)
{
    size_t found = 0;

    for (size_t i = 0; i < run->count; i++) {
        if (run->items[i].outcome == outcome && found++ < FINDINGS)
            put_finding(&run->items[i], out);
    }
    if (found > FINDINGS)
        fprintf(out, "and %zu more that are %s\n", found - FINDINGS, outcomes[outcome]);
}

static double median(double *values, size_t count)
{
    return count == 0 ? NAN : gsl_stats_median(values, 1, count);
}

static void put_share(double value, FILE *out)
{
    if (isnan(value))
        fprintf(out, " %15s", "-");
    else
        fprintf(out, " %+13.1f %%", 100 * value);
}

/* A measure over all components: what is typical. */
static void put_measure(const struct compared *run, enum measure measure, FILE *out)
{
    double *changes = calloc(run->count + 1, sizeof *changes);
    double *floors = calloc(run->count + 1, sizeof *floors);
    size_t shares = 0, count = 0, of[3] = {0};

    for (size_t i = 0; changes != NULL && floors != NULL && i < run->count; i++) {
        const struct comparison *c = &run->items[i];

        if (c->measure != measure)
            continue;
        count++;
        of[c->outcome]++;
        if (isnan(share(c, 1)))
            continue;
        changes[shares] = share(c, c->run - c->base);
        floors[shares++] = share(c, c->floor);
    }
    if (count > 0) {
        fprintf(out, "%-22s %8zu %6zu %6zu", measure_info(measure)->name, count, of[COMPARE_WORSE],
                of[COMPARE_BETTER]);
        put_share(median(changes, shares), out);
        put_share(median(floors, shares), out);
        fputc('\n', out);
    }
    free(changes);
    free(floors);
}

static void put_names(const char *what, const char **names, size_t count, FILE *out)
{
    if (count == 0)
        return;
    fprintf(out, "%s: ", what);
    for (size_t i = 0; i < count && i < NAMES; i++)
        fprintf(out, "%s%s", i == 0 ? "" : ", ", names[i]);
    if (count > NAMES)
        fprintf(out, " and %zu more", count - NAMES);
    fputc('\n', out);
}

static void put_run(const struct compare *c, const struct compared *run, FILE *out)
{
    char noise[160];

    fprintf(out, "%s against %s", run->path, c->bases[0]);
    if (c->base_count > 1)
        fprintf(out, " and %zu more", c->base_count - 1);
    fputc('\n', out);
    put_names("only in the base", run->only_base, run->only_base_count, out);
    put_names("only in the run", run->only_run, run->only_run_count, out);
    if (!run->same_duration)
        fputs("they were not meant to last equally long\n", out);
    put_findings(run, COMPARE_WORSE, out);
    put_findings(run, COMPARE_BETTER, out);
    if (run->count > 0)
        fprintf(out, "%-22s %8s %6s %6s %15s %15s\n", "measure", "compared", "worse", "better",
                "median change", "median floor");
    for (int m = 0; m < MEASURE_COUNT; m++)
        put_measure(run, (enum measure)m, out);
    compare_noise_words(c, noise, sizeof noise);
    if (run->count == 0)
        fputs("NOTHING TO COMPARE: no measure is known in all of them\n", out);
    else if (run->worse > 0)
        fprintf(out, "REGRESSION: %zu of %zu comparisons are worse; noise floor %s\n", run->worse,
                run->count, noise);
    else
        fprintf(out, "NO REGRESSION: %zu comparisons; noise floor %s\n", run->count, noise);
}

void compare_terminal(const struct compare *c, FILE *out)
{
    for (size_t i = 0; i < c->run_count; i++) {
        if (i > 0)
            fputc('\n', out);
        put_run(c, &c->runs[i], out);
    }
}

/* NULL is no memory here, which json_pack passes on. */
static json_t *item(const struct comparison *c)
{
    return json_pack("{s:o, s:s, s:s, s:f, s:f, s:f, s:f, s:s}", "component",
                     json_text(c->component), "measure", measure_info(c->measure)->name, "unit",
                     measure_info(c->measure)->unit, "base", c->base, "run", c->run, "floor",
                     c->floor, "least", c->least, "outcome", outcomes[c->outcome]);
}

static json_t *names(const char *const *list, size_t count)
{
    json_t *array = json_array();
    bool ok = array != NULL;

    for (size_t i = 0; ok && i < count; i++)
        ok = json_array_append_new(array, json_text(list[i])) == 0;
    if (ok)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *run_json(const struct compared *run)
{
    json_t *array = json_array();
    bool ok = array != NULL;

    for (size_t i = 0; ok && i < run->count; i++)
        ok = json_array_append_new(array, item(&run->items[i])) == 0;
    if (!ok) {
        json_decref(array);
        return NULL;
    }
    return json_pack(
        "{s:o, s:s, s:I, s:I, s:b, s:o, s:o, s:o}", "run", json_text(run->path), "outcome",
        run->worse > 0   ? "regression"
        : run->count > 0 ? "same"
                         : "nothing",
        "worse", (json_int_t)run->worse, "better", (json_int_t)run->better, "same_duration",
        run->same_duration, "only_base", names(run->only_base, run->only_base_count), "only_run",
        names(run->only_run, run->only_run_count), "comparisons", array);
}

bool compare_json(const struct compare *c, FILE *out)
{
    static const char *const sources[] = {
        [NOISE_BASES] = "bases", [NOISE_RUNS] = "runs", [NOISE_WITHIN] = "within"};
    json_t *runs = json_array(), *json;
    bool ok = runs != NULL;

    for (size_t i = 0; ok && i < c->run_count; i++)
        ok = json_array_append_new(runs, run_json(&c->runs[i])) == 0;
    if (!ok) {
        json_decref(runs);
        return false;
    }
    json = json_pack("{s:s, s:i, s:o, s:s, s:o}", "format", "flatline-compare", "version",
                     COMPARE_VERSION, "bases", names((const char *const *)c->bases, c->base_count),
                     "noise", sources[c->noise], "runs", runs);
    if (json == NULL)
        return false;
    (void)json_dumpf(json, out, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
    fputc('\n', out);
    json_decref(json);
    return true;
}
