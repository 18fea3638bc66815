/* grpc.health.v1.Health (proto/health.proto), Check. call_user is a struct services. */
#ifndef FLATLINE_STRESS_SERVER_SERVICE_HEALTH_H
#define FLATLINE_STRESS_SERVER_SERVICE_HEALTH_H

#include "common/engine/grpc.h"

extern const struct call_ops health_check;

#endif
