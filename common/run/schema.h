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
 * old run. Version 1 lacks checkpoint, reading, hold, fault, limit_used and coverage, service and
 * cap_kind of component; version 2 lacks host, and its column in component and checkpoint.
 *
 * A run of several hosts is merged from theirs (results-server/merge.h): its times are those of the
 * results server's clock, its components are called HOST.NAME. `host` has a row a host then, and is
 * empty in what one driver wrote, which may still be one of several (meta `hosts`, `rank`). What
 * meta says of one run's end and evidence phase `host` says of each host's; meta then has the last
 * stop_ns and no evidence phase.
 */
#ifndef FLATLINE_RUN_SCHEMA_H
#define FLATLINE_RUN_SCHEMA_H

#define RUN_SCHEMA_VERSION 3
#define RUN_APPLICATION_ID 0x464c4154 /* "FLAT": PRAGMA application_id */
#define RUN_DB_NAME "run.db"

/* checkpoint.kind */
#define RUN_CHECKPOINT_REST "rest"
#define RUN_CHECKPOINT_CLOSED "closed"

/* host.state: its driver said how it ended, or was not heard to its end. */
#define RUN_HOST_DONE "done"
#define RUN_HOST_LOST "lost"

/* host.verdict of one whose driver could not go on. */
#define RUN_HOST_ERROR "error"

/* What NULL means in component: coverage, service and cap_kind of our own programs. */
#define RUN_OWN_COVERAGE "exact"
#define RUN_OWN_SERVICE "flatline"
#define RUN_OWN_CAP "data"
/* The cap_kind of which heap_cap is all memory of a cgroup. */
#define RUN_GROUP_CAP "cgroup"

/*
 * meta keys: schema_version, flatline_version, seed, argv, host, start_wall_ns, start_ns, ready_ns
 * (all up), stop_ns (traffic is judged no more), evidence_ns and evidence_end_ns, end_ns,
 * duration_ns, sample_interval_ns, scenario (YAML), interrupted (0 or 1), cpus,
 * checkpoints (as ordered); with several hosts: hosts (how many), place ("spread", "replicate")
 * and, in the folder of one of them, its rank.
 */
#define RUN_SCHEMA_SQL                                                                             \
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"                               \
    "CREATE TABLE metric (id INTEGER PRIMARY KEY, name TEXT UNIQUE, unit TEXT, kind TEXT, source " \
    "TEXT);"                                                                                       \
    "CREATE TABLE component (id INTEGER PRIMARY KEY, name TEXT UNIQUE, role TEXT,"                 \
    " stable INTEGER, secure INTEGER, pattern TEXT, port INTEGER,"                                 \
    " peer INTEGER REFERENCES component, heap_cap INTEGER, command TEXT,"                          \
    " coverage TEXT, service TEXT, cap_kind TEXT, host INTEGER);"                                  \
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
    "ROWID;"                                                                                       \
    "CREATE TABLE checkpoint (id INTEGER PRIMARY KEY, kind TEXT, frozen_ns INTEGER,"               \
    " start_ns INTEGER, end_ns INTEGER, held TEXT, host INTEGER);"                                 \
    "CREATE TABLE hold (component INTEGER REFERENCES component, from_ns INTEGER, to_ns INTEGER);"  \
    "CREATE TABLE fault (id INTEGER PRIMARY KEY, component INTEGER REFERENCES component, "         \
    "incarnation INTEGER REFERENCES incarnation, kind TEXT, ordered_ns INTEGER, effect_ns "        \
    "INTEGER, effect TEXT, observed INTEGER);"                                                     \
    "CREATE TABLE limit_used (name TEXT PRIMARY KEY, value REAL) WITHOUT ROWID;"                   \
    "CREATE TABLE host (rank INTEGER PRIMARY KEY, name TEXT, address TEXT, offset_ns INTEGER,"     \
    " offset_error_ns INTEGER, state TEXT, first_ns INTEGER, last_ns INTEGER, stop_ns INTEGER,"    \
    " evidence_ns INTEGER, evidence_end_ns INTEGER, status INTEGER, verdict TEXT, reason TEXT);"
/*
 * and: CREATE TABLE sample (incarnation INTEGER, time_ns INTEGER, stale INTEGER, <one column a
 * metric>, PRIMARY KEY (incarnation, time_ns)) WITHOUT ROWID; CREATE TABLE reading (checkpoint
 * INTEGER, incarnation INTEGER, time_ns INTEGER, valid INTEGER, why TEXT, <the same>, PRIMARY KEY
 * (incarnation, checkpoint)) WITHOUT ROWID.
 *
 * histogram.buckets: 32-bit little-endian counts from bucket 0 on (common/base/histogram.h),
 * without the zeros at the end. file.path is relative to the run folder; sha256 is hex.
 */

#endif
