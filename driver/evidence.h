/*
 * What the rules and the report need of a run, gathered from its folder in one pass over the
 * samples of each component and one over the events. What is kept does not grow with the length of
 * the run, but with its incarnations and checkpoints. Facts only; the opinions are in the rules.
 */
#ifndef FLATLINE_DRIVER_EVIDENCE_H
#define FLATLINE_DRIVER_EVIDENCE_H

#include "common/run/reader.h"
#include "driver/limits.h"
#include "driver/series.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Counters are the last ones published while traffic was due. The page's values are taken from
 * fresh snapshots only; what the kernel says is fresh always. -1 and 0 ns: never seen.
 */
struct evidence_incarnation {
    const struct run_incarnation_row *row;
    uint64_t samples, stale;    /* taken between its ready and its end */
    uint64_t last_ns;           /* its last sample of that time */
    uint64_t progress_ns;       /* when messages were last seen to have advanced */
    uint64_t first_progress_ns; /* ... and first */
    uint64_t first_message_ns;  /* as published, exact */
    uint64_t stood_ns;          /* of the time before its first: when not even the driver ran */
    int64_t data_peak, live_peak, live_last;
    int64_t messages, calls, connections, errors, refused;
};

/* Events of one kind of trouble: how many, and the first of them. */
struct evidence_trouble {
    uint64_t count, first_ns;
    char kind[32];
    int64_t incarnation; /* number */
};

/* How a client came back from the restarts of its server, as its samples show it. */
struct evidence_restarts {
    uint64_t seen, missed, unseen; /* unseen: the run ended too soon to tell */
    uint64_t worst_ns;             /* the slowest, from the server's ready */
    uint64_t missed_ns;            /* the server's ready that the first missed one waited for */
};

/* The checkpoints of a host, in order of time. */
struct evidence_pauses {
    const struct run_checkpoint_row *rows;
    size_t count;
};

struct evidence_component {
    const struct run_component_row *row;
    const struct run_host_row *host; /* NULL: the run has one */
    const struct run_host_row *lost; /* that ended its judged life by breaking off; or NULL */
    bool elsewhere;                  /* this is the share of one host, and it runs on another */
    bool crosses; /* ... or some of whom it talks to: what became of those is not known here */
    struct run_phase phase;
    struct evidence_pauses pauses;
    uint64_t own_until_ns; /* when traffic ended on its host, or the last that is known of it */
    uint64_t until_ns;     /* ... and on those of whom it talks to: its judged life ends there */
    const struct evidence_component *peer;     /* NULL for servers */
    struct evidence_incarnation *incarnations; /* in order */
    size_t count;
    uint64_t late_p99_ns;
    uint64_t due;    /* samples that its lives make due */
    uint64_t losses; /* events, forgiven ones too */
    struct evidence_trouble unforgiven, errors;
    uint64_t overrun; /* events that nobody read in time */
    struct evidence_restarts restarts;
    struct series series;
};

struct evidence {
    const struct run_info *info;
    const struct gate_limits *limits;
    const struct run_plan_row *plan;
    size_t plan_count;
    const struct run_checkpoint_row *checkpoints;
    size_t checkpoint_count;
    struct run_checkpoint_row *pauses; /* the same, by host */
    const struct run_host_row *hosts;  /* none: one */
    size_t host_count;
    const struct run_hold_row *holds;
    size_t hold_count;
    const struct run_fault_row *faults; /* in order of time */
    size_t fault_count;
    struct evidence_component *components;
    size_t count;
    uint64_t until_ns; /* when traffic ended, or the last that is known of it */
    struct evidence_incarnation *incarnations; /* all, by component */
};

/* NULL: *error holds one line. run and limits must outlive the evidence. */
struct evidence *evidence_new(struct run_reader *run, const struct gate_limits *limits, char *error,
                              size_t cap);
void evidence_free(struct evidence *e);

/* Whether it tells nothing of its traffic: somebody else's program. */
bool evidence_is_mute(const struct evidence_component *c);

/* Whether the driver ordered that death. */
bool evidence_ordered(const struct run_incarnation_row *row);

/* Whether it died by itself in the evidence phase, which nobody judges. */
bool evidence_unjudged_end(const struct evidence *e, const struct run_incarnation_row *row);

/* The kill that was planned for an incarnation, or NULL. */
const struct run_plan_row *evidence_plan(const struct evidence *e,
                                         const struct run_incarnation_row *row);

/* Sums over a component's incarnations. */
struct evidence_sum {
    int64_t data_peak, live_peak, live_last; /* -1: never seen */
    int64_t messages, calls, errors;
    uint64_t samples, stale, kills;
    uint64_t alive_ns; /* ready and under traffic */
};
struct evidence_sum evidence_sum(const struct evidence *e, const struct evidence_component *c);

/* From when to when an incarnation was ready and under traffic; false if it never was. */
bool evidence_life(const struct evidence *e, const struct run_incarnation_row *row, uint64_t *from,
                   uint64_t *to);

#endif
