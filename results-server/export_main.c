/* results-server export: beside a server, or on the store that one left behind. */
#include "config.h"

#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/base/options.h"
#include "results-server/export.h"
#include "results-server/test_json.h"
#include "results-server/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE 1024

struct export_options {
    const char *id, *store, *out;
};

static void print_version(FILE *out)
{
    fprintf(out, "results-server %s\n", VERSION);
}

static const struct option_spec specs[] = {
    {"store", 's', "DIR", "the server's, which may be running", options_set_text,
     offsetof(struct export_options, store)},
    {"out", 'o', "DIR", "write there; made if need be (the test's id)", options_set_text,
     offsetof(struct export_options, out)},
    {0},
};

static const struct option_set set = {
    .program = "results-server export",
    .usage = "ID --store DIR [--out DIR]",
    .summary =
        "Writes what a test came to: " EXPORT_TEST_NAME " with all that was posted, and of a test "
        "of driver hosts " EXPORT_RUN_NAME " with the runs of all of them as one, which `driver "
        "gate`, `charts` and `report` take.",
    .specs = specs,
    .epilogue = "Exits 0; 2 no such test, bad usage; 3 no store, a file in the way, full disk.\n",
    .print_version = print_version,
    .operands = true,
};

/* ---- files that are there whole or not at all ---- */

struct place {
    char path[PATH_MAX], draft[PATH_MAX];
};

/* False with a line: it is there already, or its path is too long. */
static bool find_place(struct place *place, const char *dir, const char *name)
{
    if (snprintf(place->path, sizeof place->path, "%s/%s", dir, name) >= (int)sizeof place->path ||
        snprintf(place->draft, sizeof place->draft, "%s/.%s.%d.part", dir, name, (int)getpid()) >=
            (int)sizeof place->draft) {
        log_error("--out: the path is too long");
        return false;
    }
    if (access(place->path, F_OK) == 0) {
        log_error("%s is there already: remove it, or give another --out", place->path);
        return false;
    }
    return true;
}

static bool settle(const struct place *place)
{
    if (rename(place->draft, place->path) == 0)
        return true;
    log_error("cannot write %s: %s", place->path, strerror(errno));
    unlink(place->draft);
    return false;
}

static bool put(void *arg, const char *bytes, size_t size)
{
    return fwrite(bytes, 1, size, arg) == size;
}

/* What went wrong: with the file, or with the store. */
static bool complain(const struct place *place, const struct store_reader *reader)
{
    const char *error = store_reader_error(reader);

    if (*error != '\0')
        log_error("%s", error);
    else if (errno == ENOSPC || errno == EDQUOT)
        log_error("disk full: cannot write %s; free some space", place->path);
    else
        log_error("cannot write %s: %s", place->path, strerror(errno));
    unlink(place->draft);
    return false;
}

static bool write_test(struct store_reader *reader, const struct test *test,
                       const struct place *place)
{
    json_t *json = test_json(test);
    FILE *out = fopen(place->draft, "wxe");
    bool ok = out != NULL && json != NULL && export_test(reader, test->id, json, put, out);

    ok = ok && fflush(out) == 0 && fsync(fileno(out)) == 0;
    if (out != NULL && fclose(out) != 0)
        ok = false;
    json_decref(json);
    return ok ? settle(place) : complain(place, reader);
}

static bool write_run(struct store_reader *reader, const struct test *test,
                      const struct place *place)
{
    struct merge_tally tally;
    char error[LINE];

    if (!export_run(reader, test, place->draft, &tally, error, sizeof error)) {
        log_error("%s", error);
        return false;
    }
    if (tally.left_out > 0)
        log_warn("%" PRIu64 " of %" PRIu64 " rows are not what a run's are, and are left out",
                 tally.left_out, tally.rows);
    return settle(place);
}

/* ---- what is exported ---- */

static void tell(const struct test *test, const struct place *run)
{
    size_t silent = 0;

    if (test->finished_ns == 0)
        log_warn("test %s is not finished: this is what was there so far", test->id);
    for (size_t i = 0; i < test->host_room; i++)
        silent += test->hosts[i].entry != NULL &&
                  (test->hosts[i].peer == NULL || test->hosts[i].peer->result == NULL);
    if (silent > 0)
        log_warn("%zu of %zu hosts have posted no results, and count as lost", silent,
                 test->hosts_present);
    if (test->hosts_present == 0)
        log_info("test %s had no driver hosts: there is no " EXPORT_RUN_NAME " of it", test->id);
    else
        log_info("%s: judge it with `driver gate`", run->path);
}

static enum exit_status write_all(struct store_reader *reader, const struct test *test,
                                  const char *dir)
{
    bool hosts = test->hosts_present > 0;
    struct place json, run;

    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        log_error("cannot make %s: %s", dir, strerror(errno));
        return STATUS_ENVIRONMENT;
    }
    if (!find_place(&json, dir, EXPORT_TEST_NAME) || !find_place(&run, dir, EXPORT_RUN_NAME) ||
        !write_test(reader, test, &json) || (hosts && !write_run(reader, test, &run)))
        return STATUS_ENVIRONMENT;
    tell(test, &run);
    return STATUS_PASSED;
}

/* A host that has not said how it ended did not: nobody will hear of it any more. */
static void give_up_hosts(struct test *test)
{
    for (size_t i = 0; i < test->host_room; i++)
        test->hosts[i].lost = test->started_ns != 0;
}

static enum exit_status find_and_write(struct store_reader *reader,
                                       const struct export_options *options, struct tests *tests)
{
    struct test *test;

    if (tests == NULL || !store_reader_tests(reader, options->id, tests)) {
        log_error("%s", tests == NULL ? "no memory" : store_reader_error(reader));
        return STATUS_ENVIRONMENT;
    }
    test = tests_find(tests, options->id);
    if (test == NULL) {
        log_error("there is no test '%s' in %s", options->id, options->store);
        return STATUS_USAGE;
    }
    give_up_hosts(test);
    return write_all(reader, test, options->out);
}

int export_main(int argc, char **argv)
{
    struct export_options options = {0};
    struct store_reader *reader;
    enum exit_status status;
    struct tests *tests;
    char error[LINE];
    int first;

    first = options_parse_or_exit(&set, argc, argv, &options);
    if (argc - first != 1)
        options_exit_bad(&set, "give the id of one test");
    options.id = argv[first];
    if (options.store == NULL)
        options_exit_bad(&set, "--store is missing");
    if (options.out == NULL)
        options.out = options.id;
    reader = store_reader_new(options.store, error, sizeof error);
    if (reader == NULL) {
        log_error("%s", error);
        return STATUS_ENVIRONMENT;
    }
    tests = tests_new();
    status = find_and_write(reader, &options, tests);
    tests_free(tests);
    store_reader_free(reader);
    return status;
}
