#include "driver/selfcheck.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/contract/leak_spec.h"
#include "common/run/stacks.h"
#include "driver/gate.h"
#include "driver/job.h"
#include "driver/selfcheck_plan.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sooner than in a run, so that few minutes have many restarts. */
#define CHAOS_LOW_NS (5 * NS_PER_S)
#define CHAOS_HIGH_NS (7 * NS_PER_S)
/* Several for each of the short lives: from one reading of each nothing can be told. */
#define CHECKPOINTS 20
/* In the column of rules, of what the evidence phase says. */
#define EVIDENCE "evidence"
#define NONE "-"

/* A leak of memory grows under load, too, and rightly so. */
static bool follows_from(const struct selfcheck_plant *plant, const char *rule)
{
    return plant->rule != NULL && strcmp(plant->rule, "leak") == 0 && strcmp(rule, "growth") == 0;
}

struct tally {
    unsigned planted, found; /* leaks */
    unsigned healthy;        /* components with growth that is none */
    unsigned wrong;          /* verdicts that fail where nothing is wrong */
    unsigned open;           /* verdicts that could not be reached */
    unsigned asked, named;   /* stacks of planted leaks; those that name the planting function */
};

/* One line of the table. */
struct row {
    const char *component;
    struct selfcheck_plant plant;
    const char *rule;              /* that was expected, or that spoke up unexpectedly */
    const struct verdict *verdict; /* NULL: all of its rules pass, as expected */
    bool as_expected;
};

static void print_row(const struct row *row)
{
    const struct verdict *v = row->verdict;

    printf("%-4s %-20s %-17s %-15s %-12s %s\n", row->as_expected ? "ok" : "BAD", row->component,
           row->plant.planted == NULL ? NONE : row->plant.planted, row->rule,
           v == NULL ? "pass" : outcome_name(v->outcome), v == NULL ? "" : v->text);
}

static json_t *row_json(const struct row *row)
{
    const struct verdict *v = row->verdict;
    json_t *value = v == NULL || !isfinite(v->value) ? json_null() : json_real(v->value);

    return json_pack("{s:s, s:s?, s:s, s:s, s:o, s:s, s:s, s:b}", "component", row->component,
                     "planted", row->plant.planted, "rule", row->rule, "outcome",
                     v == NULL ? "pass" : outcome_name(v->outcome), "value", value, "unit",
                     v == NULL || v->unit == NULL ? "" : v->unit, "text", v == NULL ? "" : v->text,
                     "as_expected", row->as_expected);
}

/* rows: NULL prints them. */
static void put_row(json_t *rows, const struct row *row)
{
    if (rows == NULL)
        print_row(row);
    else
        json_array_append_new(rows, row_json(row));
}

static void compare_verdict(struct row row, const struct verdict *v, struct tally *tally,
                            json_t *rows)
{
    bool expected = row.plant.rule != NULL && strcmp(row.plant.rule, v->rule) == 0;
    bool fails = v->outcome == OUTCOME_FAIL;

    row.rule = v->rule;
    row.verdict = v;
    row.as_expected = fails == expected || (fails && follows_from(&row.plant, v->rule));
    tally->open += v->outcome == OUTCOME_INCONCLUSIVE;
    tally->found += expected && fails;
    tally->wrong += !expected && !row.as_expected;
    if (expected || !row.as_expected)
        put_row(rows, &row);
}

/* The function that plants a leak of memory; false: it is none. */
static bool find_culprit(const struct selfcheck_plant *plant, char *out, size_t cap)
{
    static const struct {
        const char *function;
        bool memory;
    } shapes[LEAK_SHAPES] = {
#define MEMORY true
#define DESCRIPTORS false
#define THREADS false
#define SHAPE_ROW(ident, function, name, kind, ...) [LEAK_##ident] = {#function, kind},
        LEAK_SHAPE_TABLE(SHAPE_ROW)
#undef SHAPE_ROW
#undef MEMORY
#undef DESCRIPTORS
#undef THREADS
    };
    struct leak_spec spec;
    char why[256];

    if (plant->rule == NULL || !leak_spec_parse(plant->planted, &spec, why, sizeof why) ||
        !shapes[spec.shape].memory)
        return false;
    snprintf(out, cap, "planted_leak_%s", shapes[spec.shape].function);
    return true;
}

/* What the evidence phase says of a planted leak must begin with who planted it. */
static void compare_stack(struct row row, const char *run_dir, struct tally *tally, json_t *rows)
{
    struct verdict v = {.outcome = OUTCOME_FAIL, .value = NAN};
    struct run_guilty guilty;
    char culprit[64];

    if (!find_culprit(&row.plant, culprit, sizeof culprit) ||
        !run_guilty_read(&guilty, run_dir, row.component))
        return;
    row.rule = EVIDENCE;
    row.verdict = &v;
    row.as_expected = strncmp(guilty.frames, culprit, strlen(culprit)) == 0;
    run_guilty_format(&guilty, v.text, sizeof v.text);
    tally->asked++;
    tally->named += row.as_expected;
    put_row(rows, &row);
}

static void compare_component(const struct run_component_row *component,
                              const struct verdict_list *verdicts, const char *run_dir,
                              struct tally *tally, json_t *rows)
{
    struct row row = {.component = component->name, .rule = NONE, .as_expected = true};
    unsigned wrong = tally->wrong;

    if (!selfcheck_find(component->name, &row.plant))
        return;
    tally->planted += row.plant.rule != NULL;
    tally->healthy += row.plant.rule == NULL && row.plant.planted != NULL;
    for (size_t i = 0; i < verdicts->count; i++) {
        if (verdicts->items[i].component == component->id)
            compare_verdict(row, &verdicts->items[i], tally, rows);
    }
    if (row.plant.rule == NULL && tally->wrong == wrong)
        put_row(rows, &row);
    compare_stack(row, run_dir, tally, rows);
}

static bool finish(const struct tally *tally, json_t *rows)
{
    bool passed = tally->planted > 0 && tally->found == tally->planted && tally->wrong == 0 &&
                  tally->named == tally->asked;
    json_t *root;

    if (rows == NULL) {
        printf("%s: found %u of %u planted leaks; %u false alarms, with %u healthy growths; %u "
               "verdicts open",
               passed ? "PASS" : "FAIL", tally->found, tally->planted, tally->wrong, tally->healthy,
               tally->open);
        if (tally->asked > 0)
            printf("; %u of %u stacks name who leaks", tally->named, tally->asked);
        putchar('\n');
        return passed;
    }
    root = json_pack("{s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:O}", "passed", passed, "planted",
                     (int)tally->planted, "found", (int)tally->found, "false_alarms",
                     (int)tally->wrong, "healthy", (int)tally->healthy, "open", (int)tally->open,
                     "stacks", (int)tally->asked, "stacks_named", (int)tally->named, "rows", rows);
    json_dumpf(root, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(root);
    return passed;
}

/* The run as a whole: where it is not complete, nothing can be said of the judge. */
static bool is_complete(const struct verdict_list *verdicts)
{
    for (size_t i = 0; i < verdicts->count; i++) {
        const struct verdict *v = &verdicts->items[i];

        if (v->component == 0 && v->outcome != OUTCOME_PASS) {
            log_error("%s: %s", v->rule, v->text);
            return false;
        }
    }
    return true;
}

static enum exit_status compare(struct run_reader *run, const struct verdict_list *verdicts,
                                bool json)
{
    size_t count;
    const struct run_component_row *components = run_reader_components(run, &count);
    json_t *rows = json ? json_array() : NULL;
    struct tally tally = {0};
    bool passed;

    if (!is_complete(verdicts)) {
        json_decref(rows);
        return STATUS_INCONCLUSIVE;
    }
    if (!json)
        printf("%-4s %-20s %-17s %-15s %-12s\n", "", "component", "planted", "rule", "outcome");
    for (size_t i = 0; i < count; i++)
        compare_component(&components[i], verdicts, run_reader_dir(run), &tally, rows);
    passed = finish(&tally, rows);
    json_decref(rows);
    if (fflush(stdout) != 0)
        return STATUS_ENVIRONMENT;
    return passed ? STATUS_PASSED : STATUS_FAILED;
}

static enum exit_status judge(const struct options *options)
{
    enum exit_status status = STATUS_ENVIRONMENT;
    struct verdict_list verdicts = {0};
    char dir[PATH_MAX], error[1024];
    struct run_reader *run;

    snprintf(dir, sizeof dir, "%s/latest", options->working_dir);
    run = run_reader_new(dir, error, sizeof error);
    if (run == NULL || !gate_judge(run, NULL, &verdicts, error, sizeof error))
        log_error("%s", error);
    else
        status = compare(run, &verdicts, options->json);
    verdict_list_free(&verdicts);
    run_reader_free(run);
    return status;
}

enum exit_status selfcheck_run(struct options *options, char **argv)
{
    const struct gate_limits limits = GATE_LIMITS_DEFAULT;
    enum exit_status status;

    options->quiet = true;
    options->no_evidence = !options->evidence;
    options->checkpoints = CHECKPOINTS;
    options->chaos_low_ns = CHAOS_LOW_NS;
    options->chaos_high_ns = CHAOS_HIGH_NS;
    if (!selfcheck_build(&options->scenario, options->only, options->base_port)) {
        log_error("no memory");
        return STATUS_ENVIRONMENT;
    }
    status = job_run(options, &limits, argv);
    /* That rules fail is what it is for. */
    if (status != STATUS_PASSED && status != STATUS_FAILED && status != STATUS_INCONCLUSIVE)
        return status;
    return judge(options);
}
