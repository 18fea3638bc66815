/*
 * Reads a run folder: opened immutable, so a read-only artifact works. Everything right of the run
 * folder is a function of this. The small tables are loaded whole; samples and events are streamed.
 */
#ifndef FLATLINE_RUN_READER_H
#define FLATLINE_RUN_READER_H

#include "common/base/histogram.h"
#include "common/contract/metric.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run_reader;

/* Times are CLOCK_MONOTONIC ns; 0 where run.db has NULL. Strings live as long as the reader. */
struct run_info {
    int schema_version;
    uint64_t seed;
    const char *version, *argv, *host;
    uint64_t start_wall_ns, start_ns, ready_ns, stop_ns, end_ns;
    uint64_t evidence_ns, evidence_end_ns; /* of one host; see run_reader_phase */
    uint64_t duration_ns, sample_interval_ns;
    uint64_t checkpoints; /* ordered; 0 too in runs of schema version 1 */
    uint64_t hosts;       /* of the run; 0: one, as in all runs before schema version 3 */
    const char *place;    /* of the components on them: "spread", "replicate", or "" */
    int rank;             /* this is the folder of one of several hosts; -1: of the whole run */
    bool interrupted;
    bool finished; /* end_ns was written: the driver came to its end */
};

/* How a host's share of a run ended: the judged part, and the unjudged one behind it, if any. */
struct run_phase {
    uint64_t stop_ns; /* 0: not known, it broke off */
    uint64_t evidence_ns, evidence_end_ns;
};

struct run_component_row {
    int64_t id; /* components are dense: row i has id i + 1 */
    const char *name, *role, *pattern, *command;
    bool server, stable, secure;
    bool own; /* one of our programs, of which no coverage is written down */
    int port;
    int64_t peer;                              /* the server's id; 0 for servers */
    uint64_t heap_cap;                         /* of `data`, bytes; 0: none */
    uint64_t group_cap;                        /* of a cgroup, bytes; 0: none */
    const char *coverage, *service, *cap_kind; /* never NULL */
    int host;                                  /* its rank; -1: the run has one */
};

struct run_incarnation_row {
    int64_t id; /* dense too */
    int64_t component;
    int number, pid;
    uint64_t spawn_ns, ready_ns, ordered_ns, exit_ns;
    int ordered_signal, exit_code, exit_signal; /* exit_code -1: none */
    int reason;                                 /* enum reason, or -1: alive or unknown */
    const char *reason_name;                    /* as written, NULL while alive */
    const char *obituary, *log;                 /* or NULL */
};

struct run_plan_row {
    int64_t component;
    int incarnation;
    uint64_t after_ready_ns, restart_delay_ns;
    int signal;
};

struct run_event_row {
    uint64_t time_ns;
    int64_t incarnation;
    const char *kind; /* valid during the callback */
    int64_t connection, detail;
};

struct run_sample_row {
    int64_t incarnation;
    uint64_t time_ns;
    bool stale;
    struct metric_values values;
};

/* Absent from runs of schema version 1, like all of these. */
struct run_checkpoint_row {
    int64_t id;         /* dense, in order of time */
    bool closed;        /* all clients had ended; else at rest, connections open */
    uint64_t frozen_ns; /* no kill was ordered from then on; 0: kills were over */
    uint64_t start_ns, end_ns;
    const char *held; /* the family held back in the interval that ends here, or NULL */
    int host;         /* the rank of the one that it was on; -1: the run has one */
};

struct run_reading_row {
    int64_t checkpoint, incarnation;
    uint64_t time_ns;
    bool valid;
    const char *why; /* not valid; valid during the callback; NULL if it is */
    struct metric_values values;
};

struct run_hold_row {
    int64_t component;
    uint64_t from_ns, to_ns;
};

struct run_fault_row {
    int64_t id, component, incarnation; /* dense; incarnation 0: none in particular */
    const char *kind, *effect;          /* effect NULL: not observed */
    uint64_t ordered_ns, effect_ns;
    bool observed;
};

struct run_limit_row {
    const char *name;
    double value;
};

/* One of the hosts whose runs were merged into this one; see schema.h. */
struct run_host_row {
    int rank;
    const char *name, *address;
    int64_t offset_ns; /* was added to its times */
    uint64_t offset_error_ns;
    bool lost;                  /* not heard to its end */
    uint64_t first_ns, last_ns; /* when it was heard first and last; 0: never */
    struct run_phase phase;
    int status;          /* of its driver; -1: not known */
    const char *verdict; /* of its driver on its own share, or "" */
    const char *reason;  /* what it said with it, or NULL */
};

/*
 * NULL: *error holds one line saying what and why (no run.db, not a run.db, truncated, newer schema
 * ...). `path` is the run folder or its run.db.
 */
struct run_reader *run_reader_new(const char *path, char *error, size_t cap);
void run_reader_free(struct run_reader *r);

const char *run_reader_dir(const struct run_reader *r);
const struct run_info *run_reader_info(const struct run_reader *r);
/* The end of the share of the run that a component belongs to. */
struct run_phase run_reader_phase(const struct run_reader *r, int64_t component);
/* The host of a component; NULL: the run has one. */
const struct run_host_row *run_reader_host(const struct run_reader *r, int64_t component);
/* Whether that moment lies in the evidence phase: what happens then says nothing about the run. */
bool run_phase_unjudged(const struct run_phase *phase, uint64_t time_ns);

const struct run_component_row *run_reader_components(const struct run_reader *r, size_t *count);
const struct run_incarnation_row *run_reader_incarnations(const struct run_reader *r,
                                                          size_t *count);
const struct run_plan_row *run_reader_plan(const struct run_reader *r, size_t *count);

const struct run_checkpoint_row *run_reader_checkpoints(const struct run_reader *r, size_t *count);
/* In order of component, then time. */
const struct run_hold_row *run_reader_holds(const struct run_reader *r, size_t *count);
const struct run_fault_row *run_reader_faults(const struct run_reader *r, size_t *count);
/* In order of name. */
const struct run_limit_row *run_reader_limits(const struct run_reader *r, size_t *count);
/* In order of rank; none in the folder that a driver wrote. */
const struct run_host_row *run_reader_hosts(const struct run_reader *r, size_t *count);

/*
 * Streams rows in order of time (samples: of one component, all its incarnations, or of all when
 * component is 0). The callback returns false to stop early. False on a read error:
 * run_reader_error says it.
 */
bool run_reader_samples(struct run_reader *r, int64_t component,
                        bool (*fn)(void *arg, const struct run_sample_row *row), void *arg);
/*
 * As run_reader_samples, of those metrics alone whose bit (METRIC_BIT) is set in `wanted`: the
 * others are absent, as if they had not been measured. Of a third of them it takes half the time.
 */
bool run_reader_samples_of(struct run_reader *r, int64_t component, uint64_t wanted,
                           bool (*fn)(void *arg, const struct run_sample_row *row), void *arg);
bool run_reader_events(struct run_reader *r, bool (*fn)(void *arg, const struct run_event_row *row),
                       void *arg);

/* Of one component, in order of checkpoint, or of all when component is 0; see above. */
bool run_reader_readings(struct run_reader *r, int64_t component,
                         bool (*fn)(void *arg, const struct run_reading_row *row), void *arg);

/* The histogram of that name, merged over a component's incarnations; false on error; empty if
 * none. */
bool run_reader_histogram(struct run_reader *r, int64_t component, const char *name,
                          struct histogram *out);

const char *run_reader_error(const struct run_reader *r);

#endif
