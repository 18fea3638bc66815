/*
 * The store's one file, DIR/results.db (SQLite, write-ahead log). Times are the server's
 * CLOCK_MONOTONIC, ns; NULL is what has not happened. A test is created, then started (started_ns),
 * then finished (finished_ns).
 *
 *   meta    the server's clock: boot (the kernel's id), clock_ns, wall_ns, shift_ns
 * (server_clock.h) test    begun, size: as it was created (size NULL: not said); finish: the body
 * that ended it host    one entry of the topology, as it was last put peer    who posts, and what
 * was counted of it; result: the body that said it is done batch   number: in the order of the
 * commits; body: as it was posted, compressed by zlib, `size` bytes when it is not cursor  how far
 * somebody has passed on the batches
 */
#ifndef FLATLINE_RESULTS_SERVER_STORE_SCHEMA_H
#define FLATLINE_RESULTS_SERVER_STORE_SCHEMA_H

#define STORE_DB_NAME "results.db"
#define STORE_LOCK_NAME "results.lock"
#define STORE_SCHEMA_VERSION 1
#define STORE_APPLICATION_ID 0x464c5253 /* "FLRS": PRAGMA application_id */

#define STORE_SCHEMA_SQL                                                                         \
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"                             \
    "CREATE TABLE test (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, begun INTEGER,"     \
    " size INTEGER, created_ns INTEGER, created_wall_ns INTEGER, started_ns INTEGER,"            \
    " finished_ns INTEGER, finish TEXT);"                                                        \
    "CREATE TABLE host (test INTEGER REFERENCES test, rank INTEGER, name TEXT, entry TEXT,"      \
    " heard_ns INTEGER, PRIMARY KEY (test, rank), UNIQUE (test, name)) WITHOUT ROWID;"           \
    "CREATE TABLE peer (number INTEGER PRIMARY KEY, test INTEGER REFERENCES test, name TEXT,"    \
    " batches INTEGER, points INTEGER, last_ns INTEGER, result TEXT, result_ns INTEGER, UNIQUE " \
    "(test, name));"                                                                             \
    "CREATE TABLE batch (number INTEGER PRIMARY KEY, peer INTEGER REFERENCES peer, sequence "    \
    "INTEGER, received_ns INTEGER, points INTEGER, size INTEGER, body BLOB,"                     \
    " UNIQUE (peer, sequence));"                                                                 \
    "CREATE TABLE cursor (name TEXT PRIMARY KEY, batch INTEGER) WITHOUT ROWID;"

#endif
