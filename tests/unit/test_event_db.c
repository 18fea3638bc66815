#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/engine/mem.h"
#include "common/events/event_db.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ROWS 50000 /* of each producer: several batches */

static char path[64];
static atomic_int failures;

static void count_failure(void *arg)
{
    (void)arg;
    atomic_fetch_add(&failures, 1);
}

static const struct event_db_config config = {
    .path = path, .role = "broker", .on_failure = count_failure};

static int new_path(void **state)
{
    int fd;

    (void)state;
    strcpy(path, "/tmp/test_event_db.XXXXXX");
    fd = mkstemp(path);
    close(fd);
    unlink(path);
    atomic_store(&failures, 0);
    return fd < 0;
}

static int remove_path(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static struct event_db *make(void)
{
    char error[256] = "";
    struct event_db *db = event_db_new(&config, error, sizeof error);

    assert_string_equal(error, "");
    assert_non_null(db);
    return db;
}

/* The one number that a query gives; -1: no row. */
static int64_t ask(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    int64_t answer = -1;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    if (sqlite3_step(s) == SQLITE_ROW)
        answer = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return answer;
}

struct producer {
    struct event_db *db;
    uint64_t author;
};

static void *produce(void *arg)
{
    const struct producer *p = arg;

    for (uint64_t i = 1; i <= ROWS; i++)
        event_db_put(p->db, &(struct event_row){p->author, i, 7, i * 10, i * 10 + p->author});
    return NULL;
}

static void test_rows_of_two_threads_are_all_there(void **state)
{
    int64_t live = mem_live(MEM_APP);
    struct event_db *db = make();
    struct producer producers[2] = {{db, 1}, {db, 2}};
    const struct event_count counts[] = {{"accepted", 42}};
    pthread_t threads[2];
    char error[256];

    (void)state;
    assert_int_equal(ask("SELECT value FROM meta WHERE key = 'complete'"), -1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_true(event_db_close(db, counts, 1, error, sizeof error));
    assert_true(mem_live(MEM_APP) == live);
    assert_int_equal(ask("SELECT count(*) FROM event"), 2 * ROWS);
    assert_int_equal(ask("SELECT count(*) FROM event WHERE subscriber = 7 AND sent_ns = sequence *"
                         " 10 AND arrived_ns = sent_ns + author"),
                     2 * ROWS);
    /* Each producer's rows stand in its order. */
    assert_int_equal(
        ask("SELECT count(*) FROM (SELECT sequence, lag(sequence, 1, 0) OVER (PARTITION"
            " BY author ORDER BY rowid) AS before FROM event) WHERE sequence != before"
            " + 1"),
        0);
    assert_int_equal(ask("SELECT value FROM meta WHERE key = 'events'"), 2 * ROWS);
    assert_int_equal(ask("SELECT value FROM meta WHERE key = 'accepted'"), 42);
    assert_int_equal(ask("SELECT value FROM meta WHERE key = 'complete'"), 1);
    assert_int_equal(ask("SELECT value FROM meta WHERE key = 'schema_version'"), EVENT_DB_SCHEMA);
    assert_int_equal(ask("SELECT value = 'broker' FROM meta WHERE key = 'role'"), 1);
}

static void test_an_existing_file_is_left_alone(void **state)
{
    FILE *file = fopen(path, "w");
    char error[256];

    (void)state;
    fputs("precious", file);
    fclose(file);
    assert_null(event_db_new(&config, error, sizeof error));
    assert_non_null(strstr(error, "exists already"));
    file = fopen(path, "r");
    assert_non_null(fgets(error, sizeof error, file));
    fclose(file);
    assert_string_equal(error, "precious");
}

static void test_a_folder_that_is_not_there(void **state)
{
    const struct event_db_config nowhere = {.path = "/nowhere/x.db", .role = "broker"};
    char error[256];

    (void)state;
    assert_null(event_db_new(&nowhere, error, sizeof error));
    assert_string_equal(error, "cannot make /nowhere/x.db: No such file or directory");
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

/* What a limit on its size does to the file, a full disk does as well. */
static void test_what_a_full_disk_loses_is_counted(void **state)
{
    struct event_db *db = make();
    struct producer producer = {db, 1};
    char error[512];
    unsigned long long lost, all;
    const char *count;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    limit_files(256 << 10);
    produce(&producer);
    assert_false(event_db_close(db, NULL, 0, error, sizeof error));
    limit_files(RLIM_INFINITY);
    assert_int_equal(atomic_load(&failures), 1);
    assert_non_null(strstr(error, path));
    assert_non_null(strstr(error, "File too large"));
    count = strchr(error, '(');
    assert_non_null(count);
    assert_int_equal(sscanf(count, "(%llu of %llu events are not in it)", &lost, &all), 2);
    assert_int_equal(all, ROWS);
    assert_in_range(lost, 1, ROWS);
    /* What is there can be read, and does not claim to be all. */
    assert_int_equal(ask("SELECT count(*) FROM event"), (int64_t)(all - lost));
    assert_int_equal(ask("SELECT value FROM meta WHERE key = 'complete'"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_of_two_threads_are_all_there, new_path,
                                        remove_path),
        cmocka_unit_test_setup_teardown(test_an_existing_file_is_left_alone, new_path, remove_path),
        cmocka_unit_test(test_a_folder_that_is_not_there),
        cmocka_unit_test_setup_teardown(test_what_a_full_disk_loses_is_counted, new_path,
                                        remove_path),
    };

    return cmocka_run_group_tests_name("event database", tests, NULL, NULL);
}
