/*
 * Writes run.db while the run goes on: WAL, one transaction per run_writer_commit; at the end
 * checkpointed and turned into a plain single file. Every call returns false on the first error
 * (full disk, say) and from then on; run_writer_error says what happened. What was committed before
 * stays readable. No opinions here.
 */
#ifndef FLATLINE_RUN_WRITER_H
#define FLATLINE_RUN_WRITER_H

#include "common/base/histogram.h"
#include "common/contract/metric.h"
#include "common/contract/page.h"
#include "common/contract/reason.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run_writer;

struct run_component {
    const char *name;
    const char *role;    /* "server" or "client" */
    const char *pattern; /* NULL for servers */
    const char *command; /* the argv as a shell would take it */
    int64_t peer;        /* component id of the server; 0 for servers */
    int port;
    bool stable, secure;
    uint64_t heap_cap; /* bytes */
    /* NULL: as of our own programs, see schema.h. */
    const char *coverage, *service, *cap_kind;
    bool placed; /* on one of several hosts: `host` is its rank */
    int host;
};

struct run_exit {
    uint64_t time_ns;
    uint64_t ordered_ns; /* when the driver ordered this death; 0: it did not */
    int ordered_signal;
    int code;   /* exit status, or -1 */
    int signal; /* terminating signal, or 0 */
    enum reason reason;
    const char *obituary; /* one line, or NULL */
};

/* Nothing was to be sent from start to end. */
struct run_checkpoint {
    bool closed;        /* all clients have ended; else at rest, connections open */
    uint64_t frozen_ns; /* no kill was ordered from then to end_ns; 0: there was none to freeze */
    uint64_t start_ns, end_ns;
    const char *held; /* the family that was held back since the checkpoint before, or NULL */
};

struct run_reading {
    int64_t incarnation;
    uint64_t time_ns;
    const char *why; /* it is not valid, one line; NULL: it is */
    const struct metric_values *values;
};

struct run_fault {
    const char *kind;
    int64_t component, incarnation; /* incarnation 0: none in particular */
    uint64_t ordered_ns;
};

/* Creates DIR/run.db, which must not exist. NULL: *error holds one line. */
struct run_writer *run_writer_new(const char *dir, char *error, size_t cap);

bool run_writer_meta_text(struct run_writer *w, const char *key, const char *value);
bool run_writer_meta_int(struct run_writer *w, const char *key, int64_t value);

/* Ids are given back through *id. */
bool run_writer_component(struct run_writer *w, const struct run_component *c, int64_t *id);
bool run_writer_plan(struct run_writer *w, int64_t component, int incarnation,
                     uint64_t after_ready_ns, int signal, uint64_t restart_delay_ns);
bool run_writer_spawn(struct run_writer *w, int64_t component, int number, int pid,
                      uint64_t time_ns, const char *log, int64_t *id);
bool run_writer_ready(struct run_writer *w, int64_t incarnation, uint64_t time_ns);
bool run_writer_exit(struct run_writer *w, int64_t incarnation, const struct run_exit *exit);
bool run_writer_event(struct run_writer *w, int64_t incarnation, const struct page_event *event);
/* A driver-side event, free-form kind such as "events-lost" or "sampler-late". */
bool run_writer_note(struct run_writer *w, int64_t incarnation, uint64_t time_ns, const char *kind,
                     int64_t detail);
/*
 * Is kept in memory until the transaction ends, or many wait: an error may only be told then. One
 * of the same incarnation and time replaces an earlier one.
 */
bool run_writer_sample(struct run_writer *w, int64_t incarnation, uint64_t time_ns, bool stale,
                       const struct metric_values *values);
/* Replaces an earlier one of the same name ("rtt", "connect"). */
bool run_writer_histogram(struct run_writer *w, int64_t incarnation, const char *name,
                          const struct histogram *h);

/* A checkpoint, then what each incarnation published at it. */
bool run_writer_checkpoint(struct run_writer *w, const struct run_checkpoint *c, int64_t *id);
bool run_writer_reading(struct run_writer *w, int64_t checkpoint,
                        const struct run_reading *reading);
/* A component was told to send nothing, besides what checkpoints told all. */
bool run_writer_hold(struct run_writer *w, int64_t component, uint64_t from_ns, uint64_t to_ns);
/* A fault was ordered; its effect, once it is observed: without that it never was. */
bool run_writer_fault(struct run_writer *w, const struct run_fault *fault, int64_t *id);
bool run_writer_fault_effect(struct run_writer *w, int64_t id, uint64_t time_ns,
                             const char *effect);
/* A threshold of the gate, by name; replaces an earlier one. */
bool run_writer_limit(struct run_writer *w, const char *name, double value);

/* Ends the transaction under way; the next write begins another. Call about once a second. */
bool run_writer_commit(struct run_writer *w);

/* NULL while all is well. */
const char *run_writer_error(const struct run_writer *w);

/*
 * Commits, records the logs and certificates under DIR in `file` (path, size, SHA-256; keys are
 * left out), checkpoints, sets journal_mode=DELETE. Frees w in any case.
 */
bool run_writer_finish(struct run_writer *w, char *error, size_t cap);

/* Without finishing: closes what is open (the driver's error path). NULL is ignored. */
void run_writer_free(struct run_writer *w);

#endif
