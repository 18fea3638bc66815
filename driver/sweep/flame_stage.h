/*
 * One pass of `driver flame`: a server (s1), an observer if one is wanted (o1: connected, a call
 * open, and told to rest), a client (c1) that sends the traffic and ends; recorded, measured, and
 * brought to an end in order.
 */
#ifndef FLATLINE_DRIVER_SWEEP_FLAME_STAGE_H
#define FLATLINE_DRIVER_SWEEP_FLAME_STAGE_H

#include "common/base/exit_status.h"
#include "driver/guardian.h"
#include "driver/preflight.h"
#include "driver/sweep/flame_impl.h"
#include "driver/sweep/flame_options.h"

#include <stdbool.h>
#include <stdint.h>

/* Whose stacks there are: identifier, file names, in words. */
#define FLAME_ROLE_TABLE(X)                                \
    X(CLIENT, "c1", "the client that sent the traffic")    \
    X(OBSERVER, "o1", "a client that was connected, idle") \
    X(SERVER, "s1", "the server")

#define FLAME_ROLE_ENUM(ident, name, text) FLAME_##ident,
enum flame_role { FLAME_ROLE_TABLE(FLAME_ROLE_ENUM) FLAME_ROLES };
#undef FLAME_ROLE_ENUM

const char *flame_role_name(enum flame_role role);
const char *flame_role_text(enum flame_role role);

struct flame_stage {
    const struct flame_options *options;
    const struct flame_impl *impl;
    const struct programs *programs;
    struct guardian *guardian;
    const char *dir; /* what is made goes there */
    bool heap;       /* jemalloc's profiler counts what is allocated; else perf records */
};

/* What a pass came to. */
struct flame_result {
    double wall_s, client_cpu_s; /* of the traffic, as the client says */
    double server_cpu_s;         /* meanwhile */
    uint64_t messages;
    uint64_t peak_rss[FLAME_ROLES]; /* bytes; 0: there was none */
    uint64_t samples[FLAME_ROLES];  /* of the processor */
    const char *call_graph;         /* of the server; NULL: not recorded */
};

/*
 * Leaves DIR/c1.folded and so on, or DIR/heap.c1.PID... as jemalloc writes them. Not STATUS_PASSED:
 * it was said why, unless it was the user.
 */
enum exit_status flame_stage_play(const struct flame_stage *stage, struct flame_result *result);

#endif
