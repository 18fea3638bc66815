#include "driver/sweep/figures.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MILLI 1e6
#define P99 0.99

static const struct {
    const char *name, *file;
} roles[] = {
#define ROLE_ROW(ident, name, file) {name, file},
    ROLE_TABLE(ROLE_ROW)
#undef ROLE_ROW
};

const char *role_name(enum role role)
{
    return roles[role].name;
}

const char *role_file(enum role role)
{
    return roles[role].file;
}

/* --- times ----------------------------------------------------------------------------------- */

void times_free(struct times *times)
{
    free(times->ms);
    *times = (struct times){0};
}

static bool times_add(struct times *times, double ms)
{
    if (times->count == times->room) {
        size_t room = times->room == 0 ? 4096 : 2 * times->room;
        double *grown = realloc(times->ms, room * sizeof *grown);

        if (grown == NULL)
            return false;
        times->ms = grown;
        times->room = room;
    }
    times->ms[times->count++] = ms;
    return true;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

struct spread times_spread(struct times *times)
{
    struct spread s = {.count = times->count};
    double sum = 0, squares = 0;
    size_t n = times->count;

    if (n == 0)
        return s;
    qsort(times->ms, n, sizeof *times->ms, compare);
    for (size_t i = 0; i < n; i++)
        sum += times->ms[i];
    s.mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (times->ms[i] - s.mean) * (times->ms[i] - s.mean);
    s.std = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
    s.min = times->ms[0];
    s.max = times->ms[n - 1];
    s.median = n % 2 == 1 ? times->ms[n / 2] : (times->ms[n / 2 - 1] + times->ms[n / 2]) / 2;
    s.p99 = times->ms[(size_t)ceil(P99 * (double)n) - 1];
    return s;
}

/* --- one run --------------------------------------------------------------------------------- */

/* Of a role, while its file is read. */
struct taking {
    struct times *times; /* NULL: not wanted */
    size_t count;
    int64_t first_sent_ns, last_ns;
};

static bool take(struct taking *t, int64_t sent_ns, int64_t came_ns)
{
    if (t->count == 0 || sent_ns < t->first_sent_ns)
        t->first_sent_ns = sent_ns;
    if (t->count == 0 || came_ns > t->last_ns)
        t->last_ns = came_ns;
    t->count++;
    return t->times == NULL || times_add(t->times, (double)(came_ns - sent_ns) / NS_PER_MILLI);
}

static double rate(const struct taking *t, double events)
{
    return t->count > 0 && t->last_ns > t->first_sent_ns
               ? events * 1e9 / (double)(t->last_ns - t->first_sent_ns)
               : 0;
}

/* "author sequence sent_ns acked_ns OK" */
static bool read_log(const char *path, struct taking *t, char *error, size_t cap)
{
    FILE *file = fopen(path, "re");
    char line[256], status[32];
    int64_t sent, acked;
    unsigned number = 0;

    if (file == NULL) {
        snprintf(error, cap, "cannot read %s: %s", path, strerror(errno));
        return false;
    }
    *error = '\0';
    while (*error == '\0' && fgets(line, sizeof line, file) != NULL) {
        number++;
        if (*line == '#')
            continue;
        if (strchr(line, '\n') == NULL ||
            sscanf(line, "%*u %*u %" SCNd64 " %" SCNd64 " %31s", &sent, &acked, status) != 3)
            snprintf(error, cap, "%s, line %u: not an event", path, number);
        else if (strcmp(status, "OK") == 0 && !take(t, sent, acked))
            snprintf(error, cap, "no memory");
    }
    fclose(file);
    return *error == '\0';
}

/* Events by whom came at all, so that one that came twice does not stand in for one that did not.
 */
static const char distinct[] =
    "SELECT COUNT(*) FROM (SELECT DISTINCT author, sequence, subscriber FROM event)";
static const char complete[] = "SELECT COUNT(*) FROM meta WHERE key = 'complete' AND value = 1";
static const char arrivals[] = "SELECT sent_ns, arrived_ns FROM event";

static bool query_number(sqlite3 *db, const char *sql, int64_t *number)
{
    sqlite3_stmt *s = NULL;
    bool done =
        sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;

    if (done)
        *number = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return done;
}

static bool read_arrivals(sqlite3 *db, struct taking *t)
{
    sqlite3_stmt *s = NULL;
    bool done = sqlite3_prepare_v2(db, arrivals, -1, &s, NULL) == SQLITE_OK;
    int step = SQLITE_DONE;

    while (done && (step = sqlite3_step(s)) == SQLITE_ROW)
        done = take(t, sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1));
    sqlite3_finalize(s);
    return done && step == SQLITE_DONE;
}

static bool read_db(const char *path, struct taking *t, int64_t *different, char *error, size_t cap)
{
    sqlite3 *db = NULL;
    int64_t ended = 0;
    bool done = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
                query_number(db, complete, &ended) && query_number(db, distinct, different) &&
                read_arrivals(db, t);

    if (!done)
        snprintf(error, cap, "cannot read %s: %s", path,
                 db == NULL ? "no memory" : sqlite3_errmsg(db));
    else if (ended == 0)
        snprintf(error, cap, "%s is not complete: who wrote it did not come to its end", path);
    sqlite3_close(db);
    return done && ended != 0;
}

static bool read_role(const char *dir, enum role role, const struct figures_plan *plan,
                      struct figure *figure, struct times *times, char *error, size_t cap)
{
    uint64_t due = plan->events * (role == ROLE_SUBSCRIBER ? plan->subscribers : 1);
    struct taking t = {.times = times};
    char path[PATH_MAX];
    int64_t different = 0;

    snprintf(path, sizeof path, "%s/%s", dir, role_file(role));
    if (role == ROLE_AUTHOR ? !read_log(path, &t, error, cap)
                            : !read_db(path, &t, &different, error, cap))
        return false;
    if (role == ROLE_AUTHOR)
        different = (int64_t)t.count;
    figure->count = t.count;
    figure->missing = (uint64_t)different < due ? due - (uint64_t)different : 0;
    figure->events_per_second =
        rate(&t, role == ROLE_SUBSCRIBER ? (double)t.count / (double)plan->subscribers
                                         : (double)t.count);
    return true;
}

bool figures_read(const char *dir, const struct figures_plan *plan, struct figure figures[ROLES],
                  struct times times[ROLES], char *error, size_t cap)
{
    for (int role = 0; role < ROLES; role++) {
        if (!read_role(dir, (enum role)role, plan, &figures[role],
                       times == NULL ? NULL : &times[role], error, cap))
            return false;
    }
    return true;
}
