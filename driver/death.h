/* Why a process died: a pure function of what is known of its end. */
#ifndef FLATLINE_DRIVER_DEATH_H
#define FLATLINE_DRIVER_DEATH_H

#include "common/contract/reason.h"
#include "driver/spawn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum order {
    ORDER_NONE,      /* the driver did not want this process to die */
    ORDER_CHAOS,     /* the plan's kill */
    ORDER_STOP,      /* the end of the run */
    ORDER_NOT_READY, /* given up: it did not become ready in time */
    ORDER_FROZEN,    /* given up: it is stopped, and nobody lets it go on */
};

struct death {
    enum order order;
    bool foreign;      /* somebody else's program: told to end, it may exit with 128 + SIGTERM */
    bool forced;       /* the driver's SIGKILL was among the orders */
    bool not_executed; /* obituary says why */
    struct spawn_end end;
    bool refused;        /* it said that an allocation was refused */
    int64_t data;        /* its last sampled `data`, bytes; 0: none */
    uint64_t heap_cap;   /* bytes */
    uint64_t group_cap;  /* of its cgroup, bytes; 0: it has none, and what follows is not known */
    int64_t group_kills; /* the kernel killed so many in it for want of memory; -1: not told */
    int64_t group_refusals; /* how often it was at its limit */
    const char *obituary;   /* its last words, or NULL */
};

enum reason death_reason(const struct death *death);

/*
 * The last words of one whose cgroup had not enough memory, "probably" if that is a guess; false:
 * it had, or chaos killed it first.
 */
bool death_tell_group(const struct death *death, char *out, size_t cap);

/* A finding: neither ordered nor the end of the run. */
bool death_is_breach(enum reason reason);

/*
 * One line: "heap overflow: 4096 bytes refused to app (exit status 251)", "exit status 3", "killed
 * by signal 9 (Killed)". Returns out.
 */
char *death_describe(const struct death *death, char *out, size_t cap);

#endif
