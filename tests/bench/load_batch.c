#include "tests/bench/load_batch.h"

#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/contract/metric.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#define PSS_EVERY 5 /* looks: it is the dear one */
#define FIRST_PORT 31300

static const char *role_of(unsigned process)
{
    return process % 2 == 0 ? "server" : "client";
}

static void add_component_rows(struct load_text *out, const struct load_batch *batch)
{
    load_text_add(out, "\"component\":{\"columns\":[\"id\",\"name\",\"role\",\"stable\",\"secure\","
                       "\"pattern\",\"port\",\"peer\",\"heap_cap\",\"command\"],\"rows\":[");
    for (unsigned p = 0; p < batch->processes; p++) {
        bool client = p % 2 == 1;

        load_text_format(out, "%s[%u,\"%s-%u\",\"%s\",%d,%d,%s,%u,", p == 0 ? "" : ",", p + 1,
                         role_of(p), p / 2, role_of(p), p % 4 < 2, p % 8 < 4,
                         client ? "\"ping\"" : "null", FIRST_PORT + p / 2);
        if (client)
            load_text_number(out, p);
        else
            load_text_add(out, "null");
        load_text_format(out, ",%u,\"stress-%s --port %u\"]", client ? 20971520 : 25165824,
                         role_of(p), FIRST_PORT + p / 2);
    }
    load_text_add(out, "]}");
}

static void add_incarnation_rows(struct load_text *out, const struct load_batch *batch)
{
    load_text_add(out, ",\"incarnation\":{\"columns\":[\"id\",\"component\",\"number\",\"pid\","
                       "\"spawn_ns\",\"ready_ns\",\"log\"],\"rows\":[");
    for (unsigned p = 0; p < batch->processes; p++)
        load_text_format(out, "%s[%u,%u,1,%u,%" PRIu64 ",%" PRIu64 ",\"logs/%s-%u.1.log\"]",
                         p == 0 ? "" : ",", p + 1, p + 1, 1000 + p, batch->time_ns,
                         batch->time_ns + 20000000, role_of(p), p / 2);
    load_text_add(out, "]}");
}

void load_batch_preamble(struct load_text *out, const struct load_batch *batch)
{
    load_text_format(
        out, "{\"sequence\":%" PRIu64 ",\"sent_ns\":%" PRIu64 ",\"preamble\":true,\"tables\":{",
        batch->sequence, batch->time_ns);
    load_text_format(out,
                     "\"meta\":{\"columns\":[\"key\",\"value\"],\"rows\":[[\"host\",\"n%u\"],"
                     "[\"start_ns\",%" PRIu64 "],[\"seed\",%u]]},",
                     batch->host, batch->time_ns, batch->host);
    add_component_rows(out, batch);
    add_incarnation_rows(out, batch);
    load_text_add(out, "}}");
}

/* A look at a process: who, and how many looks there were before. */
struct look {
    unsigned host;
    unsigned process;
    uint64_t number;
};

/* How a metric goes in a healthy run. */
enum course {
    COURSE_ABSENT, /* not measured: null */
    COURSE_NONE,   /* 0 */
    COURSE_FEW,    /* a small number, mostly the same */
    COURSE_BYTES,  /* a heap's: now and then a page more */
    COURSE_COUNT,  /* grows: calls */
    COURSE_TRAFFIC /* grows: bytes */
};

static enum course course_of(const struct look *at, enum metric m)
{
    bool client = at->process % 2 == 1, secure = at->process % 4 >= 2;
    const struct metric_info *info = metric_info(m);

    switch (m) {
    case METRIC_EVENTS_ACCEPTED:
    case METRIC_EVENTS_DELIVERED:
    case METRIC_EVENTS_DROPPED:
    case METRIC_EVENTS_BLOCKED:
    case METRIC_PEER_CERTIFICATE:
        return COURSE_ABSENT;
    case METRIC_RECONNECTS:
    case METRIC_LOSSES:
        return client ? COURSE_NONE : COURSE_ABSENT;
    case METRIC_PSS:
        return at->number % PSS_EVERY == 0 ? COURSE_BYTES : COURSE_ABSENT;
    case METRIC_LIVE_OPENSSL:
        return secure ? COURSE_BYTES : COURSE_NONE;
    case METRIC_CALLS_STARTED:
    case METRIC_CALLS_DONE:
    case METRIC_MESSAGES_SENT:
    case METRIC_MESSAGES_RECEIVED:
        return COURSE_COUNT;
    case METRIC_BYTES_SENT:
    case METRIC_BYTES_RECEIVED:
        return COURSE_TRAFFIC;
    case METRIC_LIVE_ZLIB:
    case METRIC_JE_RETAINED:
        return COURSE_NONE;
    default:
        if (strcmp(info->unit, "B") == 0)
            return COURSE_BYTES;
        return info->kind == METRIC_COUNTER ? COURSE_NONE : COURSE_FEW;
    }
}

static int64_t value_of(const struct look *at, enum metric m, enum course course)
{
    uint64_t who = rng_at(at->host * UINT64_C(1000) + at->process, (uint64_t)metric_info(m)->id);
    uint64_t now = rng_at(who, at->number);

    switch (m) {
    case METRIC_FIRST_MESSAGE:
        return (int64_t)(UINT64_C(18000000000000) + who % NS_PER_S);
    case METRIC_LATENESS:
        return (int64_t)(now % 100000);
    case METRIC_CPU:
        return (int64_t)(at->number * 10000000 * (1 + who % 8));
    default:
        break;
    }
    switch (course) {
    case COURSE_FEW:
        return (int64_t)(1 + who % 16 + now % 8 / 7);
    case COURSE_BYTES:
        return (int64_t)((2 + who % 4000) * 1024 + now % 8 / 7 * 4096);
    case COURSE_COUNT:
        return (int64_t)(at->number * (1 + who % 4000) + now % 8);
    case COURSE_TRAFFIC:
        return (int64_t)(at->number * (200 + who % 800000) + now % 8);
    default:
        return 0;
    }
}

static void add_sample(struct load_text *out, const struct look *at, uint64_t time_ns)
{
    load_text_bytes(out, "[", 1);
    load_text_number(out, at->process + 1);
    load_text_bytes(out, ",", 1);
    load_text_number(out, (int64_t)time_ns);
    load_text_bytes(out, ",0", 2); /* not stale */
    for (int m = 0; m < METRIC_COUNT; m++) {
        enum course course = course_of(at, (enum metric)m);

        load_text_bytes(out, ",", 1);
        if (course == COURSE_ABSENT)
            load_text_bytes(out, "null", 4);
        else
            load_text_number(out, value_of(at, (enum metric)m, course));
    }
    load_text_bytes(out, "]", 1);
}

void load_batch_samples(struct load_text *out, const struct load_batch *batch)
{
    load_text_format(out,
                     "{\"sequence\":%" PRIu64 ",\"sent_ns\":%" PRIu64
                     ",\"tables\":{\"sample\":{\"columns\":[\"incarnation\",\"time_ns\",\"stale\"",
                     batch->sequence, batch->time_ns);
    for (int m = 0; m < METRIC_COUNT; m++)
        load_text_format(out, ",\"%s\"", metric_info((enum metric)m)->name);
    load_text_add(out, "],\"rows\":[");
    for (unsigned s = 0; s < batch->samples; s++)
        for (unsigned p = 0; p < batch->processes; p++) {
            struct look at = {batch->host, p, batch->sequence * batch->samples + s};
            uint64_t time_ns = batch->time_ns - (batch->samples - 1 - s) * batch->spacing_ns;

            if (s > 0 || p > 0)
                load_text_bytes(out, ",", 1);
            add_sample(out, &at, time_ns + p * 1000);
        }
    load_text_add(out, "]}}}");
}
