#include "results-server/uploader/tail_look.h"

#include "common/base/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nothing more is written about an incarnation so long after its exit. */
#define QUIET_NS ((int64_t)(2 * NS_PER_S))

enum kind { CHANGING, APPENDED, PLANNED, SETTLING, FOLLOWING, LAST };

static const struct {
    const char *name;
    enum kind kind;
    const char *mark;
} tables[TAIL_TABLES] = {
#define TABLE_ROW(name, kind, mark) {#name, kind, mark},
    TAIL_TABLE(TABLE_ROW)
#undef TABLE_ROW
};

static sqlite3_stmt *prepare(struct tail_look *look, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static sqlite3_stmt *prepare(struct tail_look *look, const char *format, ...)
{
    sqlite3_stmt *statement = NULL;
    char sql[256];
    va_list args;

    va_start(args, format);
    vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    if (sqlite3_prepare_v2(look->db, sql, -1, &statement, NULL) != SQLITE_OK)
        look->failed = true;
    return statement;
}

static bool next(struct tail_look *look, sqlite3_stmt *statement)
{
    int rc;

    if (look->failed || look->no_memory)
        return false;
    rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        look->failed = true;
    return rc == SQLITE_ROW;
}

/* The same, as long as there is room in the batch. */
static bool next_fitting(struct tail_look *look, sqlite3_stmt *statement)
{
    return !batch_full(look->batch) && next(look, statement);
}

/* The last column is not the table's: it says how far we are. */
static int64_t take_marked(struct tail_look *look, enum tail_table table, sqlite3_stmt *row)
{
    int last = sqlite3_column_count(row) - 1;

    batch_row(look->batch, tables[table].name, row, last);
    return sqlite3_column_int64(row, last);
}

static void look_changing(struct tail_look *look, enum tail_table table)
{
    struct tail_cursor *cursor = &look->cursors[table];
    sqlite3_stmt *s = prepare(look, "SELECT * FROM %s", tables[table].name);

    while (next_fitting(look, s)) {
        enum change change = changes_look(&cursor->changes, s);

        if (change == CHANGE_SEEN)
            batch_row(look->batch, tables[table].name, s, sqlite3_column_count(s));
        look->no_memory = look->no_memory || change == CHANGE_NO_MEMORY;
    }
    sqlite3_finalize(s);
}

static void look_appended(struct tail_look *look, enum tail_table table)
{
    struct tail_cursor *cursor = &look->cursors[table];
    sqlite3_stmt *s = prepare(look, "SELECT *, %2$s FROM %1$s WHERE %2$s > ? ORDER BY %2$s",
                              tables[table].name, tables[table].mark);

    sqlite3_bind_int64(s, 1, cursor->after[0]);
    while (next_fitting(look, s))
        cursor->after[0] = take_marked(look, table, s);
    sqlite3_finalize(s);
}

static void look_planned(struct tail_look *look, enum tail_table table)
{
    struct tail_cursor *cursor = &look->cursors[table];
    sqlite3_stmt *s = prepare(look,
                              "SELECT *, component, incarnation FROM %s WHERE (component, "
                              "incarnation) > (?, ?) ORDER BY component, incarnation",
                              tables[table].name);
    int columns = sqlite3_column_count(s) - 2;

    sqlite3_bind_int64(s, 1, cursor->after[0]);
    sqlite3_bind_int64(s, 2, cursor->after[1]);
    while (next_fitting(look, s)) {
        batch_row(look->batch, tables[table].name, s, columns);
        cursor->after[0] = sqlite3_column_int64(s, columns);
        cursor->after[1] = sqlite3_column_int64(s, columns + 1);
    }
    sqlite3_finalize(s);
}

static struct tail_open *add_open(struct tail_cursor *cursor)
{
    if (cursor->count == cursor->cap) {
        size_t cap = cursor->cap == 0 ? 64 : 2 * cursor->cap;
        struct tail_open *open = realloc(cursor->open, cap * sizeof *open);

        if (open == NULL)
            return NULL;
        cursor->open = open;
        cursor->cap = cap;
    }
    return &cursor->open[cursor->count++];
}

/* Those that are known, each by its id. */
static void look_again(struct tail_look *look, enum tail_table table)
{
    struct tail_cursor *cursor = &look->cursors[table];
    sqlite3_stmt *s = prepare(look, "SELECT *, %2$s FROM %1$s WHERE id = ?", tables[table].name,
                              tables[table].mark);

    for (size_t i = 0; i < cursor->count; i++) {
        struct tail_open *open = &cursor->open[i];
        uint64_t hash;

        sqlite3_bind_int64(s, 1, open->id);
        if (open->settled == 0 && next_fitting(look, s)) {
            hash = changes_hash(s, 0, sqlite3_column_count(s));
            if (hash != open->hash)
                open->settled = take_marked(look, table, s);
            open->hash = hash;
        }
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
}

/* Forgets those that have settled; of incarnations look_last knows more. */
static void forget_settled(struct tail_cursor *cursor)
{
    size_t kept = 0;

    for (size_t i = 0; i < cursor->count; i++) {
        if (cursor->open[i].settled == 0)
            cursor->open[kept++] = cursor->open[i];
    }
    cursor->count = kept;
}

static void look_settling(struct tail_look *look, enum tail_table table)
{
    struct tail_cursor *cursor = &look->cursors[table];
    sqlite3_stmt *s;

    look_again(look, table);
    s = prepare(look, "SELECT *, %2$s FROM %1$s WHERE id > ? ORDER BY id", tables[table].name,
                tables[table].mark);
    sqlite3_bind_int64(s, 1, cursor->after[0]);
    while (next_fitting(look, s)) {
        struct tail_open *open = add_open(cursor);

        if (open == NULL) {
            look->no_memory = true;
            break;
        }
        cursor->after[0] = sqlite3_column_int64(s, 0);
        *open = (struct tail_open){.id = cursor->after[0],
                                   .hash = changes_hash(s, 0, sqlite3_column_count(s)),
                                   .settled = take_marked(look, table, s)};
    }
    sqlite3_finalize(s);
    if (table != TAIL_incarnation)
        forget_settled(cursor);
}

static void look_following(struct tail_look *look, enum tail_table table)
{
    struct tail_cursor *incarnations = &look->cursors[TAIL_incarnation];
    struct tail_cursor *cursor = &look->cursors[table];
    size_t count = incarnations->count, first = count == 0 ? 0 : cursor->turn % count;
    sqlite3_stmt *s = prepare(look,
                              "SELECT *, %2$s FROM %1$s WHERE incarnation = ? AND %2$s > ?"
                              " ORDER BY %2$s",
                              tables[table].name, tables[table].mark);

    for (size_t i = 0; i < count && !batch_full(look->batch); i++) {
        struct tail_open *open = &incarnations->open[(first + i) % count];

        sqlite3_bind_int64(s, 1, open->id);
        sqlite3_bind_int64(s, 2, open->after[table]);
        while (next_fitting(look, s)) {
            open->after[table] = take_marked(look, table, s);
            open->moved = true;
        }
        sqlite3_reset(s);
        cursor->turn = first + i + 1;
    }
    sqlite3_finalize(s);
}

/* Whether all about it has been taken but what is written last. */
static bool at_rest(const struct tail_look *look, const struct tail_open *open)
{
    if (open->moved || batch_full(look->batch))
        return false;
    return look->over || (open->settled != 0 && (int64_t)look->now_ns > open->settled + QUIET_NS);
}

/* And then forgets them. */
static void look_last(struct tail_look *look, enum tail_table table)
{
    struct tail_cursor *cursor = &look->cursors[TAIL_incarnation];
    size_t kept = 0;
    sqlite3_stmt *s = prepare(look, "SELECT * FROM %s WHERE incarnation = ?", tables[table].name);

    for (size_t i = 0; i < cursor->count; i++) {
        struct tail_open *open = &cursor->open[i];

        if (!at_rest(look, open)) {
            open->moved = false;
            cursor->open[kept++] = *open;
            continue;
        }
        sqlite3_bind_int64(s, 1, open->id);
        while (next(look, s))
            batch_row(look->batch, tables[table].name, s, sqlite3_column_count(s));
        sqlite3_reset(s);
    }
    cursor->count = kept;
    sqlite3_finalize(s);
}

void tail_look_at(struct tail_look *look, enum tail_table table)
{
    static void (*const looks[])(struct tail_look * look, enum tail_table table) = {
        [CHANGING] = look_changing, [APPENDED] = look_appended,   [PLANNED] = look_planned,
        [SETTLING] = look_settling, [FOLLOWING] = look_following, [LAST] = look_last};

    looks[tables[table].kind](look, table);
}
