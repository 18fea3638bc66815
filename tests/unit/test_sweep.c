/* The loop of a sweep: its folders, what is finished and what is not, --resume, and interruption.
 */
#include "driver/sweep/interrupt.h"
#include "driver/sweep/manifest.h"
#include "driver/sweep/sweep.h"
#include "driver/sweep/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUNS 8 /* of the plan below */

static char root[] = "/tmp/flatline-sweep.XXXXXX";

/* What a test's runs do, and what was done. */
struct script {
    unsigned runs;
    unsigned fail_at, interrupt_at; /* at so many runs; 0: never */
    char last[PATH_MAX];            /* the latest run's folder, as it was named meanwhile */
};

static uint64_t predict(void *user, const size_t *at)
{
    (void)user, (void)at;
    return 1000;
}

static enum exit_status run(void *user, const struct sweep_run *run)
{
    struct script *script = user;

    assert_true(access(run->dir, W_OK) == 0 && !tree_is_filled(run->dir));
    snprintf(script->last, sizeof script->last, "%s", run->dir);
    script->runs++;
    json_object_set_new(run->manifest, "extra", json_integer(7));
    if (script->runs == script->fail_at)
        return STATUS_ENVIRONMENT;
    if (script->runs == script->interrupt_at) {
        raise(SIGINT);
        return interrupt_came() ? STATUS_INTERRUPTED : STATUS_PASSED;
    }
    return STATUS_PASSED;
}

static enum exit_status make(struct script *script, const char *name, bool resume, int events)
{
    static const char *const latencies[] = {"0", "20"}, *const clients[] = {"1", "8"};
    static const struct sweep_axis axes[] = {{"latency", "ms", latencies, 2},
                                             {"clients", "c", clients, 2}};
    char *argv[] = {(char *)"throughput", (char *)"--out", (char *)"here", NULL}, out[PATH_MAX];
    json_t *settings = json_pack("{s:i, s:s}", "events", events, "runs", "2");
    struct sweep_plan plan = {.command = "throughput",
                              .argc = 3,
                              .argv = argv,
                              .out = out,
                              .resume = resume,
                              .seed = 5,
                              .axes = axes,
                              .axis_count = 2,
                              .repeats = 2,
                              .settings = settings,
                              .predict = predict,
                              .run = run,
                              .user = script};
    enum exit_status status;

    snprintf(out, sizeof out, "%s/%s", root, name);
    status = sweep_make(&plan);
    json_decref(settings);
    return status;
}

static char *in(const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s", root, name);
    return out;
}

static void test_all(void **state)
{
    struct script script = {0};
    char path[PATH_MAX], error[256];
    json_t *manifest;

    (void)state;
    assert_int_equal(make(&script, "all", false, 100), STATUS_PASSED);
    assert_int_equal(script.runs, RUNS);
    assert_string_equal(script.last, in("all/20ms/8c/run2.partial", path));
    assert_true(access(path, F_OK) < 0);
    assert_true(manifest_is_finished(in("all", path)));
    manifest = manifest_read(in("all/0ms/8c/run2", path), error, sizeof error);
    assert_non_null(manifest);
    assert_true(json_is_true(json_object_get(manifest, "finished")));
    assert_int_equal(json_integer_value(json_object_get(manifest, "extra")), 7);
    assert_int_equal(json_integer_value(json_object_get(manifest, "run")), 2);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(manifest, "cell"), "clients")), "8c");
    json_decref(manifest);
}

static void test_not_over_others(void **state)
{
    struct script script = {0};
    char path[PATH_MAX], error[256];

    (void)state;
    assert_int_equal(make(&script, "twice", false, 100), STATUS_PASSED);
    assert_int_equal(make(&script, "twice", false, 100), STATUS_USAGE);
    assert_int_equal(make(&script, "twice", true, 101), STATUS_USAGE);
    assert_int_equal(script.runs, RUNS);
    assert_true(tree_make(in("other/thing", path), error, sizeof error));
    assert_int_equal(make(&script, "other", true, 100), STATUS_USAGE);
    assert_int_equal(script.runs, RUNS);
}

static void test_failure(void **state)
{
    struct script script = {.fail_at = 4}, again = {0};
    char path[PATH_MAX];

    (void)state;
    assert_int_equal(make(&script, "failure", false, 100), STATUS_ENVIRONMENT);
    assert_int_equal(script.runs, 4);
    assert_true(access(in("failure/0ms/8c/run2.partial", path), F_OK) == 0);
    assert_true(access(in("failure/0ms/8c/run2", path), F_OK) < 0);
    assert_false(manifest_is_finished(in("failure", path)));
    /* One whose manifest says nothing of an end is made anew, whatever its name. */
    assert_int_equal(unlink(in("failure/0ms/1c/run1/manifest.json", path)), 0);
    assert_int_equal(make(&again, "failure", true, 100), STATUS_PASSED);
    assert_int_equal(again.runs, RUNS - 3 + 1);
    assert_true(access(in("failure/0ms/8c/run2.partial", path), F_OK) < 0);
    assert_true(manifest_is_finished(in("failure", path)));
}

static void test_interrupted(void **state)
{
    struct script script = {.interrupt_at = 3}, again = {0};
    char path[PATH_MAX];

    (void)state;
    assert_int_equal(make(&script, "interrupted", false, 100), STATUS_INTERRUPTED);
    assert_int_equal(script.runs, 3);
    assert_true(access(in("interrupted/0ms/8c/run1.partial", path), F_OK) < 0);
    assert_true(access(in("interrupted/0ms/8c/run1", path), F_OK) < 0);
    assert_int_equal(make(&again, "interrupted", true, 100), STATUS_PASSED);
    assert_int_equal(again.runs, RUNS - 2);
}

static void test_agrees(void **state)
{
    json_t *manifest = json_pack("{s:{s:i, s:s}}", "settings", "events", 100, "clients", "1,8");
    json_t *same = json_pack("{s:s, s:i}", "clients", "1,8", "events", 100);
    json_t *other = json_pack("{s:i, s:s}", "events", 100, "clients", "1,64");
    json_t *more = json_pack("{s:i, s:s, s:b}", "events", 100, "clients", "1,8", "secure", 1);
    char error[256];

    (void)state;
    assert_true(manifest_agrees(manifest, same, error, sizeof error));
    assert_false(manifest_agrees(manifest, other, error, sizeof error));
    assert_string_equal(error, "--clients was 1,8 and is now 1,64");
    assert_false(manifest_agrees(manifest, more, error, sizeof error));
    assert_string_equal(error, "--secure was nothing and is now true");
    json_decref(manifest);
    json_decref(same);
    json_decref(other);
    json_decref(more);
}

static void test_damaged_manifest(void **state)
{
    struct script script = {0};
    char path[PATH_MAX], error[256];

    (void)state;
    assert_true(tree_make(in("damaged", path), error, sizeof error));
    assert_true(tree_write_file(path, MANIFEST_NAME, "{\"finished\":", error, sizeof error));
    assert_null(manifest_read(path, error, sizeof error));
    assert_non_null(strstr(error, "line 1"));
    assert_false(manifest_is_finished(path));
    assert_int_equal(make(&script, "damaged", true, 100), STATUS_USAGE);
    assert_int_equal(script.runs, 0);
}

static void test_split(void **state)
{
    const char *values[SWEEP_VALUES_MAX];
    char *storage, why[256], many[4 * SWEEP_VALUES_MAX + 8] = "0";
    size_t count;

    (void)state;
    assert_true(sweep_split("1,8,64", values, &count, &storage, why, sizeof why));
    assert_int_equal(count, 3);
    assert_string_equal(values[2], "64");
    free(storage);
    assert_false(sweep_split("1,,64", values, &count, &storage, why, sizeof why));
    assert_string_equal(why, "'1,,64' has an empty part");
    free(storage);
    assert_false(sweep_split("1,8,1", values, &count, &storage, why, sizeof why));
    assert_string_equal(why, "'1,8,1' has 1 twice");
    free(storage);
    for (int i = 1; i <= SWEEP_VALUES_MAX; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), ",%d", i);
    assert_false(sweep_split(many, values, &count, &storage, why, sizeof why));
    free(storage);
}

static void test_tree(void **state)
{
    char path[PATH_MAX], other[PATH_MAX], shared[64], error[256];
    struct stat st;

    (void)state;
    assert_true(tree_make(in("tree/a/b", path), error, sizeof error));
    assert_false(tree_is_filled(path));
    assert_true(tree_write_file(path, "one", "text", error, sizeof error));
    assert_true(tree_is_filled(path));
    /* To another file system, where there is one. */
    snprintf(shared, sizeof shared, "/dev/shm/flatline-tree.%d", (int)getpid());
    assert_true(tree_move_file(in("tree/a/b/one", path), shared, error, sizeof error));
    assert_true(access(path, F_OK) < 0);
    assert_true(tree_move_file(shared, in("tree/two", other), error, sizeof error));
    assert_true(stat(other, &st) == 0 && st.st_size == 4);
    assert_true(access(shared, F_OK) < 0);
    assert_false(tree_make(in("tree/two/three", path), error, sizeof error));
    assert_true(tree_remove(in("tree", path), error, sizeof error));
    assert_true(access(path, F_OK) < 0);
    assert_true(tree_remove(path, error, sizeof error));
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(root) == NULL;
}

static int tear_down(void **state)
{
    char error[256];

    (void)state;
    return !tree_remove(root, error, sizeof error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),     cmocka_unit_test(test_not_over_others),
        cmocka_unit_test(test_failure), cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_agrees),  cmocka_unit_test(test_damaged_manifest),
        cmocka_unit_test(test_split),   cmocka_unit_test(test_tree),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
