/* What the methods of all services do alike. call_user is a struct services. */
#ifndef FLATLINE_STRESS_SERVER_SERVICE_H
#define FLATLINE_STRESS_SERVER_SERVICE_H

#include "common/engine/grpc.h"

/* Ends the call with a status that says why; returns the code, for a callback to return. */
int service_refuse(struct call *call, int code, const char *why);

/* A wrong number of requests: github.com/grpc/grpc/blob/master/doc/statuscodes.md */
int service_refuse_count(struct call *call);

/* What cannot be parsed is INTERNAL, says the same page; what can be and is not ours is the
 * caller's mistake. */
int service_refuse_garbled(struct call *call);

#endif
