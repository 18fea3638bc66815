/* What the server serves: one file per service, one row per method. */
#ifndef FLATLINE_STRESS_SERVER_SERVICES_H
#define FLATLINE_STRESS_SERVER_SERVICES_H

#include "common/base/rng.h"
#include "common/child/leak.h"
#include "common/engine/server.h"

/* What all calls share: server_config.user. */
struct services {
    struct rng seeds;  /* one draw per call, so that no two calls send the same bytes */
    struct leak *leak; /* NULL: none planted */
    struct ev_loop *ev;
};

/* Ends with a NULL path. */
extern const struct method services_methods[];

#endif
