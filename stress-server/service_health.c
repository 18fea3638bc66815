#include "stress-server/service_health.h"

#include "proto/health.pb-c.h"
#include "stress-server/counted_protobuf.h"
#include "stress-server/service.h"
#include "stress-server/services.h"

typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus serving_status;

#define UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN
#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING

/* The state of either method. */
struct health_watch {
    struct call *call;
    struct health_watch *next, *prev; /* watchers, once asked */
    bool asked;
    bool known; /* the service asked for is ours */
};

static struct health *health_of(struct call *call)
{
    struct services *services = call_user(call);

    return &services->health;
}

static int take_question(struct call *call, const uint8_t *data, size_t size)
{
    struct health_watch *w = call_state(call);
    Grpc__Health__V1__HealthCheckRequest *request;

    if (w->asked)
        return service_refuse_count(call);
    request = grpc__health__v1__health_check_request__unpack(&counted_protobuf, size, data);
    if (request == NULL)
        return service_refuse_garbled(call);
    w->asked = true;
    /* The empty name asks for the server as a whole. */
    w->known = *request->service == '\0' || services_have(request->service);
    grpc__health__v1__health_check_request__free_unpacked(request, &counted_protobuf);
    return 0;
}

static serving_status status_of(struct call *call)
{
    const struct health_watch *w = call_state(call);

    if (!w->known)
        return UNKNOWN;
    return health_of(call)->draining ? NOT_SERVING : SERVING;
}

static bool send_status(struct call *call)
{
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    uint8_t packed[16];

    response.status = status_of(call);
    return call_send(call, packed,
                     grpc__health__v1__health_check_response__pack(&response, packed));
}

static int answer(struct call *call)
{
    const struct health_watch *w = call_state(call);

    if (!w->asked)
        return service_refuse_count(call);
    if (!w->known)
        return service_refuse(call, GRPC_NOT_FOUND, "no such service");
    if (!send_status(call))
        return GRPC_RESOURCE_EXHAUSTED;
    call_finish(call, GRPC_OK, NULL);
    return 0;
}

/* The status now, and each change of it until the client goes. Unknown services are watched, too.
 */
static int watch(struct call *call)
{
    struct health *health = health_of(call);
    struct health_watch *w = call_state(call);

    if (!w->asked)
        return service_refuse_count(call);
    w->call = call;
    w->next = health->watchers;
    if (w->next != NULL)
        w->next->prev = w;
    health->watchers = w;
    return send_status(call) ? 0 : GRPC_RESOURCE_EXHAUSTED;
}

static void unwatch(struct call *call, const struct grpc_status *status)
{
    struct health_watch *w = call_state(call);

    (void)status;
    if (w->next != NULL)
        w->next->prev = w->prev;
    if (w->prev != NULL)
        w->prev->next = w->next;
    else if (w->call != NULL)
        health_of(call)->watchers = w->next;
}

/* A status that cannot be sent ends the watch, so that nobody trusts the last one. */
void health_drain(struct health *health)
{
    health->draining = true;
    for (struct health_watch *w = health->watchers; w != NULL; w = w->next) {
        if (w->known && !send_status(w->call))
            call_finish(w->call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
    }
}

const struct call_ops health_check = {
    .state_size = sizeof(struct health_watch),
    .on_whole = take_question,
    .on_half_close = answer,
};

const struct call_ops health_watch = {
    .state_size = sizeof(struct health_watch),
    .on_whole = take_question,
    .on_half_close = watch,
    .on_done = unwatch,
};
