/*
 * Checkpoints: looks at every process at rest. Evenly spaced over the run (checkpoint_plan.h), each
 * in three steps: chaos is frozen, and restarts under way are awaited; everybody is told to send
 * nothing, and has fallen quiet when its counters stand still; its page and /proc are read, and
 * traffic goes on. At most pause_ns passes without traffic: who is not at rest by then
 * gets an invalid reading that says why. A checkpoint is never a reason for a run to fail.
 *
 * When the clients have ended there is one more, of the servers that then have no connection and of
 * the last words of the clients.
 */
#ifndef FLATLINE_DRIVER_CHECKPOINT_H
#define FLATLINE_DRIVER_CHECKPOINT_H

#include "common/run/writer.h"
#include "driver/checkpoint_plan.h"
#include "driver/supervisor.h"

#include <ev.h>
#include <stdint.h>

#define CHECKPOINT_PAUSE_NS (700 * NS_PER_MS) /* of a real run */
#define CHECKPOINT_HOLD_NS (500 * NS_PER_MS)  /* of one whose traffic crosses hosts */

struct checkpoints;

struct checkpoint_settings {
    struct supervisor *supervisor;
    const struct scenario *scenario;
    const int64_t *rows; /* run.db's ids of the components, beside the scenario's */
    struct run_writer *writer;
    struct checkpoint_plan plan;
    uint64_t pause_ns; /* the longest */
    /*
     * Others of the run pause elsewhere at the same moments, and go on so long after: that is kept
     * to, whoever is up, for what they send must rest here, too. 0: there are none.
     */
    uint64_t hold_ns;
};

/* settings are copied; what they point to and the loop outlive it. NULL: out of memory. */
struct checkpoints *checkpoints_new(struct ev_loop *loop,
                                    const struct checkpoint_settings *settings);
void checkpoints_free(struct checkpoints *c);

/* The run began at now_ns. */
void checkpoints_begin(struct checkpoints *c, uint64_t now_ns);

/* Traffic ends: no look any more, whoever was told to send nothing may go on. */
void checkpoints_end(struct checkpoints *c);

/*
 * The clients are gone: takes the last look, then lets the servers be stopped
 * (supervisor_stop_servers), at once if no checkpoint is wanted.
 */
void checkpoints_close(struct checkpoints *c);

#endif
