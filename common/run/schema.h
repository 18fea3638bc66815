/*
 * The run folder, the only hinge between what needs live processes and what does not:
 *
 *   RUN/run.db        this schema
 *   RUN/logs/NAME.K.log  standard output and error of incarnation K (from 1) of component NAME
 *   RUN/tls/          the run's certificate and key (mode 0600)
 *   RUN/charts/, RUN/index.html  what is drawn
 *
 * Rules: ids are ours and dense from 1; times are CLOCK_MONOTONIC ns; a value that was not measured
 * is NULL. `metric` is the catalogue as it was when the run was written. `sample` has one column
 * per catalogue row, named like it, made from the catalogue when the run starts: readers look
 * columns up by name, keep unknown ones and treat absent ones as NULL, so a new metric breaks no
 * old run.
 */
#ifndef FLATLINE_RUN_SCHEMA_H
#define FLATLINE_RUN_SCHEMA_H

#define RUN_SCHEMA_VERSION 1
#define RUN_APPLICATION_ID 0x464c4154 /* "FLAT": PRAGMA application_id */
#define RUN_DB_NAME "run.db"

/*
 * meta keys: schema_version, flatline_version, seed, argv, host, start_wall_ns, start_ns, ready_ns
 * (all up), stop_ns (traffic ends), end_ns, duration_ns, sample_interval_ns, interrupted (0 or 1),
 * cpus.
 */
#define RUN_SCHEMA_SQL                                                                             \
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"                               \
    "CREATE TABLE metric (id INTEGER PRIMARY KEY, name TEXT UNIQUE, unit TEXT, kind TEXT, source " \
    "TEXT);"                                                                                       \
    "CREATE TABLE component (id INTEGER PRIMARY KEY, name TEXT UNIQUE, role TEXT,"                 \
    " stable INTEGER, secure INTEGER, pattern TEXT, port INTEGER,"                                 \
    " peer INTEGER REFERENCES component, heap_cap INTEGER, command TEXT);"                         \
    "CREATE TABLE plan (component INTEGER REFERENCES component, incarnation INTEGER,"              \
    " after_ready_ns INTEGER, signal INTEGER, restart_delay_ns INTEGER,"                           \
    " PRIMARY KEY (component, incarnation)) WITHOUT ROWID;"                                        \
    "CREATE TABLE incarnation (id INTEGER PRIMARY KEY, component INTEGER REFERENCES component,"    \
    " number INTEGER, pid INTEGER, spawn_ns INTEGER, ready_ns INTEGER, ordered_ns INTEGER,"        \
    " ordered_signal INTEGER, exit_ns INTEGER, exit_code INTEGER, exit_signal INTEGER,"            \
    " reason TEXT, obituary TEXT, log TEXT);"                                                      \
    "CREATE TABLE event (time_ns INTEGER, incarnation INTEGER REFERENCES incarnation, kind TEXT,"  \
    " connection INTEGER, detail INTEGER);"                                                        \
    "CREATE INDEX event_time ON event (time_ns);"                                                  \
    "CREATE TABLE histogram (incarnation INTEGER REFERENCES incarnation, name TEXT, count "        \
    "INTEGER,"                                                                                     \
    " sum_ns INTEGER, min_ns INTEGER, max_ns INTEGER, buckets BLOB,"                               \
    " PRIMARY KEY (incarnation, name)) WITHOUT ROWID;"                                             \
    "CREATE TABLE file (path TEXT PRIMARY KEY, kind TEXT, bytes INTEGER, sha256 TEXT) WITHOUT "    \
    "ROWID;"
/*
 * and: CREATE TABLE sample (incarnation INTEGER, time_ns INTEGER, stale INTEGER, <one column a
 * metric>, PRIMARY KEY (incarnation, time_ns)) WITHOUT ROWID.
 *
 * histogram.buckets: 32-bit little-endian counts from bucket 0 on (common/base/histogram.h),
 * without the zeros at the end. file.path is relative to the run folder; sha256 is hex.
 */

#endif
