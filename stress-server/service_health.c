#include "stress-server/service_health.h"

#include "proto/health.pb-c.h"
#include "stress-server/counted_protobuf.h"
#include "stress-server/service.h"

#include <string.h>

struct health_call {
    bool asked;
    bool known; /* the service asked for is ours */
};

/* The empty name asks for the server as a whole. */
static bool is_known(const char *service)
{
    return *service == '\0' || strcmp(service, "flatline.v1.Stress") == 0 ||
           strcmp(service, "grpc.health.v1.Health") == 0;
}

static int take_question(struct call *call, const uint8_t *data, size_t size)
{
    struct health_call *h = call_state(call);
    Grpc__Health__V1__HealthCheckRequest *request;

    if (h->asked) {
        call_finish(call, GRPC_UNIMPLEMENTED, "Check takes exactly one request");
        return GRPC_UNIMPLEMENTED;
    }
    request = grpc__health__v1__health_check_request__unpack(&counted_protobuf, size, data);
    if (request == NULL) {
        call_finish(call, GRPC_INTERNAL, "not a HealthCheckRequest");
        return GRPC_INTERNAL;
    }
    h->asked = true;
    h->known = is_known(request->service);
    grpc__health__v1__health_check_request__free_unpacked(request, &counted_protobuf);
    return 0;
}

static int answer(struct call *call)
{
    const struct health_call *h = call_state(call);
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    uint8_t packed[16];
    size_t size;

    if (!h->asked) {
        call_finish(call, GRPC_UNIMPLEMENTED, "Check takes exactly one request");
        return GRPC_UNIMPLEMENTED;
    }
    if (!h->known) {
        call_finish(call, GRPC_NOT_FOUND, "no such service");
        return GRPC_NOT_FOUND;
    }
    response.status = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    size = grpc__health__v1__health_check_response__pack(&response, packed);
    if (!call_send(call, packed, size))
        return GRPC_RESOURCE_EXHAUSTED;
    call_finish(call, GRPC_OK, NULL);
    return 0;
}

const struct call_ops health_check = {
    .state_size = sizeof(struct health_call),
    .on_whole = take_question,
    .on_half_close = answer,
    .on_done = service_done,
};
