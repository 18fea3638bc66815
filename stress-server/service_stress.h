/* flatline.v1.Stress (proto/flatline.proto). call_user is a struct services. */
#ifndef FLATLINE_STRESS_SERVER_SERVICE_STRESS_H
#define FLATLINE_STRESS_SERVER_SERVICE_STRESS_H

#include "common/engine/grpc.h"

extern const struct call_ops stress_non_streaming;
extern const struct call_ops stress_client_streaming;
extern const struct call_ops stress_server_streaming;
extern const struct call_ops stress_bidi_streaming;

#endif
