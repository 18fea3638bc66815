/* What is not a run, what is damaged, and a disk that runs full: a clear line, and nothing lost. */
#include "common/run/reader.h"
#include "common/run/schema.h"
#include "common/run/writer.h"
#include "tests/fixtures/synthetic_run.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ERROR_CAP 512
#define NOBODY 65534

static void assert_unreadable(const char *path, const char *what)
{
    char error[ERROR_CAP] = "";

    assert_null(run_reader_new(path, error, sizeof error));
    if (strstr(error, what) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", what, error);
    assert_null(strchr(error, '\n'));
}

static void test_not_a_run(void **state)
{
    char junk[4096];

    (void)state;
    assert_unreadable(scratch_path("nowhere"), "No such file or directory: give a run folder");
    assert_unreadable(scratch, "not a run folder");
    scratch_put(RUN_DB_NAME, "", 0);
    assert_unreadable(scratch, "empty: not a Flatline run");
    memset(junk, 'x', sizeof junk);
    scratch_put(RUN_DB_NAME, junk, sizeof junk);
    assert_unreadable(scratch, "not a database");
    assert_int_equal(unlink(scratch_path(RUN_DB_NAME)), 0);
    synthetic_run_bend(scratch, "CREATE TABLE meta (key, value)");
    assert_unreadable(scratch, "not a Flatline run");
    assert_int_equal(unlink(scratch_path(RUN_DB_NAME)), 0);
    synthetic_run_bend(scratch, "CREATE TABLE other (x); PRAGMA application_id=0x464c4154");
    assert_unreadable(scratch, "never began");
}

static void test_newer_schema(void **state)
{
    (void)state;
    synthetic_run_write(scratch);
    synthetic_run_bend(scratch, "UPDATE meta SET value = 99 WHERE key = 'schema_version'");
    assert_unreadable(scratch, "schema version 99 is newer than the 3 known here");
}

static void test_wrong_ids(void **state)
{
    (void)state;
    synthetic_run_write(scratch);
    synthetic_run_bend(scratch, "UPDATE incarnation SET component = 77 WHERE id = 2");
    assert_unreadable(scratch, "damaged: incarnation 2 of component 77");
    synthetic_run_bend(scratch, "UPDATE incarnation SET component = 1 WHERE id = 2;"
                                "UPDATE component SET id = 9 WHERE id = 3");
    assert_unreadable(scratch, "damaged: component 4 is out of order");
    synthetic_run_bend(scratch, "UPDATE component SET id = 3 WHERE id = 9;"
                                "INSERT INTO hold VALUES (99, 1, 2)");
    assert_unreadable(scratch, "damaged: a hold of component 99");
    synthetic_run_bend(scratch, "DELETE FROM hold;"
                                "INSERT INTO checkpoint (id, kind) VALUES (3, 'rest')");
    assert_unreadable(scratch, "damaged: checkpoint 3 is out of order");
}

/* Which may take for ever, or read what is none of the run's. */
static void test_view_for_a_table(void **state)
{
    (void)state;
    synthetic_run_write(scratch);
    synthetic_run_bend(scratch, "ALTER TABLE hold RENAME TO kept;"
                                "CREATE VIEW hold AS SELECT component, from_ns, to_ns FROM kept");
    assert_unreadable(scratch, "access to view \"hold\" prohibited");
}

/* Nothing that a terminal would obey comes out of a file. */
static void test_control_characters(void **state)
{
    char error[ERROR_CAP];
    struct run_reader *r;

    (void)state;
    synthetic_run_write(scratch);
    synthetic_run_bend(scratch, "UPDATE component SET name = 'a' || char(27, 7, 10, 155) || 'b'"
                                " WHERE id = 1");
    r = run_reader_new(scratch, error, sizeof error);
    assert_non_null(r);
    assert_string_equal(run_reader_components(r, &(size_t){0})[0].name, "a     b");
    run_reader_free(r);
}

static void test_truncated(void **state)
{
    struct stat st;

    (void)state;
    synthetic_run_write(scratch);
    assert_int_equal(stat(scratch_path(RUN_DB_NAME), &st), 0);
    for (off_t size = st.st_size - 4096; size > 4096; size -= 4096) {
        assert_int_equal(truncate(scratch_path(RUN_DB_NAME), size), 0);
        assert_unreadable(scratch, "truncated or damaged");
    }
}

static bool count_sample(void *arg, const struct run_sample_row *row)
{
    (void)row;
    ++*(size_t *)arg;
    return true;
}

/* The tables load, the stream of samples says where it ends. */
static void test_damaged_samples(void **state)
{
    char page[4096], error[ERROR_CAP];
    struct run_reader *r;
    size_t count = 0;
    struct stat st;
    int fd;

    (void)state;
    synthetic_run_write(scratch);
    assert_int_equal(stat(scratch_path(RUN_DB_NAME), &st), 0);
    memset(page, 0xff, sizeof page);
    fd = open(scratch_path(RUN_DB_NAME), O_WRONLY);
    for (off_t at = st.st_size / 2 & -4096; at < st.st_size; at += (off_t)sizeof page)
        assert_int_equal(pwrite(fd, page, sizeof page, at), sizeof page);
    close(fd);
    r = run_reader_new(scratch, error, sizeof error);
    assert_non_null(r);
    assert_false(run_reader_samples(r, 0, count_sample, &count));
    assert_non_null(strstr(run_reader_error(r), "truncated or damaged: cannot read samples"));
    run_reader_free(r);
}

static void test_strayed_sample(void **state)
{
    char error[ERROR_CAP];
    struct run_reader *r;
    size_t count = 0;

    (void)state;
    synthetic_run_write(scratch);
    synthetic_run_bend(scratch, "UPDATE sample SET incarnation = 70 WHERE incarnation = 7");
    r = run_reader_new(scratch, error, sizeof error);
    assert_non_null(r);
    assert_false(run_reader_samples(r, 0, count_sample, &count));
    assert_non_null(strstr(run_reader_error(r), "damaged: a sample of incarnation 70"));
    run_reader_free(r);
}

/* As somebody who may read the folder and no more; 0 if the run reads as expected. */
static int read_as_nobody(const char *expected)
{
    char error[ERROR_CAP] = "";
    struct run_reader *r;

    if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
        return 77;
    r = run_reader_new(scratch, error, sizeof error);
    run_reader_free(r);
    if (expected == NULL ? r != NULL : r == NULL && strstr(error, expected) != NULL)
        return 0;
    fprintf(stderr, "%s\n", r == NULL ? error : "it can be read");
    return 1;
}

static void assert_child(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip(); /* this takes root, or a user namespace */
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_read_only_folder(void **state)
{
    pid_t pid;

    (void)state;
    synthetic_run_write(scratch);
    assert_int_equal(chmod(scratch, 0555), 0);
    pid = fork();
    if (pid == 0)
        _exit(read_as_nobody(NULL));
    assert_child(pid);
}

/* A killed driver's run in such a folder says what to do instead of losing its last rows silently.
 */
static void test_unfinished_in_read_only_folder(void **state)
{
    char error[ERROR_CAP];
    pid_t pid = fork();
    int status;

    (void)state;
    if (pid == 0) {
        struct run_writer *w = run_writer_new(scratch, error, sizeof error);

        if (w != NULL && run_writer_meta_int(w, "seed", 1) && run_writer_commit(w))
            raise(SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(unlink(scratch_path("run.db-shm")), 0);
    assert_int_equal(chmod(scratch, 0555), 0);
    pid = fork();
    if (pid == 0)
        _exit(read_as_nobody("its log needs a writable folder, copy it to one"));
    assert_child(pid);
}

static void test_earlier_run_kept(void **state)
{
    char error[ERROR_CAP] = "";
    struct run_reader *r;

    (void)state;
    synthetic_run_write(scratch);
    assert_null(run_writer_new(scratch, error, sizeof error));
    assert_non_null(strstr(error, "File exists"));
    r = run_reader_new(scratch, error, sizeof error);
    assert_non_null(r);
    run_reader_free(r);
    assert_null(run_writer_new(scratch_path("nowhere"), error, sizeof error));
    assert_non_null(strstr(error, "No such file or directory"));
}

static void test_unknown_incarnation(void **state)
{
    char error[ERROR_CAP] = "";
    struct run_writer *w = run_writer_new(scratch, error, sizeof error);

    (void)state;
    assert_null(run_writer_error(w));
    assert_false(run_writer_ready(w, 7, 100));
    assert_non_null(strstr(run_writer_error(w), "no incarnation 7"));
    assert_false(run_writer_commit(w)); /* from then on */
    run_writer_free(w);
}

static bool last_of_samples(void *arg, const struct run_sample_row *row)
{
    *(struct run_sample_row *)arg = *row;
    return true;
}

/* Samples wait for the end of their transaction, and are written in another order than they came
 * in: what is committed outlives the driver, what is not does not, and the later of two of one
 * moment holds. */
static void test_samples_of_a_killed_driver(void **state)
{
    struct run_sample_row last = {0};
    char error[ERROR_CAP] = "";
    struct run_reader *r;
    pid_t pid = fork();
    size_t count = 0;
    int status;

    (void)state;
    if (pid == 0) {
        struct run_writer *w = run_writer_new(scratch, error, sizeof error);
        struct metric_values first = {0}, second = {0};
        int64_t id;

        metric_set(&first, METRIC_RSS, 1);
        metric_set(&second, METRIC_LIVE, 2);
        if (run_writer_component(w, &(struct run_component){.name = "c", .role = "server"}, &id) &&
            run_writer_spawn(w, 1, 1, 1, 1, NULL, &id) &&
            run_writer_sample(w, 1, 20, false, &first) &&
            run_writer_sample(w, 1, 10, false, &first) &&
            run_writer_sample(w, 1, 20, false, &second) && run_writer_commit(w) &&
            run_writer_sample(w, 1, 30, false, &first))
            raise(SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    r = run_reader_new(scratch, error, sizeof error);
    assert_non_null(r);
    assert_true(run_reader_samples(r, 1, count_sample, &count));
    assert_int_equal(count, 2);
    assert_true(run_reader_samples(r, 1, last_of_samples, &last));
    assert_int_equal(last.time_ns, 20);
    assert_true(metric_has(&last.values, METRIC_LIVE));
    assert_false(metric_has(&last.values, METRIC_RSS));
    run_reader_free(r);
}

static int fill_disk(const char *dir, const char *expected)
{
    char error[ERROR_CAP] = "";
    struct run_writer *w = run_writer_new(dir, error, sizeof error);
    struct metric_values values = {0};
    struct run_reader *r;
    size_t seconds = 0, count = 0;
    int64_t id;

    if (w == NULL) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    if (!run_writer_component(w, &(struct run_component){.name = "c", .role = "server"}, &id) ||
        !run_writer_spawn(w, 1, 1, 1, 1, NULL, &id) || !run_writer_commit(w))
        return 2;
    for (int i = 0; i < METRIC_COUNT; i++)
        metric_set(&values, (enum metric)i, INT64_MAX);
    for (uint64_t t = 0; run_writer_error(w) == NULL; t++) {
        run_writer_sample(w, 1, 1000 + t, false, &values);
        if (t % 100 == 99 && run_writer_commit(w))
            seconds++;
    }
    snprintf(error, sizeof error, "%s", run_writer_error(w));
    run_writer_free(w);
    if (strstr(error, expected) == NULL || strstr(error, RUN_DB_NAME) == NULL) {
        fprintf(stderr, "%s\n", error);
        return 3;
    }
    r = run_reader_new(dir, error, sizeof error);
    if (r == NULL || !run_reader_samples(r, 1, count_sample, &count)) {
        fprintf(stderr, "%s\n", error);
        return 4;
    }
    run_reader_free(r);
    return seconds > 0 && count == 100 * seconds ? 0 : 5;
}

static void test_size_limit(void **state)
{
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        struct rlimit limit = {600000, 600000};

        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(fill_disk(scratch, "File too large"));
    }
    assert_child(pid);
}

static void test_full_disk(void **state)
{
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
            _exit(77);
        if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", scratch, "tmpfs", 0, "size=1m") < 0)
            _exit(77);
        _exit(fill_disk(scratch, "disk full: "));
    }
    assert_child(pid);
}

static void *read_shortly(void *reader)
{
    usleep(50 * 1000);
    run_reader_free(reader);
    return NULL;
}

/* Whoever looks at a live run now and then, as an uploader does, leaves no log beside it. */
static void test_short_reader(void **state)
{
    char error[ERROR_CAP] = "";
    struct run_writer *w = run_writer_new(scratch, error, sizeof error);
    struct run_reader *r;
    pthread_t thread;

    (void)state;
    assert_non_null(w);
    assert_true(run_writer_meta_int(w, "start_ns", 1000));
    assert_true(run_writer_meta_int(w, "duration_ns", 1000));
    assert_true(run_writer_commit(w));
    r = run_reader_new(scratch, error, sizeof error);
    assert_string_equal(error, "");
    assert_int_equal(pthread_create(&thread, NULL, read_shortly, r), 0);
    assert_true(run_writer_finish(w, error, sizeof error));
    pthread_join(thread, NULL);
    assert_int_equal(access(scratch_path(RUN_DB_NAME "-wal"), F_OK), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_set_up, scratch_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_not_a_run),
        TEST(test_newer_schema),
        TEST(test_wrong_ids),
        TEST(test_view_for_a_table),
        TEST(test_control_characters),
        TEST(test_truncated),
        TEST(test_damaged_samples),
        TEST(test_strayed_sample),
        TEST(test_read_only_folder),
        TEST(test_unfinished_in_read_only_folder),
        TEST(test_earlier_run_kept),
        TEST(test_unknown_incarnation),
        TEST(test_samples_of_a_killed_driver),
        TEST(test_size_limit),
        TEST(test_full_disk),
        TEST(test_short_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
