#include "results-server/server_clock.h"

#include "common/base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define BOOT_FILE "/proc/sys/kernel/random/boot_id"

static const char get_sql[] = "SELECT value FROM meta WHERE key = ?";
static const char put_sql[] =
    "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
static const char last_sql[] =
    "SELECT max(ns) FROM (SELECT max(last_ns) AS ns FROM peer UNION ALL SELECT max(heard_ns) FROM"
    " host UNION ALL SELECT max(created_ns) FROM test UNION ALL SELECT max(started_ns) FROM test"
    " UNION ALL SELECT max(finished_ns) FROM test)";

static atomic_uint_fast64_t shift; /* server's clock less CLOCK_MONOTONIC */

uint64_t server_clock_ns(void)
{
    return clock_now_ns() + atomic_load(&shift);
}

uint64_t server_clock_wall_ns(uint64_t server_ns)
{
    return clock_wall_ns() - (server_clock_ns() - server_ns);
}

static void read_boot(char boot[64])
{
    FILE *file = fopen(BOOT_FILE, "re");

    boot[0] = '\0';
    if (file == NULL)
        return;
    if (fgets(boot, 64, file) == NULL)
        boot[0] = '\0';
    boot[strcspn(boot, "\n")] = '\0';
    fclose(file);
}

/* The first value of a query, whose only parameter, if it has one, is `key`; none leaves both as
 * they are. */
static bool get(struct store *store, const char *sql, const char *key, uint64_t *number,
                char text[64])
{
    sqlite3_stmt *s = store_statement(store, sql);
    const unsigned char *value;
    int step;

    if (s == NULL)
        return false;
    if (sqlite3_bind_parameter_count(s) > 0)
        sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    step = sqlite3_step(s);
    if (step == SQLITE_ROW && number != NULL)
        *number = (uint64_t)sqlite3_column_int64(s, 0);
    value = step == SQLITE_ROW ? sqlite3_column_text(s, 0) : NULL;
    if (value != NULL && text != NULL)
        snprintf(text, 64, "%s", (const char *)value);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return store_fail(store, "reading its clock");
    sqlite3_reset(s);
    return true;
}

static bool put(struct store *store, const char *key, uint64_t number, const char *text)
{
    sqlite3_stmt *s = store_statement(store, put_sql);

    if (s == NULL)
        return false;
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    if (text != NULL)
        sqlite3_bind_text(s, 2, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_int64(s, 2, (int64_t)number);
    return store_run(store, s);
}

struct anchor {
    char boot[64]; /* "": there is none */
    uint64_t clock_ns, wall_ns, shift_ns;
};

static bool read_anchor(struct store *store, struct anchor *anchor)
{
    return get(store, get_sql, "boot", NULL, anchor->boot) &&
           get(store, get_sql, "clock_ns", &anchor->clock_ns, NULL) &&
           get(store, get_sql, "wall_ns", &anchor->wall_ns, NULL) &&
           get(store, get_sql, "shift_ns", &anchor->shift_ns, NULL);
}

static bool write_anchor(struct store *store, const struct anchor *anchor)
{
    return put(store, "boot", 0, anchor->boot) && put(store, "clock_ns", anchor->clock_ns, NULL) &&
           put(store, "wall_ns", anchor->wall_ns, NULL) &&
           put(store, "shift_ns", anchor->shift_ns, NULL);
}

/* The shift after another boot than the anchor's: as much time has passed as the wall clock says,
 * but what is stored lies behind, even if that was set back. */
static uint64_t shift_over_boot(const struct anchor *then, const struct anchor *now, uint64_t last)
{
    uint64_t passed = now->wall_ns > then->wall_ns ? now->wall_ns - then->wall_ns : 0;
    uint64_t time = then->clock_ns + then->shift_ns + passed;

    return (time > last ? time : last + 1) - now->clock_ns;
}

static bool take_up(struct store *store)
{
    struct anchor then = {.boot = ""}, now;
    uint64_t last = 0;

    if (!read_anchor(store, &then) || !get(store, last_sql, NULL, &last, NULL))
        return false;
    now = (struct anchor){
        .clock_ns = clock_now_ns(), .wall_ns = clock_wall_ns(), .shift_ns = then.shift_ns};
    read_boot(now.boot);
    if (then.boot[0] != '\0' && strcmp(then.boot, now.boot) != 0)
        now.shift_ns = shift_over_boot(&then, &now, last);
    atomic_store(&shift, now.shift_ns);
    return write_anchor(store, &now);
}

bool server_clock_open(struct store *store, char *error, size_t cap)
{
    if (take_up(store))
        return true;
    snprintf(error, cap, "%s", store_error(store));
    return false;
}
