/* What is durable: jobs and their transactions, bounds, failures, and what a reader finds. */
#include "common/base/clock.h"
#include "results-server/server_clock.h"
#include "results-server/store.h"
#include "results-server/store_reader.h"
#include "results-server/test_rows.h"
#include "tests/unit/scratch.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY 100

static char error[512];

static struct store *open_store(size_t jobs, size_t bytes)
{
    const struct store_config config = {.dir = scratch, .queue_jobs = jobs, .queue_bytes = bytes};
    struct store *store = store_new(&config, error, sizeof error);

    if (store == NULL)
        print_error("%s\n", error);
    assert_non_null(store);
    return store;
}

static struct store *start_store(void)
{
    struct store *store = open_store(1000, 1 << 20);

    assert_true(store_start(store, error, sizeof error));
    return store;
}

/* ---- jobs ---- */

/* What a job did, for the test that waits for it. */
struct deed {
    struct store_job job;
    int64_t peer;
    struct batch_row batch;
    bool (*first)(struct deed *deed, struct store *store); /* NULL: nothing */
    uint64_t number;
    int *order;
    int place; /* in which it was done; 0: not yet */
    enum store_outcome outcome;
    pthread_mutex_t *hold; /* the writer waits for it; NULL */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t settled = PTHREAD_COND_INITIALIZER;

static bool do_work(struct store_job *job, struct store *store)
{
    struct deed *deed = (struct deed *)job;

    if (deed->hold != NULL) {
        pthread_mutex_lock(deed->hold);
        pthread_mutex_unlock(deed->hold);
    }
    if (deed->first != NULL && !deed->first(deed, store))
        return false;
    return deed->batch.body == NULL ||
           rows_add_batch(store, deed->peer, &deed->batch, &deed->number);
}

static void do_done(struct store_job *job, enum store_outcome outcome)
{
    struct deed *deed = (struct deed *)job;

    pthread_mutex_lock(&lock);
    deed->outcome = outcome;
    deed->place = ++*deed->order;
    pthread_cond_broadcast(&settled);
    pthread_mutex_unlock(&lock);
}

static int order;

static void init_deed(struct deed *deed, int64_t peer, uint64_t sequence, const char *body)
{
    *deed = (struct deed){.job = {.work = do_work, .done = do_done, .bytes = 100},
                          .peer = peer,
                          .batch = {.sequence = sequence, .received_ns = 7, .points = 3},
                          .order = &order};
    deed->batch.body = body;
    deed->batch.size = body == NULL ? 0 : strlen(body);
}

static enum store_outcome wait_for(struct deed *deed)
{
    pthread_mutex_lock(&lock);
    while (deed->place == 0)
        pthread_cond_wait(&settled, &lock);
    pthread_mutex_unlock(&lock);
    return deed->outcome;
}

/* A test "t" with a peer "p". */
static bool make_test(struct deed *deed, struct store *store)
{
    const struct test_row row = {.begun = true, .created_ns = 1, .started_ns = 1};
    struct test_row found;

    return rows_add_test(store, "t", &row) && rows_find_test(store, "t", &found) &&
           rows_add_peer(store, found.number, "p", &deed->peer);
}

static int64_t prepare(struct store *store)
{
    struct deed deed;

    init_deed(&deed, 0, 0, NULL);
    deed.first = make_test;
    assert_int_equal(store_put(store, &deed.job), STORE_TAKEN);
    assert_int_equal(wait_for(&deed), STORE_KEPT);
    return deed.peer;
}

/* ---- what is in it ---- */

static char seen[4096];

static bool see(void *arg, const struct stored_batch *batch)
{
    size_t n = strlen(seen);

    (void)arg;
    assert_int_equal(strlen(batch->body), batch->size);
    snprintf(seen + n, sizeof seen - n, "%s/%s:%lu=%s ", batch->test, batch->peer,
             (unsigned long)batch->sequence, batch->body);
    return true;
}

static const char *look(uint64_t after, uint64_t most)
{
    struct store_reader *reader = store_reader_new(scratch, error, sizeof error);

    assert_non_null(reader);
    seen[0] = '\0';
    if (most == 0)
        assert_true(store_reader_batches(reader, "t", see, NULL));
    else
        assert_true(store_reader_after(reader, after, most, see, NULL));
    store_reader_free(reader);
    return seen;
}

static uint64_t count_batches(void)
{
    struct store_reader *reader = store_reader_new(scratch, error, sizeof error);
    struct tests *tests = tests_new();
    uint64_t count;

    assert_true(store_reader_tests(reader, "t", tests));
    count = test_find_peer(tests_find(tests, "t"), "p")->batches;
    tests_free(tests);
    store_reader_free(reader);
    return count;
}

/* ---- cases ---- */

static bool ask_how(struct deed *deed, struct store *store)
{
    sqlite3_stmt *s = NULL;

    if (sqlite3_prepare_v2(store_db(store),
                           "SELECT journal_mode, synchronous FROM pragma_journal_mode,"
                           " pragma_synchronous",
                           -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        deed->number = strcmp((const char *)sqlite3_column_text(s, 0), "wal") == 0
                           ? (uint64_t)sqlite3_column_int(s, 1)
                           : 0;
    return sqlite3_finalize(s) == SQLITE_OK;
}

/* What is committed survives a loss of power: each commit waits for the disk. */
static void test_synchronous(void **state)
{
    struct store *store = start_store();
    struct deed deed;

    (void)state;
    init_deed(&deed, 0, 0, NULL);
    deed.first = ask_how;
    assert_int_equal(store_put(store, &deed.job), STORE_TAKEN);
    assert_int_equal(wait_for(&deed), STORE_KEPT);
    assert_int_equal(deed.number, 2); /* FULL: sqlite.org/pragma.html#pragma_synchronous */
    store_free(store);
}

static void test_kept(void **state)
{
    struct store *store = start_store();
    int64_t peer = prepare(store);
    struct deed deeds[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        init_deed(&deeds[i], peer, (uint64_t)(3 - i), i == 0 ? "{\"c\":3}" : "{}");
        assert_int_equal(store_put(store, &deeds[i].job), STORE_TAKEN);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(wait_for(&deeds[i]), STORE_KEPT);
    assert_string_equal(look(0, 0), "t/p:1={} t/p:2={} t/p:3={\"c\":3} ");
    assert_string_equal(look(0, 9), "t/p:3={\"c\":3} t/p:2={} t/p:1={} ");
    assert_string_equal(look(deeds[0].number, 1), "t/p:2={} ");
    store_free(store);
    assert_string_equal(look(0, 0), "t/p:1={} t/p:2={} t/p:3={\"c\":3} ");
    assert_int_equal(count_batches(), 3);
    store_free(start_store());
    assert_int_equal(count_batches(), 3);
}

/* All that waits while one transaction is written goes into the next. */
static void test_together(void **state)
{
    pthread_mutex_t hold = PTHREAD_MUTEX_INITIALIZER;
    struct store *store = start_store();
    int64_t peer = prepare(store);
    struct deed *deeds = calloc(MANY + 1, sizeof *deeds);
    struct store_figures before, after;

    (void)state;
    store_read_figures(store, &before);
    pthread_mutex_lock(&hold);
    for (int i = 0; i <= MANY; i++) {
        init_deed(&deeds[i], peer, (uint64_t)i + 1, "{}");
        deeds[i].hold = i == 0 ? &hold : NULL;
        assert_int_equal(store_put(store, &deeds[i].job), STORE_TAKEN);
        do /* until the writer has taken the first one alone */
            store_read_figures(store, &after);
        while (i == 0 && after.waiting_jobs > 0);
    }
    assert_int_equal(after.waiting_jobs, MANY);
    assert_int_equal(after.waiting_bytes, MANY * 100);
    pthread_mutex_unlock(&hold);
    for (int i = 0; i <= MANY; i++)
        assert_int_equal(wait_for(&deeds[i]), STORE_KEPT);
    for (int i = 0; i < MANY; i++)
        assert_true(deeds[i].place < deeds[i + 1].place);
    store_read_figures(store, &after);
    assert_int_equal(after.commits - before.commits, 2);
    assert_int_equal(after.jobs - before.jobs, MANY + 1);
    assert_int_equal(count_batches(), MANY + 1);
    store_free(store);
    free(deeds);
}

static void test_bounds(void **state)
{
    struct store *few = open_store(2, 1 << 20);
    struct deed deeds[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        init_deed(&deeds[i], 0, 0, NULL);
    assert_int_equal(store_put(few, &deeds[0].job), STORE_TAKEN);
    assert_int_equal(store_put(few, &deeds[1].job), STORE_TAKEN);
    assert_int_equal(store_put(few, &deeds[2].job), STORE_BUSY);
    assert_true(store_start(few, error, sizeof error));
    store_close(few);
    assert_int_equal(deeds[0].place + deeds[1].place,
                     2 * order - 1); /* both were done at the end */
    assert_int_equal(deeds[2].place, 0);
    assert_int_equal(store_put(few, &deeds[2].job), STORE_CLOSED);
    store_free(few);

    few = open_store(10, 150);
    assert_int_equal(store_put(few, &deeds[0].job), STORE_TAKEN);
    assert_int_equal(store_put(few, &deeds[1].job), STORE_BUSY);
    assert_true(store_start(few, error, sizeof error));
    store_free(few);
}

static bool make_small(struct deed *deed, struct store *store)
{
    (void)deed;
    return sqlite3_exec(store_db(store), "PRAGMA max_page_count = 1", NULL, NULL, NULL) ==
           SQLITE_OK;
}

static bool make_large(struct deed *deed, struct store *store)
{
    (void)deed;
    return sqlite3_exec(store_db(store), "PRAGMA max_page_count = 100000", NULL, NULL, NULL) ==
           SQLITE_OK;
}

/* A full database keeps nothing of a transaction, and is as it was when there is room again. */
static void test_full(void **state)
{
    static char large[200000];
    pthread_mutex_t hold = PTHREAD_MUTEX_INITIALIZER;
    struct store *store = start_store();
    int64_t peer = prepare(store);
    struct deed deeds[4];

    (void)state;
    for (size_t i = 0; i < sizeof large - 1; i++)
        large[i] = (char)('!' + rand() % 90);
    init_deed(&deeds[0], peer, 1, "{}");
    deeds[0].first = make_small; /* to what it is now */
    init_deed(&deeds[1], peer, 2, large);
    init_deed(&deeds[2], peer, 3, "{}");
    pthread_mutex_lock(&hold);
    deeds[0].hold = &hold;
    for (int i = 0; i < 3; i++)
        assert_int_equal(store_put(store, &deeds[i].job), STORE_TAKEN);
    pthread_mutex_unlock(&hold);
    assert_int_equal(wait_for(&deeds[1]), STORE_FAILED);
    (void)wait_for(&deeds[2]);
    init_deed(&deeds[1], peer, 2, large);
    assert_int_equal(store_put(store, &deeds[1].job), STORE_TAKEN);
    assert_int_equal(wait_for(&deeds[1]), STORE_FAILED);
    store_failure(store, error, sizeof error);
    assert_non_null(strstr(error, "disk full: "));
    init_deed(&deeds[1], peer, 2, large);
    deeds[1].first = make_large;
    assert_int_equal(store_put(store, &deeds[1].job), STORE_TAKEN);
    assert_int_equal(wait_for(&deeds[1]), STORE_KEPT);
    store_failure(store, error, sizeof error);
    assert_string_equal(error, "");
    assert_int_equal(count_batches(),
                     1u + (deeds[0].outcome == STORE_KEPT) + (deeds[2].outcome == STORE_KEPT));
    store_free(store);
}

static void test_refused(void **state)
{
    const struct store_config config = {.dir = scratch, .queue_jobs = 1, .queue_bytes = 1};
    struct store *store = open_store(1, 1);

    (void)state;
    assert_null(store_new(&config, error, sizeof error));
    assert_non_null(strstr(error, "is in use by another results-server"));
    assert_int_equal(sqlite3_exec(store_db(store), "PRAGMA user_version = 99", NULL, NULL, NULL),
                     SQLITE_OK);
    store_free(store);
    assert_null(store_new(&config, error, sizeof error));
    assert_non_null(strstr(error, "version 99, this program's is version 1"));
    assert_null(store_reader_new(scratch, error, sizeof error));
    assert_non_null(strstr(error, "version 99"));
    assert_null(store_reader_new("/nowhere", error, sizeof error));
    assert_string_equal(error, "there is no store in /nowhere (results.db)");
}

static bool add_damage(struct deed *deed, struct store *store)
{
    (void)deed;
    return sqlite3_exec(store_db(store), "UPDATE batch SET body = x'00'", NULL, NULL, NULL) ==
           SQLITE_OK;
}

static void test_damaged(void **state)
{
    struct store *store = start_store();
    struct store_reader *reader;
    struct deed deed;

    (void)state;
    init_deed(&deed, prepare(store), 1, "{}");
    assert_int_equal(store_put(store, &deed.job), STORE_TAKEN);
    assert_int_equal(wait_for(&deed), STORE_KEPT);
    init_deed(&deed, 0, 0, NULL);
    deed.first = add_damage;
    assert_int_equal(store_put(store, &deed.job), STORE_TAKEN);
    assert_int_equal(wait_for(&deed), STORE_KEPT);
    reader = store_reader_new(scratch, error, sizeof error);
    seen[0] = '\0';
    assert_false(store_reader_batches(reader, "t", see, NULL));
    assert_non_null(strstr(store_reader_error(reader), "batch 1 is damaged"));
    assert_string_equal(seen, "");
    store_reader_free(reader);
    store_free(store);
}

/* ---- the clock ---- */

static void say(struct store *store, const char *sql)
{
    assert_int_equal(sqlite3_exec(store_db(store), sql, NULL, NULL, NULL), SQLITE_OK);
}

static uint64_t open_clock(struct store *store)
{
    assert_true(server_clock_open(store, error, sizeof error));
    return server_clock_ns();
}

/* It goes on where it was before the machine was booted anew. */
static void test_clock(void **state)
{
    struct store *store = open_store(1, 1);
    uint64_t began = clock_now_ns();

    (void)state;
    assert_in_range(open_clock(store), began, began + 60 * NS_PER_S);
    assert_in_range(open_clock(store), began, began + 60 * NS_PER_S);
    say(store, "UPDATE meta SET value = 'another' WHERE key = 'boot'");
    say(store, "UPDATE meta SET value = 5000000000000000 WHERE key = 'clock_ns'");
    say(store, "UPDATE meta SET value = value - 7000000000 WHERE key = 'wall_ns'");
    assert_in_range(open_clock(store), 5000007 * NS_PER_S, 5000067 * NS_PER_S);
    assert_in_range(open_clock(store), 5000007 * NS_PER_S, 5000067 * NS_PER_S);
    assert_in_range(server_clock_wall_ns(server_clock_ns()), clock_wall_ns() - 60 * NS_PER_S,
                    clock_wall_ns() + NS_PER_S);
    /* A wall clock that was set back does not put it before what is stored. */
    say(store, "UPDATE meta SET value = 'third' WHERE key = 'boot'");
    say(store, "UPDATE meta SET value = value + 1000000000000000 WHERE key = 'wall_ns'");
    say(store, "INSERT INTO test (id, created_ns, started_ns) VALUES ('x', 1, 6000000000000000)");
    assert_in_range(open_clock(store), 6000000 * NS_PER_S, 6000060 * NS_PER_S);
    store_free(store);
}

static void test_clock_fails(void **state)
{
    struct store *store = open_store(1, 1);

    (void)state;
    say(store, "DROP TABLE meta");
    assert_false(server_clock_open(store, error, sizeof error));
    assert_non_null(strstr(error, "no such table: meta"));
    store_free(store);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scratch_set_up, scratch_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_synchronous), CASE(test_kept),  CASE(test_together),
        CASE(test_bounds),      CASE(test_full),  CASE(test_refused),
        CASE(test_damaged),     CASE(test_clock), CASE(test_clock_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
