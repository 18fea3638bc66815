#include "results-server/influx_names.h"

#include "common/run/db.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define SCHEMA_SQL                                                                                \
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA locking_mode = EXCLUSIVE;"      \
    "CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY CHECK (one = 1), batch INTEGER);" \
    "CREATE TABLE IF NOT EXISTS peer (id INTEGER PRIMARY KEY, test TEXT, name TEXT,"              \
    " shift_ns INTEGER, UNIQUE (test, name));"                                                    \
    "CREATE TABLE IF NOT EXISTS component (peer INTEGER, id INTEGER, name TEXT,"                  \
    " PRIMARY KEY (peer, id)) WITHOUT ROWID;"                                                     \
    "CREATE TABLE IF NOT EXISTS incarnation (peer INTEGER, id INTEGER, component INTEGER,"        \
    " number INTEGER, PRIMARY KEY (peer, id)) WITHOUT ROWID;"
#define CLEAR_SQL \
    "DELETE FROM cursor; DELETE FROM peer; DELETE FROM component; DELETE FROM incarnation;"

/* The statements, prepared once. */
#define STATEMENT_TABLE(X)                                                       \
    X(BEGIN, "BEGIN IMMEDIATE")                                                  \
    X(COMMIT, "COMMIT")                                                          \
    X(CURSOR, "SELECT batch FROM cursor")                                        \
    X(PUT_CURSOR, "INSERT OR REPLACE INTO cursor VALUES (1, ?)")                 \
    X(PEER, "SELECT id, shift_ns FROM peer WHERE test = ? AND name = ?")         \
    X(PUT_PEER, "INSERT INTO peer (test, name, shift_ns) VALUES (?, ?, ?)")      \
    X(PUT_COMPONENT, "INSERT OR REPLACE INTO component VALUES (?, ?, ?)")        \
    X(PUT_INCARNATION, "INSERT OR REPLACE INTO incarnation VALUES (?, ?, ?, ?)") \
    X(INCARNATION, "SELECT c.name, i.number FROM incarnation i JOIN component c" \
                   " ON c.peer = i.peer AND c.id = i.component WHERE i.peer = ? AND i.id = ?")

#define STATEMENT_ENUM(name, sql) S_##name,
enum statement { STATEMENT_TABLE(STATEMENT_ENUM) STATEMENTS };
#undef STATEMENT_ENUM

struct influx_names {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    bool begun;
    struct run_db run_db;
    char path[4096];
    char error[512];
};

static bool prepare(struct influx_names *names)
{
#define STATEMENT_SQL(name, sql) {sql},
    static const struct {
        const char *sql;
    } table[] = {STATEMENT_TABLE(STATEMENT_SQL)};
#undef STATEMENT_SQL

    for (int i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(names->db, table[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
                               &names->statements[i], NULL) != SQLITE_OK)
            return run_db_fail(&names->run_db, "prepare");
    return true;
}

struct influx_names *influx_names_open(const char *dir, char *error, size_t cap)
{
    struct influx_names *names = calloc(1, sizeof *names);

    if (names == NULL) {
        snprintf(error, cap, "no memory");
        return NULL;
    }
    snprintf(names->path, sizeof names->path, "%s/" INFLUX_NAMES_FILE, dir);
    if (sqlite3_open_v2(names->path, &names->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                        NULL) != SQLITE_OK ||
        sqlite3_exec(names->db, SCHEMA_SQL, NULL, NULL, NULL) != SQLITE_OK) {
        names->run_db = (struct run_db){names->db, names->path, error, cap};
        run_db_fail(&names->run_db, "open");
        influx_names_free(names);
        return NULL;
    }
    names->run_db = (struct run_db){names->db, names->path, names->error, sizeof names->error};
    if (!prepare(names)) {
        snprintf(error, cap, "%s", names->error);
        influx_names_free(names);
        return NULL;
    }
    return names;
}

void influx_names_free(struct influx_names *names)
{
    if (names == NULL)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(names->statements[i]);
    sqlite3_close(names->db);
    free(names);
}

const char *influx_names_failure(const struct influx_names *names)
{
    return names->error;
}

/* Steps a statement whose values are bound: 1 a row, which stays until rest(), 0 none, -1 failed.
 */
static int step(struct influx_names *names, enum statement which)
{
    int code = sqlite3_step(names->statements[which]);

    if (code == SQLITE_ROW)
        return 1;
    if (code != SQLITE_DONE)
        run_db_fail(&names->run_db, "write");
    sqlite3_reset(names->statements[which]);
    return code == SQLITE_DONE ? 0 : -1;
}

static void rest(struct influx_names *names, enum statement which)
{
    sqlite3_reset(names->statements[which]);
}

/* Before the first change since the last commit. */
static bool begin(struct influx_names *names)
{
    if (!names->begun)
        names->begun = step(names, S_BEGIN) == 0;
    return names->begun;
}

bool influx_names_commit(struct influx_names *names)
{
    if (!names->begun)
        return true;
    if (step(names, S_COMMIT) != 0) {
        influx_names_undo(names);
        return false;
    }
    names->begun = false;
    return true;
}

void influx_names_undo(struct influx_names *names)
{
    if (names->begun && sqlite3_get_autocommit(names->db) == 0)
        sqlite3_exec(names->db, "ROLLBACK", NULL, NULL, NULL);
    names->begun = false;
}

bool influx_names_cursor(struct influx_names *names, int64_t *batch)
{
    int found = step(names, S_CURSOR);

    *batch = found == 1 ? sqlite3_column_int64(names->statements[S_CURSOR], 0) : 0;
    rest(names, S_CURSOR);
    return found >= 0;
}

bool influx_names_put_cursor(struct influx_names *names, int64_t batch)
{
    if (!begin(names))
        return false;
    sqlite3_bind_int64(names->statements[S_PUT_CURSOR], 1, batch);
    return step(names, S_PUT_CURSOR) == 0;
}

bool influx_names_clear(struct influx_names *names)
{
    if (!begin(names))
        return false;
    return sqlite3_exec(names->db, CLEAR_SQL, NULL, NULL, NULL) == SQLITE_OK ||
           run_db_fail(&names->run_db, "clear");
}

bool influx_names_find_peer(struct influx_names *names, const char *test, const char *peer,
                            int64_t *number, int64_t *shift_ns)
{
    sqlite3_stmt *s = names->statements[S_PEER];
    int found;

    sqlite3_bind_text(s, 1, test, -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(s, 2, peer, -1, SQLITE_TRANSIENT);
    found = step(names, S_PEER);
    *number = found == 1 ? sqlite3_column_int64(s, 0) : 0;
    if (found == 1)
        *shift_ns = sqlite3_column_int64(s, 1);
    rest(names, S_PEER);
    return found >= 0;
}

bool influx_names_add_peer(struct influx_names *names, const char *test, const char *peer,
                           int64_t shift_ns, int64_t *number)
{
    sqlite3_stmt *s = names->statements[S_PUT_PEER];

    if (!begin(names))
        return false;
    sqlite3_bind_text(s, 1, test, -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(s, 2, peer, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(s, 3, shift_ns);
    if (step(names, S_PUT_PEER) != 0)
        return false;
    *number = sqlite3_last_insert_rowid(names->db);
    return true;
}

bool influx_names_put_component(struct influx_names *names, int64_t peer, int64_t id,
                                const char *name)
{
    sqlite3_stmt *s = names->statements[S_PUT_COMPONENT];

    if (!begin(names))
        return false;
    sqlite3_bind_int64(s, 1, peer);
    sqlite3_bind_int64(s, 2, id);
    sqlite3_bind_text(s, 3, name, -1, SQLITE_TRANSIENT);
    return step(names, S_PUT_COMPONENT) == 0;
}

bool influx_names_put_incarnation(struct influx_names *names, int64_t peer, int64_t id,
                                  int64_t component, int64_t number)
{
    sqlite3_stmt *s = names->statements[S_PUT_INCARNATION];

    if (!begin(names))
        return false;
    sqlite3_bind_int64(s, 1, peer);
    sqlite3_bind_int64(s, 2, id);
    sqlite3_bind_int64(s, 3, component);
    sqlite3_bind_int64(s, 4, number);
    return step(names, S_PUT_INCARNATION) == 0;
}

bool influx_names_incarnation(struct influx_names *names, int64_t peer, int64_t id,
                              const char **name, int64_t *number)
{
    sqlite3_stmt *s = names->statements[S_INCARNATION];

    rest(names, S_INCARNATION);
    sqlite3_bind_int64(s, 1, peer);
    sqlite3_bind_int64(s, 2, id);
    if (step(names, S_INCARNATION) != 1)
        return false;
    *name = (const char *)sqlite3_column_text(s, 0);
    *number = sqlite3_column_int64(s, 1);
    return *name != NULL;
}
