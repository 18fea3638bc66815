#include "results-server/uploader/tail.h"

#include "common/run/db.h"
#include "common/run/schema.h"
#include "results-server/uploader/tail_look.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define BUSY_MS 200

struct tail {
    struct tail_cursor cursors[TAIL_TABLES];
    uint64_t rows;
    char path[PATH_MAX];
    char error[PATH_MAX + 256];
};

struct tail *tail_new(const char *dir)
{
    struct tail *tail = calloc(1, sizeof *tail);

    if (tail != NULL)
        snprintf(tail->path, sizeof tail->path, "%s/" RUN_DB_NAME, dir);
    return tail;
}

/* While a run goes on, there is a log beside its file; without one the driver is just making it, or
 * folding it in, and must not find us in its way. */
static bool is_there(const struct tail *tail, bool over)
{
    char log[sizeof tail->path + 4];
    struct stat st;

    snprintf(log, sizeof log, "%s-wal", tail->path);
    return stat(over ? tail->path : log, &st) == 0;
}

static bool begin(struct tail *tail, struct run_db *db)
{
    int rc = sqlite3_open_v2(tail->path, &db->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc != SQLITE_OK)
        return run_db_fail(db, "cannot open");
    sqlite3_busy_timeout(db->db, BUSY_MS);
    return sqlite3_exec(db->db,
                        "PRAGMA cache_size=-1024; PRAGMA trusted_schema=OFF; BEGIN;"
                        "SELECT count(*) FROM sqlite_schema",
                        NULL, NULL, NULL) == SQLITE_OK ||
           run_db_fail(db, "cannot read");
}

static bool look(struct tail *tail, struct run_db *db, struct batch *batch, bool over,
                 uint64_t now_ns)
{
    struct tail_look look = {
        .db = db->db, .batch = batch, .cursors = tail->cursors, .over = over, .now_ns = now_ns};

    for (int i = 0; i < TAIL_TABLES && !look.failed && !look.no_memory; i++)
        tail_look_at(&look, (enum tail_table)i);
    if (look.no_memory)
        return run_db_refuse(db, "%s: no memory to read it", tail->path);
    return !look.failed || run_db_fail(db, "cannot read");
}

static bool passes(int code)
{
    code &= 0xff;
    return code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_CANTOPEN ||
           code == SQLITE_NOMEM || code == SQLITE_IOERR;
}

enum tail_result tail_fill(struct tail *tail, struct batch *batch, bool over, uint64_t now_ns)
{
    struct run_db db = {NULL, tail->path, tail->error, sizeof tail->error};
    size_t before = batch->rows;
    enum tail_result result;
    bool ok;

    if (!is_there(tail, over)) {
        run_db_refuse(&db, "%s: no run is being written there", tail->path);
        return over ? TAIL_ALL : TAIL_LATER;
    }
    ok = begin(tail, &db) && look(tail, &db, batch, over, now_ns);
    /* What was taken counts as taken, whatever came then. */
    if (batch_full(batch) || (!ok && batch->rows > before))
        result = TAIL_MORE;
    else if (ok)
        result = TAIL_ALL;
    else
        result = passes(sqlite3_errcode(db.db)) ? TAIL_LATER : TAIL_BROKEN;
    tail->rows += batch->rows - before;
    sqlite3_close(db.db);
    return result;
}

const char *tail_error(const struct tail *tail)
{
    return tail->error;
}

uint64_t tail_rows(const struct tail *tail)
{
    return tail->rows;
}

void tail_free(struct tail *tail)
{
    if (tail == NULL)
        return;
    for (int i = 0; i < TAIL_TABLES; i++) {
        changes_free(&tail->cursors[i].changes);
        free(tail->cursors[i].open);
    }
    free(tail);
}
