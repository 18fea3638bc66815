#include "results-server/merge_internal.h"

#include "common/run/create.h"
#include "common/run/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STRING_OF(number) #number
#define NUMBER_TEXT(number) STRING_OF(number)

/* The parts of the end, in order; "cannot put NAME together" is said of the one that fails. */
static const struct {
    const char *what, *sql;
} steps[] = {
    /* A component is who its host and its name say it is. Of several rows about it that of the host
     * that runs it stands, which has come to know where it listens. */
    {"components",
     "CREATE TEMP TABLE owned AS SELECT rank, id, name, coalesce(host, rank) AS owner FROM"
     " of_component;"
     "CREATE TEMP TABLE chosen AS SELECT owner, name, rank, id,"
     " row_number() OVER (ORDER BY owner, id) AS number FROM (SELECT *, row_number() OVER"
     " (PARTITION BY owner, name ORDER BY rank <> owner, rank) AS choice FROM owned)"
     " WHERE choice = 1;"
     "CREATE UNIQUE INDEX temp.key_of_chosen ON chosen (owner, name);"
     "CREATE TEMP TABLE number_of (rank, id, number, PRIMARY KEY (rank, id)) WITHOUT ROWID;"
     "INSERT INTO number_of SELECT owned.rank, owned.id, chosen.number FROM owned"
     " JOIN chosen USING (owner, name);"
     "CREATE TEMP TABLE name_of AS SELECT DISTINCT owner, coalesce(host.name, 'rank' || owner) AS"
     " name FROM chosen LEFT JOIN main.host ON host.rank = owner;"
     "INSERT INTO main.component (id, name, role, stable, secure, pattern, port, peer, heap_cap,"
     " command, coverage, service, cap_kind, host) SELECT c.number, n.name || '.' || o.name,"
     " o.role, o.stable, o.secure, o.pattern, o.port, p.number, o.heap_cap, o.command,"
     " o.coverage, o.service, o.cap_kind, c.owner FROM chosen c JOIN of_component o USING (rank,"
     " id) JOIN name_of n USING (owner) LEFT JOIN number_of p ON p.rank = o.rank AND p.id = o.peer"
     " ORDER BY c.number"},
    {"incarnations",
     "INSERT INTO main.incarnation (id, component, number, pid, spawn_ns, ready_ns, ordered_ns,"
     " ordered_signal, exit_ns, exit_code, exit_signal, reason, obituary, log) SELECT o.id,"
     " c.number, o.number, pid, spawn_ns, ready_ns, ordered_ns, ordered_signal, exit_ns, exit_code,"
     " exit_signal, reason, obituary, n.name || ':' || log FROM of_incarnation o"
     " JOIN number_of c ON c.rank = o.rank AND c.id = o.component"
     " JOIN name_of n ON n.owner = o.rank ORDER BY o.id"},
    {"the plan",
     "INSERT INTO main.plan (component, incarnation, after_ready_ns, signal, restart_delay_ns)"
     " SELECT c.number, incarnation, after_ready_ns, signal, restart_delay_ns FROM of_plan o"
     " JOIN number_of c ON c.rank = o.rank AND c.id = o.component"},
    {"checkpoints",
     "CREATE TEMP TABLE number_of_checkpoint AS SELECT rank, id, row_number() OVER (ORDER BY"
     " start_ns, rank, id) AS number FROM of_checkpoint;"
     "CREATE UNIQUE INDEX temp.key_of_number ON number_of_checkpoint (rank, id);"
     "INSERT INTO main.checkpoint (id, kind, frozen_ns, start_ns, end_ns, held, host) SELECT"
     " number, kind, frozen_ns, start_ns, end_ns, held, rank FROM of_checkpoint"
     " JOIN number_of_checkpoint USING (rank, id) ORDER BY number"},
    {"holds",
     "INSERT INTO main.hold (component, from_ns, to_ns) SELECT c.number, from_ns, to_ns FROM"
     " of_hold o JOIN number_of c ON c.rank = o.rank AND c.id = o.component ORDER BY from_ns"},
    {"faults",
     "INSERT INTO main.fault (id, component, incarnation, kind, ordered_ns, effect_ns, effect,"
     " observed) SELECT row_number() OVER (ORDER BY ordered_ns, o.rank, o.id), c.number,"
     " incarnation, kind, ordered_ns, effect_ns, effect, observed FROM of_fault o"
     " JOIN number_of c ON c.rank = o.rank AND c.id = o.component"},
    {"limits",
     "INSERT OR IGNORE INTO main.limit_used (name, value) SELECT name, value FROM of_limit_used"
     " ORDER BY rank"},
    {"metrics",
     "INSERT OR IGNORE INTO main.metric (id, name, unit, kind, source) SELECT id, name, unit, kind,"
     " source FROM of_metric ORDER BY rank"},
    /* The circumstances are those of the first host of which there are any; the moments are moved
     * to the server's clock, and the run ends with the last of its hosts. */
    {"the ends of the hosts",
     "UPDATE of_meta SET value = value + (SELECT offset_ns FROM main.host WHERE host.rank ="
     " of_meta.rank) WHERE key IN ('start_ns', 'ready_ns', 'stop_ns', 'evidence_ns',"
     " 'evidence_end_ns', 'end_ns');"
     "UPDATE main.host SET"
     " stop_ns = (SELECT value FROM of_meta m WHERE m.rank = host.rank AND key = 'stop_ns'),"
     " evidence_ns = (SELECT value FROM of_meta m WHERE m.rank = host.rank AND key ="
     " 'evidence_ns'), evidence_end_ns = (SELECT value FROM of_meta m WHERE m.rank = host.rank AND"
     " key = 'evidence_end_ns')"},
    {"the circumstances",
     "INSERT INTO main.meta SELECT key, value FROM of_meta WHERE rank = (SELECT min(rank) FROM"
     " of_meta) AND key NOT IN ('rank', 'hosts', 'place', 'host', 'schema_version',"
     " 'interrupted', 'ready_ns', 'stop_ns', 'evidence_ns', 'evidence_end_ns', 'end_ns');"
     "INSERT INTO main.meta SELECT key, max(value) FROM of_meta WHERE key IN ('interrupted',"
     " 'stop_ns', 'end_ns') GROUP BY key;"
     /* All were ready: only then it began. A host that was lost before has no say. */
     "INSERT INTO main.meta SELECT 'ready_ns', max(value) FROM of_meta WHERE key = 'ready_ns' AND"
     " NOT EXISTS (SELECT * FROM main.host WHERE state = '" RUN_HOST_DONE "' AND rank NOT IN"
     " (SELECT rank FROM of_meta WHERE key = 'ready_ns')) HAVING max(value) IS NOT NULL;"
     "INSERT INTO main.meta VALUES ('schema_version', " NUMBER_TEXT(
         RUN_SCHEMA_VERSION) "),"
                             " ('host', (SELECT group_concat(name, ', ') FROM (SELECT name FROM "
                             "main.host ORDER BY rank"
                             " LIMIT 8)) || CASE WHEN (SELECT count(*) FROM main.host) > 8 THEN ', "
                             "...' ELSE '' END)"},
};

bool merge_execute(struct merge *m, const char *sql, const char *doing)
{
    return sqlite3_exec(m->db.db, sql, NULL, NULL, NULL) == SQLITE_OK || run_db_fail(&m->db, doing);
}

/* Nobody reads it before it is whole, so no journal is kept of it. */
static bool open_file(struct merge *m)
{
    int fd = open(m->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd < 0)
        return run_db_refuse(&m->db, errno == ENOSPC ? "disk full: %s: %s" : "%s: %s", m->path,
                             strerror(errno));
    close(fd);
    if (sqlite3_open_v2(m->path, &m->db.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return run_db_fail(&m->db, "cannot open");
    return merge_execute(m,
                         "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA"
                         " cache_size=-65536; PRAGMA temp_store=FILE",
                         "cannot set up") &&
           run_create(&m->db) && merge_stage(m) && merge_execute(m, "BEGIN", "cannot begin");
}

static bool run_sql(struct merge *m, const char *sql, const char *doing, int64_t number,
                    const char *text)
{
    sqlite3_stmt *s = NULL;
    bool ok = sqlite3_prepare_v2(m->db.db, sql, -1, &s, NULL) == SQLITE_OK &&
              sqlite3_bind_int64(s, 1, number) == SQLITE_OK &&
              sqlite3_bind_text(s, 2, text, -1, SQLITE_STATIC) == SQLITE_OK &&
              sqlite3_step(s) == SQLITE_DONE;

    ok = ok || run_db_fail(&m->db, doing);
    sqlite3_finalize(s);
    return ok;
}

struct merge *merge_new(const char *path, unsigned size, const char *place, char *error, size_t cap)
{
    struct merge *m = calloc(1, sizeof *m);

    if (m == NULL) {
        snprintf(error, cap, "%s: no memory to merge", path);
        return NULL;
    }
    m->db = (struct run_db){NULL, m->path, m->error, sizeof m->error};
    if ((size_t)snprintf(m->path, sizeof m->path, "%s", path) >= sizeof m->path) {
        snprintf(error, cap, "%s: the path is too long", path);
    } else if (open_file(m) &&
               run_sql(m, "INSERT INTO main.meta VALUES ('hosts', ?1), ('place', ?2)",
                       "cannot write a meta value", size, place)) {
        return m;
    } else {
        snprintf(error, cap, "%s", m->error);
    }
    merge_free(m);
    return NULL;
}

static bool write_host(struct merge *m, const struct merge_host *host)
{
    sqlite3_stmt *s = NULL;
    bool ok = sqlite3_prepare_v2(m->db.db,
                                 "INSERT INTO main.host (rank, name, address, offset_ns,"
                                 " offset_error_ns, state, last_ns, status, verdict,"
                                 " reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                                 -1, &s, NULL) == SQLITE_OK;

    if (ok) {
        sqlite3_bind_int(s, 1, host->rank);
        sqlite3_bind_text(s, 2, host->name, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 3, host->address, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 4, host->offset_ns);
        sqlite3_bind_int64(s, 5, host->offset_error_ns);
        sqlite3_bind_text(s, 6, host->lost ? RUN_HOST_LOST : RUN_HOST_DONE, -1, SQLITE_STATIC);
        if (host->last_ns != 0)
            sqlite3_bind_int64(s, 7, host->last_ns);
        if (host->status >= 0)
            sqlite3_bind_int(s, 8, host->status);
        sqlite3_bind_text(s, 9, host->verdict, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 10, host->reason, -1, SQLITE_STATIC);
        ok = sqlite3_step(s) == SQLITE_DONE;
    }
    ok = ok || run_db_fail(&m->db, "cannot write a host");
    sqlite3_finalize(s);
    return ok;
}

bool merge_host(struct merge *m, const struct merge_host *host)
{
    struct merge_share *grown = reallocarray(m->shares, m->share_count + 1, sizeof *grown);

    if (grown == NULL)
        return run_db_refuse(&m->db, "%s: no memory to merge", m->path);
    m->shares = grown;
    m->shares[m->share_count++] = (struct merge_share){.host = *host};
    return write_host(m, host);
}

static bool put_first(struct merge *m, const struct merge_share *share)
{
    char sql[128];

    snprintf(sql, sizeof sql,
             "UPDATE main.host SET first_ns = nullif(%" PRIu64 ", 0) WHERE rank = %d",
             share->first_ns, share->host.rank);
    return merge_execute(m, sql, "cannot write a host");
}

static bool take_names(void *arg, sqlite3_stmt *row)
{
    *(char **)arg = sqlite3_mprintf(
        "INSERT INTO main.reading (checkpoint, incarnation, %s) SELECT number, o.incarnation, %s"
        " FROM of_reading o JOIN number_of_checkpoint k ON k.rank = o.rank AND k.id ="
        " o.checkpoint",
        sqlite3_column_text(row, 0), sqlite3_column_text(row, 0));
    return *(char **)arg != NULL;
}

/* Their columns are known only now. */
static bool put_readings(struct merge *m)
{
    char *sql = NULL;
    bool ok = run_db_each(&m->db,
                          "SELECT group_concat('\"' || name || '\"') FROM"
                          " pragma_table_info('reading') WHERE name NOT IN ('checkpoint',"
                          " 'incarnation')",
                          0, take_names, &sql, "cannot put readings together") &&
              merge_execute(m, sql, "cannot put readings together");

    sqlite3_free(sql);
    return ok;
}

bool merge_finish(struct merge *m, struct merge_tally *tally)
{
    char doing[64];
    bool ok = true;

    merge_free_shapes(m);
    for (size_t i = 0; ok && i < m->share_count; i++)
        ok = put_first(m, &m->shares[i]);
    for (size_t i = 0; ok && i < sizeof steps / sizeof *steps; i++) {
        snprintf(doing, sizeof doing, "cannot put %s together", steps[i].what);
        ok = merge_execute(m, steps[i].sql, doing);
    }
    ok = ok && put_readings(m) && merge_execute(m, "COMMIT", "cannot commit");
    *tally = m->tally;
    return ok;
}

const char *merge_error(const struct merge *m)
{
    return m->error;
}

void merge_free(struct merge *m)
{
    if (m == NULL)
        return;
    merge_free_shapes(m);
    for (size_t i = 0; i < m->share_count; i++) {
        free(m->shares[i].components.to);
        free(m->shares[i].incarnations.to);
        free(m->shares[i].checkpoints.to);
    }
    free(m->shares);
    sqlite3_close(m->db.db);
    free(m);
}
