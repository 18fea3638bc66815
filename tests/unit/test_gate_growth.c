/* What leak, growth, fds and threads make of runs whose truth is known. */
#include "driver/gate.h"
#include "tests/fixtures/shape_run.h"
#include "tests/fixtures/synthetic_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define P OUTCOME_PASS
#define F OUTCOME_FAIL
#define I OUTCOME_INCONCLUSIVE

/* What one rule says of the server of one run; the whole run has the outcome of its worst rule. */
struct truth {
    const char *name;
    struct shape_run run;
    const char *rule;
    enum outcome outcome;
    const char *text;
    enum outcome worst;
};

static const struct truth truths[] = {
    {"clean, at rest", {.shape = SHAPE_CLEAN}, "leak", P, "flat at rest over 10 readings", P},
    {"clean, under load",
     {.shape = SHAPE_CLEAN, .noise = 20000},
     "growth",
     P,
     "live bytes are flat under load",
     P},
    {"clean, fds", {.shape = SHAPE_CLEAN}, "fds", P, "flat at rest", P},
    {"clean, threads", {.shape = SHAPE_CLEAN}, "threads", P, "flat at rest", P},
    {"clean, killed and restarted",
     {.shape = SHAPE_CLEAN, .unstable = true},
     "leak",
     P,
     "flat at rest over",
     P},
    {"clean, killed and restarted, growth",
     {.shape = SHAPE_CLEAN, .unstable = true, .noise = 20000},
     "growth",
     P,
     "flat under load",
     P},
    {"clean, without checkpoints",
     {.shape = SHAPE_CLEAN, .no_checkpoints = true},
     "leak",
     P,
     "not judged at rest (the run was to have no checkpoint); growth under load is judged",
     P},
    {"clean, without checkpoints, fds",
     {.shape = SHAPE_CLEAN, .no_checkpoints = true},
     "fds",
     P,
     "under load",
     P},
    {"clean, but nobody knows its live bytes",
     {.shape = SHAPE_CLEAN, .coverage = "none"},
     "leak",
     P,
     "not judged at rest (its live bytes are not known (coverage none))",
     P},
    {"clean, by its resident memory",
     {.shape = SHAPE_CLEAN, .coverage = "none"},
     "growth",
     P,
     "resident memory is flat",
     P},

    {"256 bytes in a run",
     {.shape = SHAPE_CALL, .bytes = 256},
     "leak",
     F,
     "in its own code: 0.00",
     F},
    {"16 bytes per call",
     {.shape = SHAPE_CALL, .bytes = 16 * 90000},
     "leak",
     F,
     "16 B per call",
     F},
    {"16 bytes per call, restarted",
     {.shape = SHAPE_CALL, .bytes = 16 * 90000, .unstable = true},
     "leak",
     F,
     "16 B per call",
     F},
    {"400 bytes per connection",
     {.shape = SHAPE_CONNECTION, .bytes = 400 * 80},
     "leak",
     F,
     "over 10 readings; or per reconnect: they went together",
     F},
    {"a leak shows under load too",
     {.shape = SHAPE_CALL, .bytes = 100 * 60 * 1024, .noise = 5000},
     "growth",
     F,
     "live bytes grow by",
     F},
    {"1 KB/s under load only",
     {.shape = SHAPE_GROWTH, .bytes = 60 * 1024, .noise = 5000},
     "growth",
     F,
     "live bytes grow by 1",
     F},
    {"1 KB/s under load only, restarted",
     {.shape = SHAPE_GROWTH, .bytes = 60 * 1024, .noise = 2000, .unstable = true},
     "growth",
     F,
     "live bytes grow by",
     F},
    {"1 KB/s of resident memory, by which any process may creep",
     {.shape = SHAPE_GROWTH, .bytes = 60 * 1024, .noise = 5000, .coverage = "none"},
     "growth",
     P,
     "resident memory is flat",
     P},
    {"6 KB/s of resident memory",
     {.shape = SHAPE_GROWTH, .bytes = 60 * 6144, .noise = 5000, .coverage = "none"},
     "growth",
     F,
     "resident memory grows by",
     F},
    {"somebody else's: clean",
     {.shape = SHAPE_CLEAN, .silent = true},
     "leak",
     P,
     "flat at rest over 10 readings",
     P},
    {"somebody else's: 16 bytes per call, as its client counts them",
     {.shape = SHAPE_CALL, .bytes = 16 * 90000, .silent = true},
     "leak",
     F,
     "16 B per call",
     F},
    {"somebody else's: 16 bytes per call, both restarted",
     {.shape = SHAPE_CALL, .bytes = 16 * 90000, .silent = true, .unstable = true},
     "leak",
     F,
     "16 B per call",
     F},
    {"somebody else's: 400 bytes per connection",
     {.shape = SHAPE_CONNECTION, .bytes = 400 * 80, .silent = true},
     "leak",
     F,
     "per connection",
     F},
    {"somebody else's: descriptors beyond those of connections",
     {.shape = SHAPE_FDS, .bytes = 12, .silent = true},
     "fds",
     F,
     "file descriptors at rest grew by",
     F},
    {"kept when all has closed",
     {.shape = SHAPE_KEPT, .bytes = 1000000},
     "leak",
     F,
     "with all connections closed it held 977",
     F},
    {"descriptors",
     {.shape = SHAPE_FDS, .bytes = 12},
     "fds",
     F,
     "file descriptors at rest grew by",
     F},
    {"descriptors, without checkpoints",
     {.shape = SHAPE_FDS, .bytes = 30, .no_checkpoints = true},
     "fds",
     F,
     "file descriptors grew by",
     F},
    {"threads", {.shape = SHAPE_THREADS, .bytes = 12}, "threads", F, "threads at rest grew by", F},

    {"a sawtooth", {.shape = SHAPE_SAWTOOTH, .bytes = 50000}, "leak", P, "", P},
    {"a high sawtooth", {.shape = SHAPE_SAWTOOTH, .bytes = 1000000}, "growth", P, "", P},
    {"a cache that fills in the first third",
     {.shape = SHAPE_CACHE, .bytes = 200000},
     "leak",
     P,
     "",
     P},
    {"a cache that fills in the first third, under load",
     {.shape = SHAPE_CACHE, .bytes = 200000},
     "growth",
     P,
     "",
     P},
    {"a cache that still fills at the end",
     {.shape = SHAPE_LATE_CACHE, .bytes = 250000},
     "leak",
     I,
     "could hide",
     I},
    {"a pool that doubles twice", {.shape = SHAPE_POOL, .bytes = 65536}, "leak", P, "", P},
    {"a pool that doubles twice, under load",
     {.shape = SHAPE_POOL, .bytes = 65536},
     "growth",
     P,
     "",
     P},
    {"the first call's warm-up",
     {.shape = SHAPE_WARM, .bytes = 40000},
     "leak",
     P,
     "flat at rest",
     P},
    {"the first call's warm-up, restarted",
     {.shape = SHAPE_WARM, .bytes = 40000, .unstable = true},
     "leak",
     P,
     "flat at rest",
     P},
    {"one step late in the run", {.shape = SHAPE_STEP, .bytes = 4096}, "leak", P, "", P},
    {"one step late in the run, under load",
     {.shape = SHAPE_STEP, .bytes = 65536},
     "growth",
     P,
     "",
     P},
};

static struct verdict_list judge(const char *folder)
{
    struct verdict_list list = {0};
    char error[256] = "";
    struct run_reader *run = run_reader_new(folder, error, sizeof error);

    assert_string_equal(error, "");
    assert_true(gate_judge(run, NULL, &list, error, sizeof error));
    run_reader_free(run);
    return list;
}

static struct verdict_list judge_shape(const struct shape_run *run)
{
    struct verdict_list list;
    char folder[64];

    synthetic_run_folder(folder, sizeof folder);
    shape_run_write(folder, run);
    list = judge(folder);
    synthetic_run_remove(folder);
    return list;
}

static const struct verdict *find(const struct verdict_list *list, int64_t component,
                                  const char *rule)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].component == component && strcmp(list->items[i].rule, rule) == 0)
            return &list->items[i];
    }
    fail_msg("no verdict of %s on component %lld", rule, (long long)component);
    return NULL;
}

static void test_truth(void **state)
{
    const struct truth *truth = *state;
    struct verdict_list list = judge_shape(&truth->run);
    const struct verdict *v = find(&list, 1, truth->rule), *first;
    enum outcome worst = verdict_list_worst(&list, 0, &first);

    if (v->outcome != truth->outcome || strstr(v->text, truth->text) == NULL)
        fail_msg("%s: %s (%g, %g to %g, smallest %g)", outcome_name(v->outcome), v->text, v->value,
                 v->low, v->high, v->smallest);
    if (worst != truth->worst)
        fail_msg("the run: %s %lld: %s: %s", outcome_name(worst), (long long)first->component,
                 first->rule, first->text);
    assert_int_equal(verdict_list_worst(&list, 2, NULL), P);
    verdict_list_free(&list);
}

int main(void)
{
    struct CMUnitTest tests[sizeof truths / sizeof *truths];
    size_t count = 0;

    for (size_t i = 0; i < sizeof truths / sizeof *truths; i++)
        tests[count++] = (struct CMUnitTest){
            .name = truths[i].name, .test_func = test_truth, .initial_state = (void *)&truths[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
