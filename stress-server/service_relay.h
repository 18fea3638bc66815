/* flatline.v1.Relay: a broker of events. What is done for slow subscribers is said in relay.h. */
#ifndef FLATLINE_STRESS_SERVER_SERVICE_RELAY_H
#define FLATLINE_STRESS_SERVER_SERVICE_RELAY_H

#include "common/engine/grpc.h"

extern const struct call_ops relay_publish_one, relay_publish_stream, relay_subscribe_call;

#endif
