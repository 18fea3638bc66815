#include "driver/delay_options.h"

#include "common/base/clock.h"
#include "common/base/options.h"
#include "common/base/units.h"
#include "driver/version.h"

#include <stdio.h>
#include <string.h>

#define NOT_GIVEN UINT64_MAX
#define DELAY_MAX_NS (3600 * NS_PER_S)

/* As given; what follows from it is in the options. */
struct given {
    struct delay_options options;
    uint64_t rtt_ns;
    bool listen, to;
};

#define MEMBER(name) offsetof(struct given, name)

/* [HOST:]PORT, where an IPv6 address as host stands in brackets. */
static bool parse_address(const char *text, const char *default_host, struct delay_address *out)
{
    const char *colon = strrchr(text, ':'), *host = default_host;
    size_t length = host == NULL ? 0 : strlen(host);
    uint64_t port;

    if (colon != NULL) {
        host = text;
        length = (size_t)(colon - text);
        if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
            host++;
            length -= 2;
        } else if (memchr(host, ':', length) != NULL) {
            return false;
        }
    }
    if (length == 0 || length >= sizeof out->host ||
        !units_parse_u64(colon == NULL ? text : colon + 1, &port) || port > UINT16_MAX)
        return false;
    memcpy(out->host, host, length);
    out->host[length] = '\0';
    out->port = (uint16_t)port;
    return true;
}

static bool set_listen(void *into, const struct option_spec *spec, const char *value, char *why,
                       size_t cap)
{
    struct given *given = into;

    (void)spec;
    given->listen = parse_address(value, "127.0.0.1", &given->options.settings.listen);
    if (!given->listen)
        snprintf(why, cap, "'%s' is not [HOST:]PORT", value);
    return given->listen;
}

static bool set_to(void *into, const struct option_spec *spec, const char *value, char *why,
                   size_t cap)
{
    struct given *given = into;
    struct delay_address *to = &given->options.settings.to;

    (void)spec;
    given->to = parse_address(value, NULL, to) && to->port != 0;
    if (!given->to)
        snprintf(why, cap, "'%s' is not HOST:PORT", value);
    return given->to;
}

static bool set_delay(void *into, const struct option_spec *spec, const char *value, char *why,
                      size_t cap)
{
    const uint64_t *ns = (const uint64_t *)((const char *)into + spec->offset);

    if (!options_set_duration(into, spec, value, why, cap))
        return false;
    if (*ns <= DELAY_MAX_NS)
        return true;
    snprintf(why, cap, "'%s' is longer than an hour", value);
    return false;
}

static bool set_bandwidth(void *into, const struct option_spec *spec, const char *value, char *why,
                          size_t cap)
{
    uint64_t *bytes = (uint64_t *)((char *)into + spec->offset);
    size_t length = strlen(value);
    char size[32];

    if (length > 2 && length < sizeof size && strcmp(value + length - 2, "/s") == 0) {
        memcpy(size, value, length - 2);
        size[length - 2] = '\0';
        if (units_parse_size(size, bytes) && *bytes > 0)
            return true;
    }
    snprintf(why, cap, "'%s' is not bytes per second (such as 10M/s)", value);
    return false;
}

static const struct option_spec specs[] = {
    {"listen", 0, "[HOST:]PORT", "where connections come in; port 0 picks one (127.0.0.1)",
     set_listen, 0},
    {"to", 0, "HOST:PORT", "where they go", set_to, 0},
    {"rtt", 0, "TIME", "add so much to a round trip, half in each direction (0ms)", set_delay,
     MEMBER(rtt_ns)},
    {"up", 0, "TIME", "add to what the one who connects sends (0ms)", set_delay,
     MEMBER(options.settings.up_ns)},
    {"down", 0, "TIME", "add to what it is sent (0ms)", set_delay,
     MEMBER(options.settings.down_ns)},
    {"jitter", 0, "TIME", "vary each of the two by up to so much, up and down (0ms)", set_delay,
     MEMBER(options.settings.jitter_ns)},
    {"bandwidth", 0, "SIZE/s",
     "carry no more in each direction, all connections together (no limit)", set_bandwidth,
     MEMBER(options.settings.bytes_per_s)},
    {"seed", 0, "N", "of the jitter (1)", options_set_u64, MEMBER(options.settings.seed)},
    {"check-netem", 0, NULL, "say whether tc netem could be used on this host instead; exit",
     options_set_flag, MEMBER(options.check_netem)},
    {"telemetry-fd", 0, "N", "publish to the driver's page at this descriptor", options_set_fd,
     MEMBER(options.telemetry_fd)},
    {"verbose", 'v', NULL, "log more", options_set_flag, MEMBER(options.verbose)},
    {0},
};

static const struct option_set set = {
    .program = "driver delay",
    .usage = "--listen [HOST:]PORT --to HOST:PORT --rtt TIME [OPTION]...",
    .summary = "A TCP forwarder that puts a distance between two programs: it delays what they "
               "say to each other, in order, and can limit its rate.",
    .specs = specs,
    .epilogue = "Exits 0 after SIGTERM or SIGINT; 2 bad usage; 3 busy port, or no netem.\n"
                "  driver delay --listen 50052 --to 127.0.0.1:50051 --rtt 100ms\n"
                "  driver delay --listen 0 --to 127.0.0.1:50051 --rtt 40ms "
                "--bandwidth 10M/s\n",
    .print_version = version_print,
};

static uint64_t or_zero(uint64_t ns)
{
    return ns == NOT_GIVEN ? 0 : ns;
}

static void settle(struct given *given)
{
    struct delay_settings *s = &given->options.settings;

    if (given->rtt_ns != NOT_GIVEN) {
        s->up_ns = given->rtt_ns / 2;
        s->down_ns = given->rtt_ns - s->up_ns;
    }
    s->up_ns = or_zero(s->up_ns);
    s->down_ns = or_zero(s->down_ns);
}

void delay_options_read(struct delay_options *options, int argc, char **argv)
{
    struct given given = {.rtt_ns = NOT_GIVEN};
    struct delay_settings *s = &given.options.settings;

    given.options.telemetry_fd = -1;
    s->up_ns = s->down_ns = NOT_GIVEN;
    s->seed = 1;
    options_parse_or_exit(&set, argc, argv, &given);
    if (given.options.check_netem) {
        *options = given.options;
        return;
    }
    if (!given.listen || !given.to)
        options_exit_bad(&set, "%s is missing", given.listen ? "--to" : "--listen");
    if (given.rtt_ns != NOT_GIVEN && (s->up_ns != NOT_GIVEN || s->down_ns != NOT_GIVEN))
        options_exit_bad(&set, "give either --rtt, or --up and --down");
    settle(&given);
    if (s->jitter_ns > s->up_ns || s->jitter_ns > s->down_ns)
        options_exit_bad(&set, "--jitter must not be longer than the delay of a direction");
    *options = given.options;
}
