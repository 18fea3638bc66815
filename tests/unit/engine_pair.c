#include "tests/unit/engine_pair.h"

#include "common/base/clock.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY 1000
#define PATIENCE_S 120. /* a busy machine may stand still for seconds, more than once */
#define FEW_TURNS 20

/* A message of BODY bytes made in place, cut anywhere: byte i is i & 0xff. */
struct maker {
    uint64_t left;
    uint32_t at; /* of GRPC_PREFIX + BODY; 0: between messages */
};

static size_t make(struct maker *m, uint8_t *out, size_t cap)
{
    static const uint8_t prefix[GRPC_PREFIX] = {0, 0, 0, BODY >> 8, BODY & 0xff};
    size_t used = 0;

    while (used < cap && (m->at > 0 || m->left > 0)) {
        if (m->at == 0)
            m->left--;
        out[used++] = m->at < GRPC_PREFIX ? prefix[m->at] : (uint8_t)(m->at - GRPC_PREFIX);
        if (++m->at == GRPC_PREFIX + BODY)
            m->at = 0;
    }
    return used;
}

/* The metadata "x-echo..." comes back, leading and trailing. */
static void echo_metadata(struct call *call, const struct grpc_metadata *metadata, bool trailing)
{
    (void)trailing;
    if (strncmp(metadata->name, "x-echo", 6) == 0) {
        call_put_metadata(call, metadata, false);
        call_put_metadata(call, metadata, true);
    }
}

/* Compressed in, compressed out. */
static int echo_whole(struct call *call, const uint8_t *data, size_t size)
{
    if (!call_set_encoding(call, call_message_encoding(call)))
        return GRPC_INTERNAL;
    if (!call_send(call, data, size))
        return GRPC_RESOURCE_EXHAUSTED;
    call_finish(call, GRPC_OK, NULL);
    return 0;
}

static int stream_whole(struct call *call, const uint8_t *data, size_t size)
{
    struct maker *m = call_state(call);

    (void)data, (void)size;
    if (!call_set_encoding(call, call_message_encoding(call)))
        return GRPC_INTERNAL;
    m->left = UINT64_MAX;
    call_resume(call);
    return 0;
}

static size_t stream_produce(struct call *call, uint8_t *out, size_t cap)
{
    struct maker *m = call_state(call);

    if (m->at == 0)
        call_produce_plain(call, m->left % 2 == 0);
    return make(m, out, cap);
}

static int sink_half_close(struct call *call)
{
    if (!call_send(call, NULL, 0))
        return GRPC_RESOURCE_EXHAUSTED;
    call_finish(call, GRPC_OK, NULL);
    return 0;
}

static int fail_whole(struct call *call, const uint8_t *data, size_t size)
{
    (void)data, (void)size;
    call_finish(call, GRPC_FAILED_PRECONDITION, "no: 100% wrong");
    return 0;
}

static const struct call_ops echo = {.on_metadata = echo_metadata, .on_whole = echo_whole};
static const struct call_ops stream = {
    .state_size = sizeof(struct maker), .on_whole = stream_whole, .produce = stream_produce};
static const struct call_ops sink = {.on_half_close = sink_half_close};
static const struct call_ops fail = {.on_whole = fail_whole};
static const struct call_ops silent = {.state_size = 0};

static const struct method methods[] = {
    {PAIR_ECHO, &echo}, {PAIR_STREAM, &stream}, {PAIR_SINK, &sink},
    {PAIR_FAIL, &fail}, {PAIR_SILENT, &silent}, {NULL, NULL},
};

/* The client's side of every call. */
struct caller {
    struct pair_result *result;
    struct maker maker;
};

static int caller_data(struct call *call, const uint8_t *data, size_t size)
{
    struct caller *c = call_state(call);

    (void)data;
    c->result->bytes += size;
    return 0;
}

static void caller_metadata(struct call *call, const struct grpc_metadata *metadata, bool trailing)
{
    struct pair_result *result = ((struct caller *)call_state(call))->result;

    result->metadata[trailing]++;
    result->metadata_size = metadata->size;
    memcpy(result->metadata_value, metadata->value,
           metadata->size < sizeof result->metadata_value ? metadata->size
                                                          : sizeof result->metadata_value);
}

static int caller_message_end(struct call *call)
{
    struct pair_result *result = ((struct caller *)call_state(call))->result;

    result->compressed += call_message_compressed(call);
    result->reply_encoding = call_message_encoding(call);
    if (++result->messages == result->stop_at)
        call_cancel(call);
    return 0;
}

static size_t caller_produce(struct call *call, uint8_t *out, size_t cap)
{
    struct caller *c = call_state(call);
    size_t n = c->result == NULL ? 0 : make(&c->maker, out, cap);

    if (c->result != NULL && c->maker.left == 0 && c->maker.at == 0)
        call_half_close(call);
    return n;
}

static void caller_done(struct call *call, const struct grpc_status *status)
{
    struct pair_result *result = ((struct caller *)call_state(call))->result;

    result->done = true;
    result->ends++;
    result->code = status->code;
    snprintf(result->message, sizeof result->message, "%s", status->message);
}

static const struct call_ops caller = {
    .state_size = sizeof(struct caller),
    .on_metadata = caller_metadata,
    .on_data = caller_data,
    .on_message_end = caller_message_end,
    .produce = caller_produce,
    .on_done = caller_done,
};

struct call *pair_call(struct pair *p, const char *path, struct pair_result *result,
                       uint64_t timeout_ns)
{
    struct client_call_options options = {.timeout_ns = timeout_ns,
                                          .encoding = result->encoding,
                                          .metadata = result->send,
                                          .metadata_count = result->send != NULL};
    struct call *call = client_call(p->client, path, &caller, &options);
    struct caller *c;

    if (call == NULL)
        return NULL;
    c = call_state(call);
    c->result = result;
    c->maker.left = result->to_send;
    call_resume(call);
    return call;
}

static void on_ready(struct client *client, void *user)
{
    (void)client;
    ((struct pair *)user)->ready = ((struct pair *)user)->decided = true;
}

static void on_goaway(struct client *client, void *user)
{
    (void)client;
    ((struct pair *)user)->goaway = true;
}

static void on_end(struct client *client, void *user, enum client_end end, int detail,
                   const char *text)
{
    struct pair *p = user;

    (void)client, (void)text;
    p->client = NULL;
    p->ended = p->decided = true;
    p->end = end;
    p->end_detail = detail;
}

static const struct client_events events = {
    .on_ready = on_ready, .on_goaway = on_goaway, .on_end = on_end};

static bool open_tls(struct pair *p, const char *dir)
{
    char cert[512], key[512], error[256];
    struct tls_client_options options = {.store_path = cert};

    if (dir == NULL)
        return true;
    snprintf(cert, sizeof cert, "%s/cert.pem", dir);
    snprintf(key, sizeof key, "%s/key.pem", dir);
    p->server_tls = tls_server_new(cert, NULL, 0, key, error, sizeof error);
    p->client_tls = tls_client_new(&options, error, sizeof error);
    return p->server_tls != NULL && p->client_tls != NULL;
}

bool pair_open(struct pair *p)
{
    struct server_config config = {.host = "127.0.0.1", .methods = methods, .user = p};
    struct client_config client = {.host = "127.0.0.1"};
    char error[256];

    memset(p, 0, sizeof *p);
    p->loop = engine_loop_new();
    if (p->loop == NULL || !open_tls(p, getenv("FLATLINE_TEST_TLS_DIR")))
        return false;
    config.tls = p->server_tls;
    p->server = server_new(p->loop, &config, error, sizeof error);
    if (p->server == NULL)
        return false;
    client.port = server_port(p->server);
    client.tls = p->client_tls;
    p->target = client_target_new(&client, error, sizeof error);
    return p->target != NULL;
}

bool pair_connect(struct pair *p)
{
    p->ready = p->ended = p->decided = p->goaway = false;
    p->client = client_new(p->loop, p->target, &events, p);
    return p->client != NULL;
}

void pair_close(struct pair *p)
{
    if (p->client != NULL) {
        client_abort(p->client);
        pair_run(p, &p->ended);
    }
    server_free(p->server);
    client_target_free(p->target);
    tls_context_free(p->server_tls);
    tls_context_free(p->client_tls);
    engine_loop_free(p->loop);
}

static void on_tick(struct ev_loop *ev, ev_timer *w, int revents)
{
    (void)ev, (void)w, (void)revents;
}

/*
 * Runs the loop until done(p, arg) or for `seconds`. The tick is there because what the loop does
 * just before it sleeps does not wake it.
 */
static bool run_until(struct pair *p, bool (*done)(struct pair *p, const void *arg),
                      const void *arg, double seconds)
{
    struct ev_loop *ev = engine_loop_ev(p->loop);
    uint64_t deadline = clock_now_ns() + (uint64_t)(seconds * 1e9);
    int turns = 0;
    ev_timer tick;

    ev_timer_init(&tick, on_tick, 0.001, 0.001);
    ev_timer_start(ev, &tick);
    while (!done(p, arg) && (turns++ < FEW_TURNS || clock_now_ns() < deadline))
        ev_run(ev, EVRUN_ONCE);
    ev_timer_stop(ev, &tick);
    return done(p, arg);
}

static bool flag_set(struct pair *p, const void *arg)
{
    (void)p;
    return *(const bool *)arg;
}

bool pair_run(struct pair *p, const bool *flag)
{
    return run_until(p, flag_set, flag, PATIENCE_S);
}

void pair_run_for(struct pair *p, double seconds)
{
    bool never = false;

    run_until(p, flag_set, &never, seconds);
}

static bool no_connection(struct pair *p, const void *arg)
{
    (void)arg;
    return engine_loop_stats(p->loop)->connections == 0;
}

bool pair_settle(struct pair *p)
{
    return run_until(p, no_connection, NULL, PATIENCE_S);
}

int pair_set_up(void **state)
{
    static struct pair pair;

    *state = &pair;
    return pair_open(&pair) && pair_connect(&pair) && pair_run(&pair, &pair.ready) ? 0 : -1;
}

int pair_tear_down(void **state)
{
    pair_close(*state);
    return 0;
}
