#include "config.h"

#include "stress-server/options.h"

#include "common/base/clock.h"
#include "common/base/options.h"
#include "common/child/allocator_version.h"
#include "proto/payload.h"

#include <arpa/inet.h>
#include <ev.h>
#include <nghttp2/nghttp2.h>
#include <openssl/crypto.h>
#include <protobuf-c/protobuf-c.h>
#include <string.h>

#define RELAY_QUEUE 1024

static bool add_chain(void *into, const struct option_spec *spec, const char *value, char *why,
                      size_t cap)
{
    struct options *options = into;

    (void)spec;
    if (options->tls_chain_count == OPTIONS_CHAIN_FILES) {
        snprintf(why, cap, "more than %d files", OPTIONS_CHAIN_FILES);
        return false;
    }
    options->tls_chain[options->tls_chain_count++] = value;
    return true;
}

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

#define POLICY_WORD(ident, name) " " name

static bool set_policy(void *into, const struct option_spec *spec, const char *value, char *why,
                       size_t cap)
{
    static const char *const names[RELAY_POLICIES] = {
#define POLICY_NAME(ident, name) [RELAY_##ident] = (name),
        RELAY_POLICY_TABLE(POLICY_NAME)
#undef POLICY_NAME
    };
    struct options *options = into;

    (void)spec;
    for (int i = 0; i < RELAY_POLICIES; i++) {
        if (strcmp(value, names[i]) == 0) {
            options->relay.policy = (enum relay_policy)i;
            return true;
        }
    }
    snprintf(why, cap, "'%s' is none of" RELAY_POLICY_TABLE(POLICY_WORD), value);
    return false;
}

static bool set_message_size(void *into, const struct option_spec *spec, const char *value,
                             char *why, size_t cap)
{
    return options_set_size_within(into, spec, value, 1, PAYLOAD_BODY_MOST, why, cap);
}

static bool set_address(void *into, const struct option_spec *spec, const char *value, char *why,
                        size_t cap)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, value, bytes) == 1 || inet_pton(AF_INET6, value, bytes) == 1)
        return options_set_text(into, spec, value, why, cap);
    snprintf(why, cap, "'%s' is no IP address", value);
    return false;
}

#define MEMBER(name) offsetof(struct options, name)

static const struct option_spec specs[] = {
    {"port", 'p', "PORT", "listen there; 0 picks a port and prints it", options_set_port,
     MEMBER(port)},
    {"host", 0, "HOST", "address to listen on (127.0.0.1)", options_set_text, MEMBER(host)},
    {"secure", 0, NULL, "TLS 1.2 and up; makes a certificate if need be", options_set_flag,
     MEMBER(secure)},
    {"tls-pub", 0, "CERT", "certificate, PEM", options_set_text, MEMBER(tls_pub)},
    {"tls-priv", 0, "KEY", "private key, PEM", options_set_text, MEMBER(tls_priv)},
    {"threads", 0, "N", "event loops, each on a thread of its own (1)", options_set_threads,
     MEMBER(threads)},
    {"make-cert", 0, "DIR", "make cert.pem, key.pem for localhost; exit", options_set_text,
     MEMBER(make_cert)},
    {"cert-address", 0, "IP", "with --make-cert: for that address, too", set_address,
     MEMBER(cert_address)},
    {"verbose", 'v', NULL, "log more", options_set_flag, MEMBER(verbose)},
    {NULL, OPTIONS_FURTHER, NULL, "More of the server", NULL, 0},
    {"tls-cert", 0, "CHAIN", "further certificate of its chain, PEM; repeatable", add_chain, 0},
    {"drain", 0, "TIME", "on SIGTERM, let calls finish for so long (500ms)", options_set_duration,
     MEMBER(drain_ns)},
    {"keepalive", 0, "TIME", "send each client a PING so often (never)", options_set_period,
     MEMBER(keepalive_ns)},
    {"keepalive-timeout", 0, "T", "without an answer for T it is given up (20s)",
     options_set_period, MEMBER(keepalive_timeout_ns)},
    {"permit-keepalive", 0, "T", "clients may PING so often with no reply due (5m)",
     options_set_period, MEMBER(permit_keepalive_ns)},
    {"max-connections", 0, "N", "refuse more at a time than N, by RST (no limit)", options_set_u64,
     MEMBER(max_connections)},
    {"relay-queue", 0, "N", "events that a subscriber may be behind (1024)", options_set_u64,
     MEMBER(relay.queue)},
    {"slow-subscriber", 0, "WHAT",
     "what befalls one that is:" RELAY_POLICY_TABLE(POLICY_WORD) " (drop-oldest)", set_policy, 0},
    {"message-size", 0, "BYTES", "of each Payload sent; takes any (128 to 256)", set_message_size,
     MEMBER(message_size)},
    {"event-db", 0, "FILE", "of the relay: a row for each event that it takes, SQLite",
     options_set_text, MEMBER(event_db)},
    {"seccomp", 0, NULL, "serving, die of any system call that serving does not take",
     options_set_flag, MEMBER(seccomp)},
    {NULL, 0, NULL, "As a child of the driver", NULL, 0},
    {"telemetry-fd", 0, "N", "publish to the driver's page at this descriptor", options_set_fd,
     MEMBER(telemetry_fd)},
    {"profile-dir", 0, "DIR", "where heap profiles go that the driver asks for", options_set_text,
     MEMBER(profile_dir)},
    {"inject-leak", 0, "LEAK", "leak SHAPE:BYTES[/EVERY], such as call:1K", set_leak, 0},
    {"inject-healthy", 0, "SHAPE", "no leak: grow and settle, such as cache:1M/10", set_healthy, 0},
    {0},
};

static void print_version(FILE *out)
{
    fprintf(out, "stress-server %s (nghttp2 %s, OpenSSL %s, libev %d.%d, protobuf-c %s, %s)\n",
            VERSION, nghttp2_version(0)->version_str, OpenSSL_version(OPENSSL_VERSION_STRING),
            ev_version_major(), ev_version_minor(), protobuf_c_version(), ALLOCATOR_VERSION);
}

static const struct option_set set = {
    .program = "stress-server",
    .usage = "--port PORT [--secure] [OPTION]...",
    .summary = "A gRPC server that keeps its memory flat: flatline.v1.Stress, "
               "flatline.v1.Relay (a broker of events) and grpc.health.v1.Health.",
    .specs = specs,
    .epilogue = "Exits 0 after SIGTERM or SIGINT; 2 bad usage; 3 busy port, bad certificate,\n"
                "full disk.\n"
                "  stress-server --port 50051\n"
                "  stress-server --port 50052 --secure --tls-pub cert.pem --tls-priv key.pem\n",
    .print_version = print_version,
};

static void check(const struct options *o)
{
    bool files = o->tls_pub != NULL || o->tls_priv != NULL || o->tls_chain_count > 0;

    if (o->cert_address != NULL && o->make_cert == NULL)
        options_exit_bad(&set, "--cert-address needs --make-cert");
    if (o->make_cert != NULL)
        return;
    if (o->port < 0)
        options_exit_bad(&set, "--port is missing");
    if (o->relay.queue == 0)
        options_exit_bad(&set, "--relay-queue: a queue has room for 1 event or more");
    if (o->keepalive_timeout_ns != 0 && o->keepalive_ns == 0)
        options_exit_bad(&set, "--keepalive-timeout needs --keepalive");
    if (files && !o->secure)
        options_exit_bad(&set, "--tls-pub, --tls-cert and --tls-priv need --secure");
    if (files && (o->tls_pub == NULL || o->tls_priv == NULL))
        options_exit_bad(&set, "--tls-pub and --tls-priv go together");
}

void options_read(struct options *options, int argc, char **argv)
{
    *options = (struct options){.host = "127.0.0.1",
                                .port = -1,
                                .threads = 1,
                                .drain_ns = 500 * NS_PER_MS,
                                .relay.queue = RELAY_QUEUE,
                                .telemetry_fd = -1};
    options_parse_or_exit(&set, argc, argv, options);
    check(options);
}
