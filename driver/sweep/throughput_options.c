#include "driver/sweep/throughput_options.h"

#include "common/base/clock.h"
#include "common/base/options.h"
#include "common/base/units.h"
#include "driver/version.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATENCY_MAX_MS 60000
#define CLIENTS_MAX 10000
#define EVENTS_MAX 100000000
#define EVENT_SIZE_MAX (63 << 10) /* of stress-client */
#define DEFAULT_CLIENTS "1,8,64"
#define DEFAULT_LATENCY "0ms,20ms"

#define MEMBER(name) offsetof(struct throughput_options, name)

/* One value of an axis into a number. */
typedef bool parse_fn(const char *text, uint64_t *number, char *why, size_t cap);

static bool parse_clients(const char *text, uint64_t *number, char *why, size_t cap)
{
    if (units_parse_u64(text, number) && *number >= 1 && *number <= CLIENTS_MAX)
        return true;
    snprintf(why, cap, "'%s' is not a number of clients (1 to %d)", text, CLIENTS_MAX);
    return false;
}

static bool parse_latency(const char *text, uint64_t *number, char *why, size_t cap)
{
    uint64_t ns;

    if (units_parse_duration(text, &ns) && ns % NS_PER_MS == 0 &&
        ns / NS_PER_MS <= LATENCY_MAX_MS) {
        *number = ns / NS_PER_MS;
        return true;
    }
    snprintf(why, cap, "'%s' is not a latency (whole milliseconds up to a minute, as in 20ms)",
             text);
    return false;
}

static bool is_there(const uint64_t *numbers, size_t count, uint64_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == number)
            return true;
    }
    return false;
}

static bool take_axis(const char *list, parse_fn *parse, uint64_t *numbers, size_t *count,
                      char *why, size_t cap)
{
    const char *values[SWEEP_VALUES_MAX];
    char *storage;
    bool taken = sweep_split(list, values, count, &storage, why, cap);
    size_t total = taken ? *count : 0;

    for (*count = 0; taken && *count < total; ++*count) {
        taken = parse(values[*count], &numbers[*count], why, cap);
        if (taken && is_there(numbers, *count, numbers[*count])) {
            snprintf(why, cap, "'%s' has %s twice", list, values[*count]);
            taken = false;
        }
    }
    free(storage);
    return taken;
}

static void write_texts(const uint64_t *numbers, size_t count, char (*texts)[24],
                        const char **pointers)
{
    for (size_t i = 0; i < count; i++) {
        snprintf(texts[i], sizeof texts[i], "%" PRIu64, numbers[i]);
        pointers[i] = texts[i];
    }
}

static bool set_clients(void *into, const struct option_spec *spec, const char *value, char *why,
                        size_t cap)
{
    struct throughput_options *o = into;

    (void)spec;
    if (!take_axis(value, parse_clients, o->clients, &o->client_count, why, cap))
        return false;
    write_texts(o->clients, o->client_count, o->texts, o->client_texts);
    return true;
}

static bool set_latency(void *into, const struct option_spec *spec, const char *value, char *why,
                        size_t cap)
{
    struct throughput_options *o = into;

    (void)spec;
    if (!take_axis(value, parse_latency, o->latency_ms, &o->latency_count, why, cap))
        return false;
    write_texts(o->latency_ms, o->latency_count, o->texts + SWEEP_VALUES_MAX, o->latency_texts);
    return true;
}

static bool set_policy(void *into, const struct option_spec *spec, const char *value, char *why,
                       size_t cap)
{
    struct throughput_options *o = into;

    (void)spec;
    o->slow_subscriber = value;
    if (strcmp(value, "drop-oldest") == 0 || strcmp(value, "disconnect") == 0 ||
        strcmp(value, "block") == 0)
        return true;
    snprintf(why, cap, "'%s' is none of drop-oldest, disconnect, block", value);
    return false;
}

static bool set_means(void *into, const struct option_spec *spec, const char *value, char *why,
                      size_t cap)
{
    struct throughput_options *o = into;

    (void)spec;
    o->netem = strcmp(value, "netem") == 0;
    if (o->netem || strcmp(value, "delay") == 0)
        return true;
    snprintf(why, cap, "'%s' is none of delay, netem", value);
    return false;
}

static const struct option_spec specs[] = {
    {"out", 'o', "DIR", "where the results go; made if need be", options_set_text, MEMBER(out)},
    {"events", 0, "N", "events of each run, split among its authors (1000)", options_set_u64,
     MEMBER(events)},
    {"clients", 0, "N,...", "numbers of authors, each on a connection of its own (1,8,64)",
     set_clients, 0},
    {"latency", 0, "TIME,...",
     "round trips to add between authors and broker, and between broker and subscribers (0ms,20ms)",
     set_latency, 0},
    {"latency-by", 0, "HOW",
     "delay: delay lines; netem: the kernel, between two network namespaces (delay)", set_means, 0},
    {"runs", 0, "N", "of each pair of the two (3)", options_set_u64, MEMBER(runs)},
    {"subscribers", 0, "N", "who each get every event (1)", options_set_u64, MEMBER(subscribers)},
    {"connection-per-event", 0, NULL, "authors connect anew for every event", options_set_flag,
     MEMBER(connection_per_event)},
    {"publish-stream", 0, NULL,
     "authors send all events in one call, and wait for one receipt at its end", options_set_flag,
     MEMBER(stream)},
    {"event-size", 0, "SIZE", "of an event's body (100)", options_set_size, MEMBER(event_size)},
    {"secure", 0, NULL, "TLS", options_set_flag, MEMBER(secure)},
    {"relay-queue", 0, "N", "of the broker: events that a subscriber may be behind (1024)",
     options_set_u64, MEMBER(relay_queue)},
    {"slow-subscriber", 0, "WHAT",
     "of the broker: what becomes of one that falls further behind: drop-oldest, disconnect or "
     "block (drop-oldest)",
     set_policy, 0},
    {"event-dir", 0, "DIR",
     "where a run's event databases are written, before they are moved to the results: memory "
     "rather than a disk (/dev/shm)",
     options_set_text, MEMBER(event_dir)},
    {"resume", 0, NULL, "go on where an interrupted sweep with the same options ended",
     options_set_flag, MEMBER(resume)},
    {"verbose", 'v', NULL, "say more", options_set_flag, MEMBER(verbose)},
    {0},
};

static const struct option_set set = {
    .program = "driver throughput",
    .usage = "--out DIR [OPTION]...",
    .summary = "Sends events from authors through a broker to subscribers, over added latencies "
               "and numbers of authors, and says how many a second arrive, how late, and how many "
               "do not.",
    .specs = specs,
    .epilogue = "Results: DIR/20ms/8c/run1/ and so on, DIR/summary.json, DIR/throughput.svg,\n"
                "DIR/latency.svg.\n"
                "Examples:\n"
                "  driver throughput --out sweep\n"
                "  driver throughput --out sweep --events 10000 --runs 100 \\\n"
                "      --clients 1,2,4,8,16,32,64,128,256 --latency 0ms,100ms,200ms,300ms\n",

    .print_version = version_print,
};

static void check_numbers(const struct throughput_options *o)
{
    if (o->events < 1 || o->events > EVENTS_MAX)
        options_exit_bad(&set, "--events: 1 to %d", EVENTS_MAX);
    if (o->runs < 1 || o->runs > 10000)
        options_exit_bad(&set, "--runs: 1 to 10000");
    if (o->subscribers < 1 || o->subscribers > CLIENTS_MAX)
        options_exit_bad(&set, "--subscribers: 1 to %d", CLIENTS_MAX);
    if (o->event_size > EVENT_SIZE_MAX)
        options_exit_bad(&set, "--event-size: at most 63K");
    if (o->stream && o->connection_per_event)
        options_exit_bad(&set, "--publish-stream contradicts --connection-per-event");
    for (size_t i = 0; i < o->client_count; i++) {
        if (o->clients[i] > o->events)
            options_exit_bad(&set,
                             "--clients: %" PRIu64 " authors have not an event each of %" PRIu64,
                             o->clients[i], o->events);
    }
}

void throughput_options_read(struct throughput_options *options, int argc, char **argv)
{
    char why[256];

    *options = (struct throughput_options){
        .events = 1000, .subscribers = 1, .event_size = 100, .runs = 3, .event_dir = "/dev/shm"};
    (void)set_clients(options, NULL, DEFAULT_CLIENTS, why, sizeof why);
    (void)set_latency(options, NULL, DEFAULT_LATENCY, why, sizeof why);
    options_parse_or_exit(&set, argc, argv, options);
    if (options->out == NULL || *options->out == '\0')
        options_exit_bad(&set, "give it --out DIR, where the results go");
    check_numbers(options);
}

static json_t *list(const char *const *texts, size_t count, const char *unit)
{
    char text[SWEEP_VALUES_MAX * 28];
    size_t used = 0;

    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%s", i == 0 ? "" : ",",
                                 texts[i], unit);
    return json_string(text);
}

json_t *throughput_options_settings(const struct throughput_options *o)
{
    json_t *settings = json_pack(
        "{s:I, s:o, s:o, s:s, s:I, s:I, s:b, s:b, s:I, s:b}", "events", (json_int_t)o->events,
        "clients", list(o->client_texts, o->client_count, ""), "latency",
        list(o->latency_texts, o->latency_count, "ms"), "latency-by", o->netem ? "netem" : "delay",
        "runs", (json_int_t)o->runs, "subscribers", (json_int_t)o->subscribers,
        "connection-per-event", o->connection_per_event, "publish-stream", o->stream, "event-size",
        (json_int_t)o->event_size, "secure", o->secure);

    if (o->relay_queue != 0)
        json_object_set_new(settings, "relay-queue", json_integer((json_int_t)o->relay_queue));
    if (o->slow_subscriber != NULL)
        json_object_set_new(settings, "slow-subscriber", json_string(o->slow_subscriber));
    return settings;
}
