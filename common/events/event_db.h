/*
 * The event database: who got which event when, one row for each arrival, written by a thread of
 * its own so that a loop only copies 40 bytes. Nothing is lost silently: a producer that is faster
 * than the disk waits, and what a failing disk loses is counted.
 *
 *   event(author, sequence, subscriber, sent_ns, arrived_ns)   subscriber 0: the broker itself
 *   meta(key, value)   schema_version, role; in the end `events` (rows), the role's own counts, and
 *                      `complete` = 1: without it the program did not come to an orderly end
 *
 * Both times are CLOCK_REALTIME in ns. One file with a rollback journal and without fsync: that
 * costs no more CPU than a write-ahead log (1.2 us a row, either way), and it can be moved as it
 * is.
 */
#ifndef FLATLINE_EVENTS_EVENT_DB_H
#define FLATLINE_EVENTS_EVENT_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_DB_SCHEMA 1

struct event_db;

struct event_row {
    uint64_t author, sequence, subscriber, sent_ns, arrived_ns;
};

struct event_db_config {
    const char *path; /* must not exist; outlives the database, as all here */
    const char *role; /* "broker", "subscriber" */
    /* Once, in the writer's thread: the database cannot be written any more. May be NULL. */
    void (*on_failure)(void *arg);
    void *arg;
};

/* Makes the file and starts the thread. NULL: *error holds one line. */
struct event_db *event_db_new(const struct event_db_config *config, char *error, size_t cap);

/* From any thread. */
void event_db_put(struct event_db *db, const struct event_row *row);

/* One line that says why the database cannot be written; NULL: it can. From any thread. */
const char *event_db_failure(struct event_db *db);

struct event_count {
    const char *key;
    uint64_t value;
};

/*
 * Writes all that was put, then the counts, and says that it is complete; frees the database. False
 * with one line in *error: not all of it is in the file, and it does not claim so.
 */
bool event_db_close(struct event_db *db, const struct event_count *counts, size_t count,
                    char *error, size_t cap);

#endif
