/*
 * Keeps the fleet as the plan wants it: starts the servers, then the clients; when all are ready
 * the run begins; kills and restarts what chaos says; stops clients first, then servers. It records
 * facts in run.db and has one opinion: a death that nobody ordered is a breach.
 *
 * Inside the loop it never dies: what fails is logged, recorded and reported as a breach, and the
 * run goes on to its end in order.
 */
#ifndef FLATLINE_DRIVER_SUPERVISOR_H
#define FLATLINE_DRIVER_SUPERVISOR_H

#include "common/contract/reason.h"
#include "common/run/writer.h"
#include "driver/chaos.h"
#include "driver/fleet.h"
#include "driver/guardian.h"
#include "driver/process.h"

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

struct supervisor;

struct supervisor_settings {
    const struct fleet *fleet;
    const int64_t *rows; /* run.db's ids of the components, beside the scenario's */
    struct run_writer *writer;
    struct guardian *guardian;
    const struct cap_groups *groups; /* NULL: none */
    const char *run_dir;             /* has a folder logs/ */
    struct chaos chaos;
    uint64_t duration_ns;     /* chaos is quiet at its end */
    uint64_t ready_limit_ns;  /* a process that is not ready by then is given up */
    uint64_t frozen_limit_ns; /* so is one that is stopped for so long, by whomever; 0: it is not */
    uint64_t stop_limit_ns;   /* from SIGTERM to SIGKILL */
};

struct supervisor_hooks {
    /*
     * The servers are ready: whether the clients may be started, too; asked again until they may.
     * NULL: they may.
     */
    bool (*may_connect)(void *user);
    /* Everything is ready, and runs on until supervisor_begin. NULL: the run begins at once. */
    void (*all_up)(void *user);
    /* The run begins at begin_ns. */
    void (*begun)(void *user, uint64_t begin_ns);
    /* The first death that nobody ordered, or start that failed; `line` says what is known of it.
     */
    void (*breached)(void *user, const struct component *component, enum reason reason,
                     const char *line);
    /* Nothing runs any more. Called once, after supervisor_stop. */
    void (*over)(void *user);
    /*
     * Stopped in order, all clients have ended; the servers run until supervisor_stop_servers.
     * NULL: they are stopped at once.
     */
    void (*clients_gone)(void *user);
};

/* settings are copied; what they point to, hooks and loop outlive it. NULL: out of memory. */
struct supervisor *supervisor_new(struct ev_loop *loop, const struct supervisor_settings *settings,
                                  const struct supervisor_hooks *hooks, void *user);

/* When nothing runs: after `over` or before supervisor_start. NULL is ignored. */
void supervisor_free(struct supervisor *s);

/* Components that run elsewhere are none of its business. */
void supervisor_start(struct supervisor *s);

/* After all_up: the run begins, as from that moment; what chaos plans counts from there at the
 * earliest. */
void supervisor_begin(struct supervisor *s, uint64_t begin_ns);

/*
 * The judged part is over, even if it never began: chaos rests and no death is a breach any more,
 * while traffic goes on until supervisor_stop.
 */
void supervisor_calm(struct supervisor *s);

/*
 * Kills component i by SIGKILL if it is up; only after supervisor_calm. It counts as stopped, not
 * as a victim of chaos: it stays dead until it is revived, and no recovery is expected.
 */
void supervisor_kill(struct supervisor *s, size_t i);

/* Starts component i again if it has died; only after supervisor_calm. */
void supervisor_revive(struct supervisor *s, size_t i);

/* In order, within about twice stop_limit_ns; called again: at once, by SIGKILL. */
void supervisor_stop(struct supervisor *s);

/* After clients_gone. */
void supervisor_stop_servers(struct supervisor *s);

/* Frozen: chaos kills nothing; kills that fall due wait for the thaw. Restarts go on. */
void supervisor_freeze(struct supervisor *s, bool frozen);
bool supervisor_is_frozen(const struct supervisor *s);

/* The process of component i, or NULL while it has none. */
struct process *supervisor_process(struct supervisor *s, size_t i);

/* Whether component i is ready and was not ordered dead. */
bool supervisor_is_up(const struct supervisor *s, size_t i);

/* Whether every component of this host is up, and has been for `since_ns` at the least. */
bool supervisor_is_settled(const struct supervisor *s, uint64_t since_ns);

/* What was last seen of a process that ended well when it was told to stop; else NULL. */
const struct process *supervisor_stopped(const struct supervisor *s, size_t i);

struct supervisor_counts {
    unsigned wanted;   /* components of this host */
    unsigned up;       /* processes that are ready */
    unsigned kills;    /* ordered by chaos */
    unsigned restarts; /* victims whose successor became ready */
};

struct supervisor_counts supervisor_counts(const struct supervisor *s);

#endif
