#include "driver/hearsay.h"

/* Counters go on over the lives of a client; what its last life had is the beginning of the next.
 */
struct tally {
    int64_t calls, connections, messages;
};

struct hearing {
    const struct evidence *e;
    struct series *series;                   /* of the server */
    const struct evidence_component *client; /* whose turn it is */
    bool all;                                /* every client is one of ours */
};

static int64_t value_of(const struct metric_values *v, enum metric metric)
{
    return metric_has(v, metric) ? v->value[metric] : 0;
}

static void add(struct metric_values *v, enum metric metric, int64_t value)
{
    metric_set(v, metric, value_of(v, metric) + value);
}

/* Of the lives of a client before one of them. */
static struct tally before(const struct evidence_component *client, int64_t incarnation)
{
    struct tally sum = {0};

    for (size_t i = 0; i < client->count; i++) {
        const struct evidence_incarnation *inc = &client->incarnations[i];

        if (inc->row->id >= incarnation)
            break;
        sum.calls += inc->calls;
        sum.connections += inc->connections;
        sum.messages += inc->messages;
    }
    return sum;
}

/* Whether two were rests of the same time, if not of the same host. */
static bool together(const struct evidence *e, int64_t one, int64_t other)
{
    const struct run_checkpoint_row *a = &e->checkpoints[one - 1], *b = &e->checkpoints[other - 1];

    return one == other ||
           (a->host != b->host && a->start_ns <= b->end_ns && b->start_ns <= a->end_ns);
}

/* Valid or not: it was read at the same moment, and its counters are right in any case. */
static bool take_reading(void *arg, const struct run_reading_row *row)
{
    const struct hearing *h = arg;
    const struct metric_values *v = &row->values;
    struct tally sum = before(h->client, row->incarnation);

    for (size_t i = 0; i < h->series->reading_count; i++) {
        struct series_reading *reading = &h->series->readings[i];

        if (!together(h->e, reading->checkpoint, row->checkpoint))
            continue;
        add(&reading->values, METRIC_CALLS_DONE, sum.calls + value_of(v, METRIC_CALLS_DONE));
        add(&reading->values, METRIC_CONNECTIONS_TOTAL,
            sum.connections + value_of(v, METRIC_CONNECTIONS_TOTAL));
        /* It received what they sent; looked at is the sum. */
        add(&reading->values, METRIC_MESSAGES_RECEIVED,
            sum.messages + value_of(v, METRIC_MESSAGES_SENT));
        add(&reading->values, METRIC_MESSAGES_SENT, value_of(v, METRIC_MESSAGES_RECEIVED));
        if (h->all)
            add(&reading->values, METRIC_CONNECTIONS, value_of(v, METRIC_CONNECTIONS));
    }
    return true;
}

static bool is_client_of(const struct evidence_component *c,
                         const struct evidence_component *server)
{
    return c->peer == server;
}

static bool hear(const struct evidence *e, struct evidence_component *server,
                 struct run_reader *run)
{
    struct hearing h = {.e = e, .series = &server->series, .all = true};

    for (size_t i = 0; i < e->count; i++) {
        if (is_client_of(&e->components[i], server) && evidence_is_mute(&e->components[i]))
            h.all = false;
    }
    for (size_t i = 0; i < e->count; i++) {
        h.client = &e->components[i];
        if (is_client_of(h.client, server) && !evidence_is_mute(h.client) &&
            !run_reader_readings(run, h.client->row->id, take_reading, &h))
            return false;
    }
    return true;
}

bool hearsay_take(struct evidence *e, struct run_reader *run)
{
    for (size_t i = 0; i < e->count; i++) {
        struct evidence_component *c = &e->components[i];

        if (c->row->server && evidence_is_mute(c) && c->series.reading_count > 0 &&
            !hear(e, c, run))
            return false;
    }
    return true;
}
