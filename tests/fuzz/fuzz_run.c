/*
 * A run folder from somebody else: a healthy run, damaged in its bytes or in its values, is refused
 * with one line or judged, its verdicts are lines too, and it is told in every form (run_views.h).
 * Input: pieces of five bytes. 'b' first, then each piece is an offset (3 bytes, little endian),
 * what to XOR there, and how many bytes on. 'v' first, then table, column, row, kind of value and a
 * byte of it.
 */
#include "driver/evidence.h"
#include "driver/gate.h"
#include "tests/fixtures/synthetic_run.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/run_views.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE 5
#define PIECES_MOST 16
#define NAME 64
#define CHARTS_IN 3 /* inputs, one has its charts drawn */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *healthy;
static size_t healthy_size;
/* Where the damaged one is read: SQLite wants a file with a name. */
static char dir[200], file[220];

static void remember(const char *path)
{
    FILE *in = fopen(path, "re");
    long end = 0;

    require(in != NULL && fseek(in, 0, SEEK_END) == 0 && (end = ftell(in)) > 0);
    healthy_size = (size_t)end;
    healthy = malloc(healthy_size);
    rewind(in);
    require(healthy != NULL && fread(healthy, 1, healthy_size, in) == healthy_size);
    fclose(in);
}

static void end(void)
{
    synthetic_run_remove(dir);
}

static void begin(void)
{
    const char *parent = getenv("TMPDIR");

    snprintf(dir, sizeof dir, "%s/flatline-fuzz.XXXXXX", parent == NULL ? "/tmp" : parent);
    require(mkdtemp(dir) != NULL && atexit(end) == 0);
    snprintf(file, sizeof file, "%s/run.db", dir);
    synthetic_run_write(dir);
    remember(file);
}

/* ---- damage ---- */

static void damage_bytes(uint8_t *image, const uint8_t *pieces, size_t count)
{
    for (; count > 0; count--, pieces += PIECE) {
        size_t at = pieces[0] | (size_t)pieces[1] << 8 | (size_t)pieces[2] << 16;

        for (size_t i = 0; i <= pieces[4] % 16; i++)
            image[(at + i) % healthy_size] ^= pieces[3];
    }
}

/* The text in the first column of row number `which`, counted round. */
static bool choose(sqlite3 *db, const char *sql, unsigned which, char *name)
{
    sqlite3_stmt *stmt;
    unsigned rows = 0;
    bool found = false;

    require(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        rows++;
    if (rows > 0) {
        sqlite3_reset(stmt);
        for (unsigned row = 0; row <= which % rows; row++)
            require(sqlite3_step(stmt) == SQLITE_ROW);
        snprintf(name, NAME, "%s", (const char *)sqlite3_column_text(stmt, 0));
        found = true;
    }
    sqlite3_finalize(stmt);
    return found;
}

static const char *value(uint8_t kind, uint8_t byte)
{
    static const char *const values[] = {"NULL",
                                         "-1",
                                         "9223372036854775807",
                                         "-9223372036854775808",
                                         "9e999",
                                         "-9e999",
                                         "1e18",
                                         "1e-300",
                                         "''",
                                         "'x'",
                                         "zeroblob(3000)",
                                         "x'ff00fe'",
                                         "printf('%.*c', 9000, 'a')",
                                         "'<script>''\"&\\'",
                                         "'a' || char(10) || '`b` $(c) ' || char(27)",
                                         "'server-stable-secure'",
                                         "1008e9",
                                         "1e12 + 1"};
    static char number[8];
    size_t which = kind % (sizeof values / sizeof *values + 1);

    snprintf(number, sizeof number, "%d", byte);
    return which < sizeof values / sizeof *values ? values[which] : number;
}

static void damage_value(sqlite3 *db, const uint8_t piece[PIECE])
{
    char table[NAME], column[NAME], sql[400];

    if (!choose(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", piece[0],
                table))
        return;
    snprintf(sql, sizeof sql, "SELECT name FROM pragma_table_info('%s')", table);
    if (!choose(db, sql, piece[1], column))
        return;
    snprintf(sql, sizeof sql,
             "UPDATE \"%s\" SET \"%s\" = %s WHERE %d = 255 OR rowid = 1 + %d %% (SELECT count(*) "
             "FROM \"%s\")",
             table, column, value(piece[3], piece[4]), piece[2], piece[2], table);
    sqlite3_exec(db, sql, NULL, NULL, NULL); /* what its schema forbids stays whole */
}

static uint8_t *damage_values(const uint8_t *pieces, size_t count, size_t *size)
{
    uint8_t *image = sqlite3_malloc64(healthy_size), *damaged;
    sqlite3_int64 length;
    sqlite3 *db = NULL;

    require(image != NULL && sqlite3_open(":memory:", &db) == SQLITE_OK);
    memcpy(image, healthy, healthy_size);
    require(sqlite3_deserialize(
                db, "main", image, (sqlite3_int64)healthy_size, (sqlite3_int64)healthy_size,
                SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) == SQLITE_OK);
    for (; count > 0; count--, pieces += PIECE)
        damage_value(db, pieces);
    damaged = sqlite3_serialize(db, "main", &length, 0);
    require(damaged != NULL);
    *size = (size_t)length;
    sqlite3_close(db);
    return damaged;
}

/* ---- what is made of it ---- */

static void check_verdicts(const struct verdict_list *verdicts)
{
    require(verdicts->count > 0);
    for (size_t i = 0; i < verdicts->count; i++) {
        require(verdicts->items[i].outcome <= OUTCOME_INCONCLUSIVE);
        check_line(verdicts->items[i].text);
    }
}

static bool judge(struct run_reader *run, unsigned which)
{
    struct gate_limits limits = limits_of_run(run);
    struct verdict_list verdicts = {0};
    char error[1000] = "";
    struct evidence *evidence = evidence_new(run, &limits, error, sizeof error);

    if (evidence == NULL) {
        check_line(error);
        return false;
    }
    require(gate_judge_evidence(evidence, &verdicts));
    check_verdicts(&verdicts);
    run_report_check(run, evidence, &verdicts, which);
    if (which % CHARTS_IN == 0)
        run_charts_check(run, &verdicts);
    verdict_list_free(&verdicts);
    evidence_free(evidence);
    return true;
}

/* False: it was refused. */
static bool read_it(const uint8_t *image, size_t size, unsigned which)
{
    char error[1000] = "";
    FILE *out;
    struct run_reader *run;
    bool judged = false;

    out = fopen(file, "we");
    require(out != NULL && fwrite(image, 1, size, out) == size && fclose(out) == 0);
    run = run_reader_new(file, error, sizeof error);
    if (run == NULL)
        check_line(error);
    else
        judged = judge(run, which);
    run_reader_free(run);
    return judged;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count = size < 1 ? 0 : (size - 1) / PIECE, length;
    unsigned which = 0; /* of what is made of it: an input sees some */
    uint8_t *image;

    if (size == 0 || count > PIECES_MOST)
        return 0;
    if (healthy == NULL)
        begin();
    if (data[0] == 'v') {
        image = damage_values(data + 1, count, &length);
    } else {
        image = sqlite3_malloc64(length = healthy_size);
        require(image != NULL);
        memcpy(image, healthy, healthy_size);
        damage_bytes(image, data + 1, count);
    }
    for (size_t i = 0; i < size; i++)
        which += data[i];
    require(read_it(image, length, which) || count > 0);
    sqlite3_free(image);
    return 0;
}
