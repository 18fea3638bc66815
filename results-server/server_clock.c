#include "results-server/server_clock.h"

#include "common/base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define BOOT_FILE "/proc/sys/kernel/random/boot_id"
#define GET_SQL "SELECT value FROM meta WHERE key = ?"
#define PUT_SQL \
    "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"

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

static bool get(struct store *store, const char *key, uint64_t *number, char text[64])
{
    sqlite3_stmt *s = store_statement(store, GET_SQL);
    const unsigned char *value;
    int step;

    if (s == NULL)
        return false;
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
    sqlite3_stmt *s = store_statement(store, PUT_SQL);

    if (s == NULL)
        return false;
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    if (text != NULL)
        sqlite3_bind_text(s, 2, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_int64(s, 2, (int64_t)number);
    return store_run(store, s);
}

static bool take_up(struct store *store)
{
    char boot[64], known[64] = "";
    uint64_t then_ns = 0, then_wall_ns = 0, then_shift = 0, now = clock_now_ns();
    uint64_t wall = clock_wall_ns();

    read_boot(boot);
    if (!get(store, "boot", NULL, known) || !get(store, "clock_ns", &then_ns, NULL) ||
        !get(store, "wall_ns", &then_wall_ns, NULL) || !get(store, "shift_ns", &then_shift, NULL))
        return false;
    if (known[0] != '\0' && strcmp(known, boot) != 0)
        then_shift += then_ns + (wall > then_wall_ns ? wall - then_wall_ns : 0) - now;
    atomic_store(&shift, then_shift);
    return put(store, "boot", 0, boot) && put(store, "clock_ns", now, NULL) &&
           put(store, "wall_ns", wall, NULL) && put(store, "shift_ns", then_shift, NULL);
}

bool server_clock_open(struct store *store, char *error, size_t cap)
{
    if (take_up(store))
        return true;
    store_failure(store, error, cap);
    return false;
}
