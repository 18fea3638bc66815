#include "config.h"

#include "results-server/options.h"

#include "common/base/clock.h"
#include "common/base/options.h"
#include "results-server/http.h"
#include "results-server/verbs.h"

#include <jansson.h>
#include <microhttpd.h>
#include <sqlite3.h>
#include <stddef.h>

#define LISTEN "127.0.0.1:9904"
#define HOST_TIMEOUT_NS (10 * NS_PER_S)
#define BODY_LEAST 1024
#define BODY_MOST (UINT64_C(1) << 30)

static bool set_max_body(void *into, const struct option_spec *spec, const char *value, char *why,
                         size_t cap)
{
    return options_set_size_within(into, spec, value, BODY_LEAST, BODY_MOST, why, cap);
}

#define MEMBER(name) offsetof(struct options, name)

static const struct option_spec specs[] = {
    {"store", 's', "DIR", "keep everything there; makes it if need be", options_set_text,
     MEMBER(store)},
    {"listen", 'l', "HOST:PORT", "(" LISTEN "); port 0 picks one and prints it", options_set_text,
     MEMBER(listen)},
    {"token", 0, "FILE", "demand this token (first line); must be if others can connect",
     options_set_text, MEMBER(token)},
    {"tls-cert", 0, "FILE", "certificate and its chain, PEM", options_set_text, MEMBER(tls_cert)},
    {"tls-key", 0, "FILE", "its private key, PEM", options_set_text, MEMBER(tls_key)},
    {"host-timeout", 0, "TIME", "a host that is not heard for so long is lost (10s)",
     options_set_period, MEMBER(host_timeout_ns)},
    {"io-timeout", 0, "TIME",
     "a client that sends or reads nothing for so long is closed; large bodies may take "
     "longer (15s)",
     options_set_period, MEMBER(io_timeout_ns)},
    {"max-body", 0, "SIZE", "of one request (8M)", set_max_body, MEMBER(max_body)},
    {"influx", 0, "URL",
     "push what is posted to an InfluxDB: http://HOST:8086/?db=NAME; credentials in "
     "FLATLINE_INFLUX_USER, FLATLINE_INFLUX_PASSWORD",
     options_set_text, MEMBER(influx)},
    {"seccomp", 0, NULL, "serving, die of any system call that serving does not take",
     options_set_flag, MEMBER(seccomp)},
    {"verbose", 'v', NULL, "log more", options_set_flag, MEMBER(verbose)},
    {0},
};

static void print_version(FILE *out)
{
    fprintf(out, "results-server %s (libmicrohttpd %s, SQLite %s, jansson %s)\n", VERSION,
            MHD_get_version(), sqlite3_libversion(), jansson_version_str());
}

static const struct option_set set = {
    .program = "results-server",
    .usage = "--store DIR [OPTION]...",
    .summary = "Where the runs of many hosts meet: takes what they measure, keeps it, and lets "
               "them begin and end together.",
    .specs = specs,
    .epilogue = "Other commands, each with a --help of its own:\n" VERBS_HELP
                "\nExits 0 after SIGTERM or SIGINT; 2 bad usage; 3 busy port, store in use,\n"
                "full disk.\n"
                "  results-server --store results\n"
                "  results-server --store results --listen 0.0.0.0:9904 --token token.txt \\\n"
                "    --tls-cert cert.pem --tls-key key.pem\n",
    .print_version = print_version,
};

static void check(const struct options *o)
{
    if (o->store == NULL)
        options_exit_bad(&set, "--store is missing");
    if ((o->tls_cert == NULL) != (o->tls_key == NULL))
        options_exit_bad(&set, "--tls-cert and --tls-key go together");
}

void options_read(struct options *options, int argc, char **argv)
{
    *options = (struct options){
        .listen = LISTEN,
        .host_timeout_ns = HOST_TIMEOUT_NS,
        .io_timeout_ns = HTTP_IO_TIMEOUT_NS,
        .max_body = HTTP_BODY_LIMIT,
    };
    options_parse_or_exit(&set, argc, argv, options);
    check(options);
}
