#include "stress-client/probe.h"

#include "proto/health.pb-c.h"

#include <ev.h>
#include <stdio.h>

#define CHECK_PATH "/grpc.health.v1.Health/Check"

struct probe {
    struct engine_loop *loop;
    struct client *client; /* NULL once it ended */
    char *why;
    size_t cap;
    bool answered; /* why or serving is set */
    bool serving;
};

static void answer(struct probe *probe, bool serving, const char *why)
{
    if (probe->answered)
        return;
    probe->answered = true;
    probe->serving = serving;
    snprintf(probe->why, probe->cap, "%s", why);
}

static int on_reply(struct call *call, const uint8_t *data, size_t size)
{
    struct probe *probe = call_user(call);
    Grpc__Health__V1__HealthCheckResponse *reply =
        grpc__health__v1__health_check_response__unpack(NULL, size, data);
    const ProtobufCEnumValue *status;
    char why[64];

    if (reply == NULL) {
        answer(probe, false, "the health reply is no HealthCheckResponse");
        return GRPC_INTERNAL;
    }
    status = protobuf_c_enum_descriptor_get_value(
        &grpc__health__v1__health_check_response__serving_status__descriptor, (int)reply->status);
    snprintf(why, sizeof why, "health is %s", status != NULL ? status->name : "unknown");
    answer(probe, reply->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING,
           why);
    grpc__health__v1__health_check_response__free_unpacked(reply, NULL);
    return 0;
}

static void on_done(struct call *call, const struct grpc_status *status)
{
    struct probe *probe = call_user(call);
    char why[GRPC_MESSAGE_TEXT + 64];

    /* A lost connection tells its own story in on_end. */
    if (status->code == GRPC_UNAVAILABLE)
        return;
    if (status->code == GRPC_OK)
        snprintf(why, sizeof why, "the health check was answered without a reply");
    else
        snprintf(why, sizeof why, "health check: status %d %s: %s", status->code,
                 grpc_code_name(status->code), status->message);
    answer(probe, false, why);
    client_close(probe->client);
}

static const struct call_ops check = {.on_whole = on_reply, .on_done = on_done};

static void on_ready(struct client *client, void *user)
{
    struct probe *probe = user;
    struct call *call = client_call(client, CHECK_PATH, &check, NULL);

    /* The empty request asks for the server as a whole. */
    if (call != NULL && call_send(call, "", 0)) {
        call_half_close(call);
        return;
    }
    answer(probe, false, "no memory for the health check");
    client_abort(client);
}

static void on_end(struct client *client, void *user, enum client_end end, int detail,
                   const char *text)
{
    struct probe *probe = user;

    (void)client, (void)end, (void)detail;
    probe->client = NULL;
    answer(probe, false, text);
    ev_break(engine_loop_ev(probe->loop), EVBREAK_ALL);
}

static const struct client_events events = {.on_ready = on_ready, .on_end = on_end};

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct probe *probe = timer->data;

    (void)loop, (void)revents;
    answer(probe, false, "no answer in time");
    client_abort(probe->client);
}

bool probe_run(struct engine_loop *loop, struct client_target *target, uint64_t timeout_ns,
               char *why, size_t cap)
{
    struct probe probe = {.loop = loop, .why = why, .cap = cap};
    ev_timer timeout;

    probe.client = client_new(loop, target, &events, &probe);
    if (probe.client == NULL) {
        snprintf(why, cap, "no memory or descriptor for a connection");
        return false;
    }
    ev_timer_init(&timeout, on_timeout, (double)timeout_ns / 1e9, 0.);
    timeout.data = &probe;
    ev_timer_start(engine_loop_ev(loop), &timeout);
    ev_run(engine_loop_ev(loop), 0);
    ev_timer_stop(engine_loop_ev(loop), &timeout);
    return probe.serving;
}
