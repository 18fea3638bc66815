/* grpc.health.v1.Health (proto/health.proto). call_user is a struct services. */
#ifndef FLATLINE_STRESS_SERVER_SERVICE_HEALTH_H
#define FLATLINE_STRESS_SERVER_SERVICE_HEALTH_H

#include "common/engine/grpc.h"

extern const struct call_ops health_check;
extern const struct call_ops health_watch;

/* Those who watch, and whether we serve: all zero at first. */
struct health_watch;
struct health {
    struct health_watch *watchers;
    bool draining;
};

/* From now on nothing is served: every watcher is told. */
void health_drain(struct health *health);

#endif
