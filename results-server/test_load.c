#include "results-server/test_load.h"

#include <string.h>

#define TESTS_SQL                                                                                  \
    "SELECT number, id, begun, size, created_ns, created_wall_ns, started_ns, finished_ns, finish" \
    " FROM test ORDER BY number"
#define HOSTS_SQL "SELECT entry, heard_ns FROM host WHERE test = ? ORDER BY rank"
#define PEERS_SQL \
    "SELECT name, batches, points, last_ns, result FROM peer WHERE test = ? ORDER BY number"

struct loading {
    const struct run_db *db;
    struct tests *tests;
    const char *id; /* NULL: all */
    struct test *test;
};

static uint64_t column_u64(sqlite3_stmt *row, int column)
{
    return (uint64_t)sqlite3_column_int64(row, column);
}

/* False: there is a text, and it is none that this program wrote. */
static bool column_json(sqlite3_stmt *row, int column, json_t **json)
{
    const char *text = (const char *)sqlite3_column_text(row, column);

    *json = text == NULL ? NULL : json_loads(text, 0, NULL);
    return text == NULL || *json != NULL;
}

static bool damaged(const struct loading *loading, const char *what)
{
    return run_db_refuse(loading->db, "%s: test %s: %s is damaged, or there is no memory",
                         loading->db->path, loading->test->id, what);
}

static bool load_host(void *arg, sqlite3_stmt *row)
{
    struct loading *loading = arg;
    json_t *entry;
    bool done = column_json(row, 0, &entry) && entry != NULL &&
                test_put_host(loading->test, entry, column_u64(row, 1));

    json_decref(entry);
    return done || damaged(loading, "a host");
}

static bool load_peer(void *arg, sqlite3_stmt *row)
{
    struct loading *loading = arg;
    struct test_peer *peer = test_peer(loading->test, (const char *)sqlite3_column_text(row, 0));

    if (peer == NULL || !column_json(row, 4, &peer->result))
        return damaged(loading, "a peer");
    peer->batches = column_u64(row, 1);
    peer->points = column_u64(row, 2);
    test_heard(loading->test, peer, column_u64(row, 3));
    return true;
}

static bool load_test(void *arg, sqlite3_stmt *row)
{
    struct loading *loading = arg;
    const char *id = (const char *)sqlite3_column_text(row, 1);
    struct test *test;

    if (loading->id != NULL && strcmp(loading->id, id) != 0)
        return true;
    test = tests_add(loading->tests, id);
    if (test == NULL)
        return run_db_refuse(loading->db, "no memory for the tests of %s", loading->db->path);
    loading->test = test;
    test->begun = sqlite3_column_int(row, 2) != 0;
    test->size = sqlite3_column_int64(row, 3);
    test->created_ns = column_u64(row, 4);
    test->created_wall_ns = column_u64(row, 5);
    test->started_ns = column_u64(row, 6);
    test->finished_ns = column_u64(row, 7);
    if (!column_json(row, 8, &test->finish))
        return damaged(loading, "its end");
    return run_db_each(loading->db, HOSTS_SQL, sqlite3_column_int64(row, 0), load_host, loading,
                       "reading hosts") &&
           run_db_each(loading->db, PEERS_SQL, sqlite3_column_int64(row, 0), load_peer, loading,
                       "reading peers");
}

bool tests_load(struct tests *tests, const struct run_db *db, const char *id)
{
    struct loading loading = {.db = db, .tests = tests, .id = id};

    return run_db_each(db, TESTS_SQL, 0, load_test, &loading, "reading tests");
}
