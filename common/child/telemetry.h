/*
 * What a child of the driver tells it: the telemetry page, published every 100 ms from the child's
 * own loop, and the policy for a refused allocation. Every function takes NULL, the telemetry of a
 * run by hand, and does nothing then, so the programs need no second path.
 */
#ifndef FLATLINE_CHILD_TELEMETRY_H
#define FLATLINE_CHILD_TELEMETRY_H

#include "common/contract/page.h"
#include "common/engine/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct telemetry;

struct telemetry_hooks {
    /*
     * Called at each publication, after the engine's, the allocator's and jemalloc's metrics were
     * set: the program adds what only it knows (RECONNECTS, LOSSES, ERRORS, the histograms). May be
     * NULL.
     */
    void (*fill)(void *user, struct page_snapshot *snapshot);
    /*
     * Carries out a command other than PUBLISH and those of the profiler, which are handled here;
     * *result is acknowledged when it returns true. False: not done yet, it is asked again on the
     * loop's next turn. NULL: UNSUPPORTED.
     */
    bool (*command)(void *user, enum page_command_op op, uint64_t argument,
                    enum page_command_result *result);
    /*
     * Of a program with several loops: sets *sum to what they did together. Called by whichever
     * thread is refused an allocation, too. NULL: the counters of the telemetry's own loop.
     */
    void (*traffic)(void *user, struct engine_stats *sum);
};

/*
 * Attaches the page at fd (--telemetry-fd) and installs the policy of a child: a refused allocation
 * leaves an obituary and ends the process with exit 251. Call it right after mem_install and the
 * options. NULL: *error holds one line. fd stays open, close-on-exec.
 */
struct telemetry *telemetry_new(int fd, char *error, size_t cap);

/* Where heap profiles are written (--profile-dir); not copied. NULL, the default: nowhere. */
void telemetry_set_profile_dir(struct telemetry *telemetry, const char *dir);

/* Stops the timer and unmaps the page; its last values stay readable. Before engine_loop_free. */
void telemetry_free(struct telemetry *telemetry);

/*
 * Publishes for the first time (state STARTING) and from then on every PAGE_PUBLISH_NS. hooks and
 * user outlive the telemetry. Neither watcher keeps the loop alive.
 */
void telemetry_start(struct telemetry *telemetry, struct engine_loop *loop,
                     const struct telemetry_hooks *hooks, void *user);

/* Changes the published state, at once. The first READY stamps ready_ns. After telemetry_start. */
void telemetry_set_state(struct telemetry *telemetry, enum page_state state);

/* Leaves the last words of a process that is about to die. Async-signal-safe. */
void telemetry_put_obituary(struct telemetry *telemetry, const char *text);

/* Publishes now. */
void telemetry_publish(struct telemetry *telemetry);

/* Puts an event into the page's ring, see page_put_event. */
void telemetry_event(struct telemetry *telemetry, enum page_event_kind kind, uint32_t connection,
                     int32_t detail);

#endif
