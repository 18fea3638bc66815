#include "config.h"

#include "stress-client/options.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/options.h"
#include "common/base/units.h"
#include "common/child/allocator_version.h"
#include "proto/payload.h"
#include "stress-client/interop.h"
#include "stress-client/swarm.h"

#include <ev.h>
#include <inttypes.h>
#include <nghttp2/nghttp2.h>
#include <openssl/crypto.h>
#include <protobuf-c/protobuf-c.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_TIMEOUT_NS NS_PER_S
#define CASE_TIMEOUT_NS (30 * NS_PER_S)
#define REPLY_TIMEOUT_NS (5 * NS_PER_S)
#define SOAK_ITERATIONS 10
#define SOAK_LATENCY_NS NS_PER_S

#define CALLS_AT_ONCE_MAX 100

#define SERVICE_WORD(ident, name) " " name
#define CASE_WORD(name) " " #name

static bool set_leak(void *into, const struct option_spec *spec, const char *value, char *why,
                     size_t cap)
{
    struct options *options = into;

    (void)spec;
    if (options->leak.bytes != 0) {
        snprintf(why, cap, "only one leak can be planted");
        return false;
    }
    return leak_spec_parse(value, &options->leak, why, cap);
}

static bool set_healthy(void *into, const struct option_spec *spec, const char *value, char *why,
                        size_t cap)
{
    struct options *options = into;

    (void)spec;
    return healthy_spec_parse(value, &options->healthy, why, cap);
}

static bool set_report_to(void *into, const struct option_spec *spec, const char *value, char *why,
                          size_t cap)
{
    return !options_url_names_user(value, why, cap) &&
           options_set_text(into, spec, value, why, cap);
}

/* The option bears the encoding's name. */
static bool set_encoding(void *into, const struct option_spec *spec, const char *value, char *why,
                         size_t cap)
{
    struct options *options = into;
    int encoding = grpc_encoding_find(spec->name, strlen(spec->name));

    (void)value;
    if (options->encoding != GRPC_IDENTITY && (int)options->encoding != encoding) {
        snprintf(why, cap, "contradicts --%s", grpc_encoding_name(options->encoding));
        return false;
    }
    options->encoding = (enum grpc_encoding)encoding;
    return true;
}

static bool set_service(void *into, const struct option_spec *spec, const char *value, char *why,
                        size_t cap)
{
    static const char *const names[ROUTINE_SERVICES] = {
#define SERVICE_NAME(ident, name) [ROUTINE_##ident] = (name),
        ROUTINE_SERVICE_TABLE(SERVICE_NAME)
#undef SERVICE_NAME
    };
    struct options *options = into;

    (void)spec;
    for (int i = 0; i < ROUTINE_SERVICES; i++) {
        if (strcmp(value, names[i]) == 0) {
            options->service = (enum routine_service)i;
            return true;
        }
    }
    snprintf(why, cap, "'%s' is none of" ROUTINE_SERVICE_TABLE(SERVICE_WORD), value);
    return false;
}

static bool set_interop_case(void *into, const struct option_spec *spec, const char *value,
                             char *why, size_t cap)
{
    struct options *options = into;

    (void)spec;
    options->interop_case = value;
    if (interop_case_exists(value))
        return true;
    snprintf(why, cap, "'%s' is none of all" INTEROP_CASE_TABLE(CASE_WORD), value);
    return false;
}

static bool set_message_size(void *into, const struct option_spec *spec, const char *value,
                             char *why, size_t cap)
{
    return options_set_size_within(into, spec, value, 1, PAYLOAD_BODY_MOST, why, cap);
}

/* Most servers take no more than 100 streams. */
static bool set_calls_at_once(void *into, const struct option_spec *spec, const char *value,
                              char *why, size_t cap)
{
    struct options *options = into;

    (void)spec;
    if (units_parse_u64(value, &options->calls_at_once) && options->calls_at_once >= 1 &&
        options->calls_at_once <= CALLS_AT_ONCE_MAX)
        return true;
    snprintf(why, cap, "'%s' is not a number of calls from 1 to %d", value, CALLS_AT_ONCE_MAX);
    return false;
}

static bool parse_count(const char *value, uint64_t *count, char *why, size_t cap)
{
    if (units_parse_u64(value, count))
        return true;
    snprintf(why, cap, "'%s' is not a whole number (0: for ever)", value);
    return false;
}

static bool set_concurrent(void *into, const struct option_spec *spec, const char *value, char *why,
                           size_t cap)
{
    struct options *options = into;

    (void)spec, (void)value;
    return plan_set_concurrent(options->plan, why, cap);
}

static bool set_connections(void *into, const struct option_spec *spec, const char *value,
                            char *why, size_t cap)
{
    struct options *options = into;
    uint64_t count;

    (void)spec;
    return parse_count(value, &count, why, cap) &&
           plan_set_connections(options->plan, count, why, cap);
}

static bool set_calls(void *into, const struct option_spec *spec, const char *value, char *why,
                      size_t cap)
{
    struct options *options = into;
    uint64_t count;

    (void)spec;
    return parse_count(value, &count, why, cap) && plan_set_repeats(options->plan, count, why, cap);
}

static bool set_swarm(void *into, const struct option_spec *spec, const char *value, char *why,
                      size_t cap)
{
    struct options *options = into;

    (void)spec;
    if (units_parse_u64(value, &options->swarm.clients) && options->swarm.clients >= 1 &&
        options->swarm.clients <= SWARM_CLIENTS_MAX)
        return true;
    snprintf(why, cap, "'%s' is not a number of clients (1 to %" PRIu64 ")", value,
             SWARM_CLIENTS_MAX);
    return false;
}

/* "10", or "10:1000": of the first client and of the last. */
static bool set_swarm_messages(void *into, const struct option_spec *spec, const char *value,
                               char *why, size_t cap)
{
    struct options *options = into;
    struct swarm_options *swarm = &options->swarm;
    const char *colon = strchr(value, ':');
    char from[24];

    (void)spec;
    snprintf(from, sizeof from, "%.*s", (int)(colon != NULL ? colon - value : 23), value);
    if (units_parse_u64(from, &swarm->messages_from) &&
        units_parse_u64(colon != NULL ? colon + 1 : from, &swarm->messages_to) &&
        swarm->messages_from >= 1 && swarm->messages_to >= 1)
        return true;
    snprintf(why, cap, "'%s' is not FROM:TO, two numbers of messages from 1 up", value);
    return false;
}

static bool add_call(struct options *options, enum call_kind kind, const char *value, char *why,
                     size_t cap)
{
    uint64_t messages = 1;

    if (value != NULL && !parse_count(value, &messages, why, cap))
        return false;
    plan_add_call(options->plan, kind, messages);
    return true;
}

#define ADD_CALL(ident, name, path)                                                        \
    static bool add_##ident(void *into, const struct option_spec *spec, const char *value, \
                            char *why, size_t cap)                                         \
    {                                                                                      \
        (void)spec;                                                                        \
        return add_call(into, CALL_##ident, value, why, cap);                              \
    }
CALL_KIND_TABLE(ADD_CALL)
#undef ADD_CALL

#define MEMBER(name) offsetof(struct options, name)

static const struct option_spec specs[] = {
    {NULL, 0, NULL, "The server", NULL, 0},
    {"port", 'p', "PORT", "its port", options_set_port, MEMBER(port)},
    {"host", 0, "HOST", "its name or address (127.0.0.1)", options_set_text, MEMBER(host)},
    {"secure", 0, NULL, "TLS; chain and host name are checked", options_set_flag, MEMBER(secure)},
    {"cert-store-from-path", 0, "PATH", "trust this PEM file or hashed folder", options_set_text,
     MEMBER(store_path)},
    {"cert-store-from-system", 0, NULL, "trust the system's certificates", options_set_flag,
     MEMBER(system_store)},
    {"no-server-validation", 0, NULL, "accept any certificate", options_set_flag,
     MEMBER(no_validation)},
    {NULL, 0, NULL, "A group of calls (N 0: for ever)", NULL, 0},
    {"num-connections", 0, "N", "make N connections, one after another (1)", set_connections, 0},
    {"concurrent", 0, NULL, "or all at once", set_concurrent, 0},
    {"num-calls", 0, "N", "on each, make the calls that follow N times (1)", set_calls, 0},
    {"non-streaming", 0, NULL, "one message each way", add_NON_STREAMING, 0},
    {"client-streaming", 0, "N", "send N messages, get one", add_CLIENT_STREAMING, 0},
    {"server-streaming", 0, "N", "send one, get N", add_SERVER_STREAMING, 0},
    {"bidi-streaming", 0, "N", "send one, get one, N times", add_BIDI_STREAMING, 0},
    {NULL, 0, NULL, "The run", NULL, 0},
    {"service", 0, "NAME", "what to call:" ROUTINE_SERVICE_TABLE(SERVICE_WORD), set_service, 0},
    {"calls-at-once", 0, "N", "of each connection, under way together (1)", set_calls_at_once, 0},
    {"retry", 0, "N", "reconnect after a loss, N times in a row (0)", options_set_u64,
     MEMBER(retry)},
    {"json", 0, NULL, "print the summary as JSON", options_set_flag, MEMBER(json)},
    {"probe", 0, NULL, "no calls: exit 0 if it is SERVING, else 1", options_set_flag,
     MEMBER(probe)},
    {"message-size", 0, "BYTES", "of each Payload sent; takes any (128 to 256)", set_message_size,
     MEMBER(message_size)},
    {"verbose", 'v', NULL, "log more", options_set_flag, MEMBER(verbose)},
    {NULL, OPTIONS_FURTHER, NULL, "More of the run", NULL, 0},
    {"tls-resume", 0, NULL, "resume the last connection's TLS session", options_set_flag,
     MEMBER(tls_resume)},
    {"keepalive", 0, "TIME", "send it a PING so often (never)", options_set_period,
     MEMBER(keepalive_ns)},
    {"keepalive-timeout", 0, "T", "without an answer for T it is lost (20s)", options_set_period,
     MEMBER(keepalive_timeout_ns)},
    {"connect-timeout", 0, "T", "until a connection can be used (20s)", options_set_duration,
     MEMBER(connect_timeout_ns)},
    {"abortive-close", 0, NULL, "end connections by a reset", options_set_flag, MEMBER(abortive)},
    {"call-timeout", 0, "TIME", "deadline of each call (none)", options_set_period,
     MEMBER(call_timeout_ns)},
    {"cancel-after", 0, "N", "cancel each call after N replies", options_set_u64,
     MEMBER(cancel_after)},
    {"overrun", 0, NULL, "non-streaming: a request too many, to be refused", options_set_flag,
     MEMBER(overrun)},
    {"new-header", 0, NULL, "with each call a header of a value that was never sent before",
     options_set_flag, MEMBER(new_header)},
    {"gzip", 0, NULL, "compress, and insist on compressed replies", set_encoding, 0},
    {"deflate", 0, NULL, "the same with deflate", set_encoding, 0},
    {"timeout", 0, "TIME", "of the probe (1s), a case (30s), a reply to a swarm (5s)",
     options_set_duration, MEMBER(timeout_ns)},
    {NULL, 0, NULL, "A swarm, in place of groups: clients in turn, each a bidi-streaming call",
     NULL, 0},
    {"swarm", 0, "N", "clients 1 to N, one after another", set_swarm, 0},
    {"swarm-messages", 0, "FROM:TO", "of the first client and of the last; linear between (1:1)",
     set_swarm_messages, 0},
    {"swarm-rate", 0, "N", "begin at most N turns a second", options_set_u64, MEMBER(swarm.rate)},
    {"swarm-hold", 0, NULL, "connections stay open", options_set_flag, MEMBER(swarm.hold)},
    {"swarm-stay", 0, "TIME", "and idle so long, once all are there", options_set_duration,
     MEMBER(swarm.stay_ns)},
    {"swarm-together", 0, NULL, "all held with one message each; then all send at once",
     options_set_flag, MEMBER(swarm.together)},
    {"swarm-back", 0, NULL, "then back, from N to 1: each once more, and closed", options_set_flag,
     MEMBER(swarm.back)},
    {"swarm-csv", 0, "FILE", "a row for each turn", options_set_text, MEMBER(swarm.csv)},
    {NULL, 0, NULL, "Author of events, in place of groups (flatline.v1.Relay)", NULL, 0},
    {"publish", 0, "TOPIC", "publish events on it", options_set_text, MEMBER(relay.publish)},
    {"events", 0, "N", "so many in all", options_set_u64, MEMBER(relay.events)},
    {"authors", 0, "N", "by N connections at once, each one event after another (1)",
     options_set_u64, MEMBER(relay.authors)},
    {"event-size", 0, "SIZE", "bytes of each event's body (256)", options_set_size,
     MEMBER(relay.event_size)},
    {"connection-per-event", 0, NULL, "a connection for each event", options_set_flag,
     MEMBER(relay.connection_per_event)},
    {"publish-stream", 0, NULL, "each author's events in one stream, with one receipt",
     options_set_flag, MEMBER(relay.stream)},
    {"event-log", 0, "FILE", "a line for each event: author sequence sent_ns acked_ns status",
     options_set_text, MEMBER(relay.event_log)},
    {NULL, 0, NULL, "Subscriber of events, likewise", NULL, 0},
    {"subscribe", 0, "TOPIC", "get its events until SIGTERM", options_set_text,
     MEMBER(relay.subscribe)},
    {"subscribers", 0, "N", "by N connections, each with all of the events (1)", options_set_u64,
     MEMBER(relay.subscribers)},
    {"expect", 0, "N", "each is done after N events, and fails with less", options_set_u64,
     MEMBER(relay.expect)},
    {"idle-timeout", 0, "TIME", "end after so long without an event", options_set_duration,
     MEMBER(relay.idle_ns)},
    {"event-db", 0, "FILE", "a row for each event that came, SQLite", options_set_text,
     MEMBER(relay.event_db)},
    {NULL, 0, NULL, "Peers of a routine, likewise (docs/routines.md)", NULL, 0},
    {"routine", 0, "NAME", "a file, or peer: join rooms, send by schedule", options_set_text,
     MEMBER(peers.routine)},
    {"peers", 0, "N", "with a connection each (as the routine says)", options_set_u64,
     MEMBER(peers.peers)},
    {"room", 0, "TOPIC", "their room, or the stem of its names (likewise)", options_set_text,
     MEMBER(peers.room)},
    {"room-size", 0, "N", "peers in one room (likewise)", options_set_u64, MEMBER(peers.room_size)},
    {"start-jitter", 0, "T", "each begins up to so much later (likewise)", options_set_duration,
     MEMBER(peers.start_jitter_ns)},
    {"duration", 0, "TIME", "each sends what falls due in it (until SIGTERM)", options_set_period,
     MEMBER(peers.duration_ns)},
    {"peer", 0, "NAME", "ours; our peers stay the same when restarted", options_set_text,
     MEMBER(peers.name)},
    {"report-to", 0, "URL", "a results server: begins its test, is told all", set_report_to,
     MEMBER(peers.report_to)},
    {"test", 0, "ID", "which of its tests", options_set_text, MEMBER(peers.test)},
    {"report-token", 0, "FILE", "its token is in it", options_set_text, MEMBER(peers.token)},
    {"report-ca", 0, "FILE", "trust these certificates for it (the system's)", options_set_text,
     MEMBER(peers.ca)},
    {NULL, 0, NULL, "Against any grpc.testing.TestService", NULL, 0},
    {"interop-case", 0, "NAME", "an official case, or all; ? lists them", set_interop_case, 0},
    {"soak-iterations", 0, "N", "calls of rpc_soak and channel_soak (10)", options_set_u64,
     MEMBER(soak_iterations)},
    {"soak-max-latency", 0, "T", "a call that takes longer has failed (1s)", options_set_duration,
     MEMBER(soak_latency_ns)},
    {"soak-max-failures", 0, "N", "so many of them may fail (0)", options_set_u64,
     MEMBER(soak_failures)},
    {NULL, 0, NULL, "Beside", NULL, 0},
    {"telemetry-fd", 0, "N", "publish to the driver's page; retry for ever", options_set_fd,
     MEMBER(telemetry_fd)},
    {"profile-dir", 0, "DIR", "where heap profiles go that the driver asks for", options_set_text,
     MEMBER(profile_dir)},
    {"inject-leak", 0, "LEAK", "leak SHAPE:BYTES[/EVERY], such as call:1K", set_leak, 0},
    {"inject-healthy", 0, "SHAPE", "no leak: grow and settle, such as cache:1M/10", set_healthy, 0},
    {0},
};

static void print_version(FILE *out)
{
    fprintf(out, "stress-client %s (nghttp2 %s, OpenSSL %s, libev %d.%d, protobuf-c %s, %s)\n",
            VERSION, nghttp2_version(0)->version_str, OpenSSL_version(OPENSSL_VERSION_STRING),
            ev_version_major(), ev_version_minor(), protobuf_c_version(), ALLOCATOR_VERSION);
}

static const struct option_set set = {
    .program = "stress-client",
    .usage = "--port PORT [OPTION]... GROUP...",
    .summary = "A gRPC client of flatline.v1.Stress: runs groups of calls in order, checks every "
               "reply, prints a summary. A group: [--concurrent] [--num-connections N] "
               "[--num-calls N] CALL...; any of the three after a call begins the next group.",
    .specs = specs,
    .epilogue = "Exits 0 passed; 1 lost peer, wrong reply or certificate; 2 usage; 3 environment;\n"
                "130 interrupted; 251 heap overflow (with --telemetry-fd).\n"
                "  stress-client --port 50051 --non-streaming\n"
                "  stress-client --port 50052 --secure --server-streaming 500 --bidi-streaming 0\n"
                "  stress-client --port 50051 --routine peer --peers 100 --room-size 10\n",
    .print_version = print_version,
};

static void check_security(const struct options *o)
{
    bool store = o->system_store || o->store_path != NULL;

    if (!o->secure && store)
        options_exit_bad(&set, "--cert-store-from-... needs --secure");
    if (!o->secure && o->no_validation)
        options_exit_bad(&set, "--no-server-validation needs --secure");
    if (!o->secure && o->tls_resume)
        options_exit_bad(&set, "--tls-resume needs --secure");
    if (o->no_validation && store)
        options_exit_bad(&set, "--no-server-validation contradicts --cert-store-from-...");
}

static void check_keepalive(const struct options *o)
{
    if (o->keepalive_ns == 0 && o->keepalive_timeout_ns != 0)
        options_exit_bad(&set, "--keepalive-timeout needs --keepalive");
}

static void check_probe(const struct options *o)
{
    if (!o->probe && o->interop_case == NULL && o->swarm.clients == 0 && o->timeout_ns != 0)
        options_exit_bad(&set, "--timeout needs --probe, --interop-case or --swarm");
    if (o->probe && plan_group_count(o->plan) > 0)
        options_exit_bad(&set, "--probe takes no calls");
    if (o->probe && (o->encoding != GRPC_IDENTITY || o->service != ROUTINE_FLATLINE))
        options_exit_bad(&set, "--probe goes with none of --gzip, --deflate and --service");
    if (o->probe && (o->json || o->telemetry_fd >= 0 || o->retry != UINT64_MAX))
        options_exit_bad(&set, "--probe goes with none of --json, --retry and --telemetry-fd");
}

static void check_interop(const struct options *o)
{
    bool soak = o->soak_iterations != UINT64_MAX || o->soak_latency_ns != UINT64_MAX ||
                o->soak_failures != UINT64_MAX;

    if (o->interop_case == NULL) {
        if (soak)
            options_exit_bad(&set, "--soak-... needs --interop-case");
        return;
    }
    if (o->probe)
        options_exit_bad(&set, "--interop-case contradicts --probe");
    if (plan_group_count(o->plan) > 0)
        options_exit_bad(&set, "--interop-case takes no calls");
    if (o->json || o->telemetry_fd >= 0 || o->retry != UINT64_MAX || o->abortive || o->overrun ||
        o->cancel_after != 0 || o->new_header || o->message_size != 0 || o->leak.bytes != 0 ||
        o->healthy.bytes != 0 || o->service != ROUTINE_FLATLINE || o->encoding != GRPC_IDENTITY)
        options_exit_bad(&set, "--interop-case goes with no option of \"The run\" but --timeout");
    if (o->soak_iterations == 0)
        options_exit_bad(&set, "--soak-iterations: a soak without calls proves nothing");
}

static void check_swarm(const struct options *o)
{
    const struct swarm_options *s = &o->swarm;

    if (s->clients == 0) {
        if (s->messages_from != 0 || s->rate != 0 || s->stay_ns != 0 || s->hold || s->together ||
            s->back || s->csv != NULL)
            options_exit_bad(&set, "--swarm-... needs --swarm");
        return;
    }
    if (o->probe || o->interop_case != NULL || plan_group_count(o->plan) > 0)
        options_exit_bad(&set, "--swarm takes no calls, and neither --probe nor --interop-case");
    if (o->service != ROUTINE_FLATLINE || o->encoding != GRPC_IDENTITY || o->overrun ||
        o->cancel_after != 0 || o->abortive || o->retry != UINT64_MAX)
        options_exit_bad(&set, "--swarm goes with none of --service, --gzip, --deflate, --overrun, "
                               "--cancel-after, --abortive-close and --retry");
    if (s->stay_ns != 0 && !s->hold && !s->together)
        options_exit_bad(&set, "--swarm-stay needs --swarm-hold or --swarm-together");
}

static void check_relay(const struct options *o)
{
    const char *wrong = relay_options_check(&o->relay);

    if (wrong != NULL)
        options_exit_bad(&set, "%s", wrong);
    if (!relay_options_used(&o->relay))
        return;
    if (o->probe || o->interop_case != NULL || o->swarm.clients != 0 ||
        plan_group_count(o->plan) > 0)
        options_exit_bad(&set, "--publish and --subscribe take no calls, and none of --probe, "
                               "--interop-case and --swarm");
    if (o->service != ROUTINE_FLATLINE || o->encoding != GRPC_IDENTITY || o->overrun ||
        o->cancel_after != 0 || o->abortive || o->new_header || o->message_size != 0)
        options_exit_bad(&set, "--publish and --subscribe go with none of --service, --gzip, "
                               "--deflate, --overrun, --cancel-after, --abortive-close, "
                               "--new-header and --message-size");
}

static void check_peers(const struct options *o)
{
    const char *wrong = peer_options_check(&o->peers);

    if (wrong != NULL)
        options_exit_bad(&set, "%s", wrong);
    if (!peer_options_used(&o->peers))
        return;
    if (o->probe || o->interop_case != NULL || o->swarm.clients != 0 ||
        relay_options_used(&o->relay) || plan_group_count(o->plan) > 0)
        options_exit_bad(&set, "--routine takes no calls, and none of --probe, --interop-case, "
                               "--swarm, --publish and --subscribe");
    if (o->service != ROUTINE_FLATLINE || o->encoding != GRPC_IDENTITY || o->overrun ||
        o->cancel_after != 0 || o->abortive || o->new_header || o->message_size != 0)
        options_exit_bad(&set, "--routine goes with none of --service, --gzip, --deflate, "
                               "--overrun, --cancel-after, --abortive-close, --new-header and "
                               "--message-size");
}

static void check(const struct options *o)
{
    bool relay = relay_options_used(&o->relay), peers = peer_options_used(&o->peers);
    char why[256];

    if (o->port < 0)
        options_exit_bad(&set, "--port is missing");
    if (o->port == 0)
        options_exit_bad(&set, "--port: no server can be reached at port 0");
    check_security(o);
    check_keepalive(o);
    check_probe(o);
    check_interop(o);
    check_swarm(o);
    check_relay(o);
    check_peers(o);
    if (o->service != ROUTINE_FLATLINE && o->encoding != GRPC_IDENTITY)
        options_exit_bad(&set,
                         "--%s needs --service flatline: not every reply of the others can be "
                         "had compressed",
                         grpc_encoding_name(o->encoding));
    if (o->service != ROUTINE_FLATLINE &&
        (o->cancel_after != 0 || o->overrun || o->new_header || o->message_size != 0))
        options_exit_bad(&set, "--cancel-after, --overrun, --new-header and --message-size need "
                               "--service flatline");
    if (o->calls_at_once != 0 && plan_group_count(o->plan) == 0)
        options_exit_bad(&set, "--calls-at-once needs calls");
    if (o->call_timeout_ns != 0 &&
        (plan_group_count(o->plan) == 0 || o->service != ROUTINE_FLATLINE))
        options_exit_bad(&set, "--call-timeout needs calls of --service flatline");
    if (o->telemetry_fd >= 0 && o->retry != UINT64_MAX && !relay)
        options_exit_bad(&set, "--retry: with --telemetry-fd the client retries for ever");
    if (!o->probe && o->interop_case == NULL && o->swarm.clients == 0 && !relay && !peers &&
        !plan_check(o->plan, why, sizeof why))
        options_exit_bad(&set, "%s", why);
}

static void set_defaults(struct options *o)
{
    if (o->timeout_ns == 0)
        o->timeout_ns = o->probe                ? PROBE_TIMEOUT_NS
                        : o->swarm.clients != 0 ? REPLY_TIMEOUT_NS
                                                : CASE_TIMEOUT_NS;
    if (o->swarm.messages_from == 0)
        o->swarm.messages_from = o->swarm.messages_to = 1;
    relay_options_set_defaults(&o->relay);
    if (o->soak_iterations == UINT64_MAX)
        o->soak_iterations = SOAK_ITERATIONS;
    if (o->soak_latency_ns == UINT64_MAX)
        o->soak_latency_ns = SOAK_LATENCY_NS;
    if (o->soak_failures == UINT64_MAX)
        o->soak_failures = 0;
}

void options_read(struct options *options, int argc, char **argv)
{
    *options = (struct options){.host = "127.0.0.1",
                                .port = -1,
                                .retry = UINT64_MAX,
                                .telemetry_fd = -1,
                                .soak_iterations = UINT64_MAX,
                                .soak_latency_ns = UINT64_MAX,
                                .soak_failures = UINT64_MAX};
    relay_options_init(&options->relay);
    peer_options_init(&options->peers);
    options->plan = plan_new((size_t)argc);
    if (options->plan == NULL) {
        fputs("stress-client: no memory for the command line\n", stderr);
        exit(STATUS_ENVIRONMENT);
    }
    options_parse_or_exit(&set, argc, argv, options);
    check(options);
    set_defaults(options);
}
