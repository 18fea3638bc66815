/* One look of a tail at run.db: how the rows of each table are found that are new. Internal. */
#ifndef FLATLINE_UPLOADER_TAIL_LOOK_H
#define FLATLINE_UPLOADER_TAIL_LOOK_H

#include "results-server/uploader/batch.h"
#include "results-server/uploader/changes.h"

/*
 * How the rows of a table come and go. Tables that others refer to are first; `file` is not sent,
 * since what it lists stays on its host, and neither is `host`, which only a merged run has.
 *
 * CHANGING   few rows, which may change: all are looked at, known by their first column
 * APPENDED   rows are only added, by rowid
 * PLANNED    rows are only added, in the order of their key (component, incarnation)
 * SETTLING   a row changes until the expression `mark` has a value; by id
 * FOLLOWING  rows of an incarnation, only added, in the order of the column `mark`
 * LAST       rows of an incarnation that are written when it ends, before it has settled
 */
#define TAIL_TABLE(X)                         \
    X(meta, CHANGING, "")                     \
    X(metric, APPENDED, "rowid")              \
    X(component, CHANGING, "")                \
    X(limit_used, CHANGING, "")               \
    X(plan, PLANNED, "")                      \
    X(incarnation, SETTLING, "exit_ns")       \
    X(checkpoint, APPENDED, "rowid")          \
    X(fault, SETTLING, "nullif(observed, 0)") \
    X(hold, APPENDED, "rowid")                \
    X(event, APPENDED, "rowid")               \
    X(reading, FOLLOWING, "checkpoint")       \
    X(sample, FOLLOWING, "time_ns")           \
    X(histogram, LAST, "")

#define TAIL_TABLE_ENUM(name, kind, mark) TAIL_##name,
enum tail_table { TAIL_TABLE(TAIL_TABLE_ENUM) TAIL_TABLES };
#undef TAIL_TABLE_ENUM

/* A row that may still change. */
struct tail_open {
    int64_t id;
    uint64_t hash;
    int64_t settled;            /* the value of its mark; 0: it has none */
    int64_t after[TAIL_TABLES]; /* an incarnation's FOLLOWING rows up to here were taken */
    bool moved;                 /* some were, in this look */
};

struct tail_cursor {
    int64_t after[2];       /* APPENDED, PLANNED, SETTLING: the last that was taken */
    struct changes changes; /* CHANGING */
    struct tail_open *open; /* SETTLING */
    size_t count, cap;
    size_t turn; /* FOLLOWING: whose rows come first in the next look, so that all get theirs */
};

struct tail_look {
    sqlite3 *db;
    struct batch *batch;
    struct tail_cursor *cursors; /* TAIL_TABLES of them */
    bool over;
    uint64_t now_ns;
    bool failed, no_memory;
};

/* Takes what is new in the table, until the batch is full or something has failed. */
void tail_look_at(struct tail_look *look, enum tail_table table);

#endif
