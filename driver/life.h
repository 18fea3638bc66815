/*
 * The life of one component: a state x event table. The supervisor sends START, STOP and HURRY;
 * time, readiness and death come from the process.
 */
#ifndef FLATLINE_DRIVER_LIFE_H
#define FLATLINE_DRIVER_LIFE_H

#include "common/base/clock.h"
#include "common/run/writer.h"
#include "driver/cap_group.h"
#include "driver/chaos.h"
#include "driver/death.h"
#include "driver/fleet.h"
#include "driver/guardian.h"
#include "driver/process.h"
#include "driver/readiness.h"

#include <ev.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIFE_STATE_TABLE(X)                                                                   \
    X(IDLE)     /* not started yet */                                                         \
    X(WAITING)  /* no process; timer: launch */                                               \
    X(STARTING) /* runs, is not ready; timer: given up */                                     \
    X(UP)       /* ready; timer: chaos */                                                     \
    X(DYING)    /* killed by chaos, not reaped; timer: SIGKILL */                             \
    X(STOPPING) /* told to stop, or given up, not reaped; timer: SIGKILL, then left behind */ \
    X(DONE)

#define LIFE_EVENT_TABLE(X)                                 \
    X(START)  /* the supervisor wants it */                 \
    X(READY)  /* its page says so */                        \
    X(FROZEN) /* it is stopped, for too long */             \
    X(TIMER)                                                \
    X(EXIT)  /* it was reaped */                            \
    X(STOP)  /* the supervisor wants it to end, in order */ \
    X(HURRY) /* the supervisor wants it to end, at once */

#define LIFE_STATE_ENUM(ident) LIFE_##ident,
enum life_state { LIFE_STATE_TABLE(LIFE_STATE_ENUM) LIFE_STATES };
#undef LIFE_STATE_ENUM
#define LIFE_EVENT_ENUM(ident) LIFE_##ident,
enum life_event { LIFE_EVENT_TABLE(LIFE_EVENT_ENUM) LIFE_EVENTS };
#undef LIFE_EVENT_ENUM

#define LIFE_LINE 512

/*
 * A component is started once in so long at most, whatever kills it: a crash loop must not burn the
 * machine that is measured.
 */
#define LIFE_STARTS_APART_NS NS_PER_S

/* What the lives of one run share; the supervisor's. */
struct life_shared {
    /* Called after each event that comes from a process: the supervisor looks at the whole. */
    void (*changed)(void *user);
    void *user;
    struct ev_loop *loop;
    const struct fleet *fleet;
    const int64_t *rows; /* run.db's ids of the components, beside the scenario's */
    struct run_writer *writer;
    struct guardian *guardian;
    const struct cap_groups *groups; /* NULL: none */
    const char *run_dir;
    struct chaos chaos;
    uint64_t ready_limit_ns, frozen_limit_ns, stop_limit_ns;
    bool running;      /* everything was ready and no stop was ordered: chaos kills and restarts */
    uint64_t begin_ns; /* no kill is planned from an earlier moment; 0: from each one's ready */
    uint64_t quiet_ns; /* no kill is ordered from then on */
    bool frozen;       /* no kill is ordered; what falls due meanwhile waits */
    bool unjudged;     /* no death is a breach any more */
    unsigned up, kills, restarts;
    /* The first breach: a death that nobody ordered, or a start that failed. */
    bool breached;
    size_t breach_index;
    enum reason breach_reason;
    char breach_line[LIFE_LINE];
};

struct life {
    struct life_shared *shared;
    const struct component *component;
    size_t index;
    enum life_state state;
    int number; /* of the latest incarnation, from 1; 0 before */
    struct process process;
    bool lives; /* process is valid */
    struct spawn_end end;
    uint64_t spawn_ns; /* of this incarnation; 0: there was none */
    uint64_t ready_ns; /* of this incarnation; 0: not yet */
    struct readiness readiness;
    struct spawn_request probe;
    char probe_log[PATH_MAX];
    uint64_t dead_ns; /* reaped, but something in its namespace lives on; 0: not so */
    enum order order;
    uint64_t ordered_ns;
    int ordered_signal;
    struct cap_report group; /* what its cgroup had counted when this incarnation began */
    bool forced;             /* SIGKILL was sent */
    uint64_t looked_ns;      /* whether it is stopped */
    int stopped_looks;       /* that found it so, one after another */
    int stop_signal;         /* by which it was, at the last of them */
    ev_io exit_watcher;
    ev_timer timer;
};

/* shared and component outlive it. */
void life_init(struct life *life, struct life_shared *shared, size_t index);

/* The next state, by the table. What the table does not name changes nothing. */
void life_dispatch(struct life *life, enum life_event event);

/*
 * Looks, besides the loop's events: sends READY if its page says so, and EXIT if it was told to end
 * and has.
 */
void life_poll(struct life *life);

/* Whether its process is about to become ready, or to be gone, which life_poll finds out. */
bool life_is_moving(const struct life *life);

/* The supervisor's word for a component that was ready before the run began. */
void life_plan_kill(struct life *life);

#endif
