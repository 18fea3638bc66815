/*
 * Whether a program that has no telemetry page can be worked with: asked again and again, without
 * waiting.
 */
#ifndef FLATLINE_DRIVER_READINESS_H
#define FLATLINE_DRIVER_READINESS_H

#include "driver/scenario.h"
#include "driver/spawn.h"

#include <netinet/in.h>

struct readiness {
    enum ready by;
    struct sockaddr_in address;
    int fd;                            /* a connection under way, or -1 */
    const struct spawn_request *probe; /* stress-client --probe; its log takes what it says */
    struct spawned child;
    bool probing;     /* child runs */
    uint64_t next_ns; /* no probe before */
};

/* probe is for READY_HEALTH only, and outlives it. */
void readiness_begin(struct readiness *r, const struct component *component,
                     const struct spawn_request *probe);

/* True once it is ready; to be called every few ms. */
bool readiness_look(struct readiness *r, uint64_t now_ns);

/* Lets go of what is under way; may be called at any time, again too. */
void readiness_end(struct readiness *r);

#endif
