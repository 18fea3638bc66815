/* What the writer's parts share: writer.c opens and closes run.db, writer_rows.c and
 * writer_samples.c fill it. */
#ifndef FLATLINE_RUN_WRITER_INTERNAL_H
#define FLATLINE_RUN_WRITER_INTERNAL_H

#include "common/run/db.h"
#include "common/run/files.h"
#include "common/run/schema.h"
#include "common/run/writer.h"

#include <limits.h>

#define METRIC_SLOT(ident, id, name, unit, kind, source) ", ?"
#define METRIC_SLOTS METRIC_TABLE(METRIC_SLOT)

#define STATEMENT_TABLE(X)                                                                        \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                   \
    X(COMMIT, "COMMIT")                                                                           \
    X(META, "INSERT OR REPLACE INTO meta VALUES (?, ?)")                                          \
    X(METRIC, "INSERT INTO metric VALUES (?, ?, ?, ?, ?)")                                        \
    X(COMPONENT, "INSERT INTO component VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")       \
    X(PLAN, "INSERT INTO plan VALUES (?, ?, ?, ?, ?)")                                            \
    X(SPAWN, "INSERT INTO incarnation (id, component, number, pid, spawn_ns, log)"                \
             " VALUES (?, ?, ?, ?, ?, ?)")                                                        \
    X(READY, "UPDATE incarnation SET ready_ns = ?2 WHERE id = ?1")                                \
    X(EXIT, "UPDATE incarnation SET exit_ns = ?2, ordered_ns = ?3, ordered_signal = ?4,"          \
            " exit_code = ?5, exit_signal = ?6, reason = ?7, obituary = ?8 WHERE id = ?1")        \
    X(EVENT, "INSERT INTO event VALUES (?, ?, ?, ?, ?)")                                          \
    X(SAMPLE, "INSERT OR REPLACE INTO sample VALUES (?, ?, ?" METRIC_SLOTS ")")                   \
    X(CHECKPOINT, "INSERT INTO checkpoint (id, kind, frozen_ns, start_ns, end_ns, held) VALUES "  \
                  "(?, ?, ?, ?, ?, ?)")                                                           \
    X(READING, "INSERT INTO reading VALUES (?, ?, ?, ?, ?" METRIC_SLOTS ")")                      \
    X(HOLD, "INSERT INTO hold VALUES (?, ?, ?)")                                                  \
    X(FAULT, "INSERT INTO fault (id, component, incarnation, kind, ordered_ns, observed) VALUES " \
             "(?, ?, ?, ?, ?, 0)")                                                                \
    X(FAULT_EFFECT, "UPDATE fault SET effect_ns = ?2, effect = ?3, observed = 1 WHERE id = ?1")   \
    X(LIMIT, "INSERT OR REPLACE INTO limit_used VALUES (?, ?)")                                   \
    X(HISTOGRAM, "INSERT OR REPLACE INTO histogram VALUES (?, ?, ?, ?, ?, ?, ?)")                 \
    X(FILE, "INSERT INTO file VALUES (?, ?, ?, ?)")

#define STATEMENT_ENUM(ident, sql) STATEMENT_##ident,
enum statement { STATEMENT_TABLE(STATEMENT_ENUM) STATEMENT_COUNT };
#undef STATEMENT_ENUM

struct queued_sample {
    int64_t incarnation;
    uint64_t time_ns;
    bool stale;
    struct metric_values values;
};

/* Samples that wait for the end of the transaction, in the order in which they came. */
struct sample_queue {
    struct queued_sample *rows;
    struct queued_sample **order; /* beside rows; sorted when they are written */
    size_t count, cap;
};

struct run_writer {
    struct run_db db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct sample_queue queue;
    bool in_transaction;
    bool failed;
    int64_t components, incarnations, checkpoints, faults; /* ids given out */
    char dir[PATH_MAX];
    char path[PATH_MAX + sizeof RUN_DB_NAME];
    char error[PATH_MAX + 256];
};

/* Remembers the first failure, what db says of it; false. */
bool run_writer_fail(struct run_writer *w, const char *doing);

/* So that the pages that are written to every second stay in memory. False: failed. */
bool run_writer_fit_cache(struct run_writer *w);

/* The statement to bind, in a transaction; NULL once anything has failed. */
sqlite3_stmt *run_writer_begin(struct run_writer *w, enum statement which);

/* Carries it out; false: failed. */
bool run_writer_step(struct run_writer *w, enum statement which, const char *doing);

/* From parameter `first` on, in the order of the catalogue. */
void run_writer_put_metrics(sqlite3_stmt *s, int first, const struct metric_values *values);

/* Writes what is queued; false: failed. */
bool run_writer_flush_samples(struct run_writer *w);
void run_writer_drop_samples(struct run_writer *w);

/* Rows that the file itself asks for. */
bool run_writer_catalogue(struct run_writer *w);
bool run_writer_file(struct run_writer *w, const struct run_file *file);

#endif
