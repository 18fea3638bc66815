/* What the server serves: one file per service, one row per method. */
#ifndef FLATLINE_STRESS_SERVER_SERVICES_H
#define FLATLINE_STRESS_SERVER_SERVICES_H

#include "common/base/rng.h"
#include "common/engine/server.h"
#include "stress-server/broker.h"
#include "stress-server/pause.h"
#include "stress-server/service_health.h"

/* What all calls share: server_config.user. */
struct services {
    struct rng seeds; /* one draw per call, so that no two calls send the same bytes */
    struct ev_loop *ev;
    struct health health;
    struct pause pause;
    struct relay_port *relay;
    uint32_t message_size; /* body bytes of each Payload of a reply, and requests of any size; 0:
                              128 to 256 both ways */
    struct broker *broker; /* of all loops */
};

/* Ends with a NULL path. */
extern const struct method services_methods[];

#define SERVICES_MAX 16
#define SERVICES_NAME 64

/* The names of all services ("package.Service"), each once; returns how many. */
size_t services_list(char names[SERVICES_MAX][SERVICES_NAME]);

/* Whether a service of that name ("package.Service") has a method here. */
bool services_have(const char *name);

#endif
