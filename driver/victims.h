/*
 * Deaths in an evidence phase: chaos rests there, so a leak that only the death of a peer brings
 * about (per failed connect, per client that is gone at once) would leave nothing between two heap
 * profiles. While suspects are profiled their unstable peers are killed by SIGKILL and started
 * again, each every second or two: once before the first profile, so that its connection is of the
 * same age in both, and several times between the two.
 */
#ifndef FLATLINE_DRIVER_VICTIMS_H
#define FLATLINE_DRIVER_VICTIMS_H

#include "driver/inquest.h"
#include "driver/supervisor.h"
#include "driver/suspects.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VICTIMS_EACH 8 /* at most so many for a suspect: their starts cost its traffic */
#define VICTIMS_MAX (SUSPECTS_MAX * VICTIMS_EACH)

struct victim {
    size_t index;       /* of the component in the scenario */
    uint64_t up_ns;     /* since when it is seen up; 0: it is not */
    uint64_t killed_ns; /* 0: not yet */
    uint64_t tried_ns;  /* when it was last killed or started again */
};

struct victims {
    struct supervisor *supervisor;
    const struct scenario *scenario;
    const struct inquest *inquests;
    size_t inquest_count;
    struct victim items[VICTIMS_MAX];
    size_t count;
};

/*
 * Who is to die: the unstable peers of the inquests' components that may be killed by SIGKILL and
 * are not looked into themselves. Fills at most VICTIMS_MAX indices of the scenario, each once;
 * returns how many.
 */
size_t victims_choose(const struct scenario *scenario, const struct inquest *inquests, size_t count,
                      size_t *out);

/* After supervisor_calm. What is given outlives *v. */
void victims_begin(struct victims *v, struct supervisor *supervisor,
                   const struct scenario *scenario, const struct inquest *inquests, size_t count);

/* To be called often, but not while all rest: kills whose time has come, starts who is dead. */
void victims_step(struct victims *v, uint64_t now_ns);

/* Whether those that were killed are up and connected again, or are not to be waited for. */
bool victims_are_back(const struct victims *v, uint64_t now_ns);

#endif
