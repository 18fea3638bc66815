/* What the routines of the services have in common. */
#ifndef FLATLINE_CLIENT_ROUTINE_INTERNAL_H
#define FLATLINE_CLIENT_ROUTINE_INTERNAL_H

#include "stress-client/routine.h"

/* RFC 9113, 6.9.2: what may be sent on a connection before the peer has said anything. */
#define HTTP2_FIRST_WINDOW 65535

#define FOR_EVER UINT64_MAX
#define ROUTINE_TEXT (GRPC_MESSAGE_TEXT + 128)

/* Fills fate, error and text for a status other than OK. */
void routine_judge_status(enum call_kind kind, const struct grpc_status *status,
                          struct routine_end *end, char text[ROUTINE_TEXT]);

/* A routine of grpc.testing's services; as routine_start. */
struct call *routine_testing_start(struct client *client, const struct plan_call *plan,
                                   struct routine_host *host);

#endif
