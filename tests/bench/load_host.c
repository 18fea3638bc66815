#include "tests/bench/load_host.h"

#include "common/base/clock.h"
#include "tests/bench/load_batch.h"
#include "tests/bench/load_link.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURN 0.002   /* s between looks for what is due */
#define OK_LEAST 200 /* HTTP statuses that are no refusal */
#define OK_MOST 299
#define FIRST_SAMPLES 2    /* the sequence behind the preamble's */
#define ADDRESS_HOSTS 1000 /* from each of 127.0.0.1, 127.0.0.2, ... */
#define BEGIN_TOGETHER 8   /* hosts that begin in each turn */

struct load_host {
    struct load *load;
    struct load_link *link;
    unsigned number;
    enum load_phase phase;
    uint64_t sequence; /* of the batch under way or next */
    bool under_way;
};

static void host_enter(struct load_host *host, enum load_phase phase)
{
    host->load->in_phase[host->phase]--;
    host->load->in_phase[phase]++;
    host->phase = phase;
}

/* When the batch is due; hosts are spread over the interval. */
static uint64_t due_ns(const struct load_host *host)
{
    const struct load *load = host->load;

    return load->begin_ns + load->interval_ns * host->number / load->hosts +
           (host->sequence - FIRST_SAMPLES) * load->interval_ns;
}

static void host_put(struct load_host *host, const char *what)
{
    char path[256];

    snprintf(path, sizeof path, "/test/%s/peer/n%u/%s", host->load->test, host->number, what);
    host->under_way = true;
    load_link_send(host->link, "PUT", path);
}

static void put_topology(struct load_host *host)
{
    struct load_text *body = load_link_body(host->link);
    char path[256];

    load_text_format(
        body,
        "{\"host\":{\"rank\":%u,\"size\":%u,\"name\":\"n%u\",\"address\":\"127.0.0.1\","
        "\"place\":\"replicate\",\"offset_ns\":0,\"offset_error_ns\":1000,"
        "\"ready\":true}}",
        host->number, host->load->hosts, host->number);
    snprintf(path, sizeof path, "/test/%s/topology", host->load->test);
    host->under_way = true;
    load_link_send(host->link, "PUT", path);
}

static struct load_batch batch_of(const struct load_host *host, uint64_t time_ns)
{
    const struct load *load = host->load;

    return (struct load_batch){.host = host->number,
                               .processes = load->processes,
                               .samples = load->samples,
                               .sequence = host->sequence,
                               .time_ns = time_ns,
                               .spacing_ns = load->interval_ns / load->samples};
}

static void put_preamble(struct load_host *host)
{
    struct load_batch batch;

    host->sequence = 1;
    batch = batch_of(host, clock_now_ns());
    load_batch_preamble(load_link_body(host->link), &batch);
    host_put(host, "metrics");
}

static void put_samples(struct load_host *host)
{
    struct load_batch batch = batch_of(host, due_ns(host));
    struct load_text *body = load_link_body(host->link);

    load_batch_samples(body, &batch);
    host->load->body_bytes += body->size;
    host_put(host, "metrics");
}

static void put_results(struct load_host *host)
{
    load_text_format(load_link_body(host->link),
                     "{\"sequence_last\":%" PRIu64 ",\"status\":0,\"verdict\":\"pass\"}",
                     host->sequence - 1);
    host_put(host, "results");
}

/* Sends what is due, unless something is under way. */
static void host_turn(struct load_host *host, uint64_t now_ns)
{
    if (host->under_way || host->phase != LOAD_SAMPLES || now_ns < host->load->begin_ns)
        return;
    if (due_ns(host) >= host->load->end_ns) {
        host_enter(host, LOAD_RESULTS);
        put_results(host);
    } else if (due_ns(host) <= now_ns) {
        put_samples(host);
    }
}

static void host_acknowledged(struct load_host *host)
{
    struct load *load = host->load;
    uint64_t now_ns = clock_now_ns(), late_ns = now_ns - due_ns(host);

    load->acknowledged++;
    load->rows += (uint64_t)load->processes * load->samples;
    histogram_record(&load->latency, late_ns);
    histogram_record(&load->latency_lately, late_ns);
    host->sequence++;
    host_turn(host, now_ns);
}

static void host_refused(struct load_host *host, int status, const char *body)
{
    struct load *load = host->load;

    if (load->refused++ == 0)
        snprintf(load->refusal, sizeof load->refusal, "n%u: %d %.400s", host->number, status, body);
    host_enter(host, LOAD_DONE);
}

static void on_answered(void *user, int status, const char *body)
{
    struct load_host *host = user;

    host->under_way = false;
    if (status < OK_LEAST || status > OK_MOST) {
        host_refused(host, status, body);
        return;
    }
    switch (host->phase) {
    case LOAD_TOPOLOGY:
        host_enter(host, LOAD_PREAMBLE);
        put_preamble(host);
        break;
    case LOAD_PREAMBLE:
        host->sequence = FIRST_SAMPLES;
        host_enter(host, LOAD_READY);
        break;
    case LOAD_SAMPLES:
        host_acknowledged(host);
        break;
    default:
        host_enter(host, LOAD_DONE);
        break;
    }
}

static void on_broke(void *user)
{
    struct load_host *host = user;

    host->load->broken++;
}

static struct load_host *host_new(struct load *load, unsigned number)
{
    struct load_host *host = calloc(1, sizeof *host);
    struct load_link_hooks hooks = {on_answered, on_broke, host};
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK + number / ADDRESS_HOSTS)};

    if (host == NULL)
        return NULL;
    host->load = load;
    host->number = number;
    host->link = load_link_new(load->loop, &from, &load->to, &hooks);
    if (host->link == NULL) {
        free(host);
        return NULL;
    }
    load->in_phase[LOAD_TOPOLOGY]++;
    put_topology(host);
    return host;
}

static void begin_some(struct load *load)
{
    for (unsigned i = 0; i < BEGIN_TOGETHER && load->begun < load->hosts; i++) {
        struct load_host *host = host_new(load, load->begun);

        if (host == NULL) {
            perror("results_load");
            exit(3);
        }
        load->all[load->begun++] = host;
    }
}

static void on_turn(struct ev_loop *loop, struct ev_timer *w, int events)
{
    struct load *load = w->data;
    uint64_t now_ns = clock_now_ns();

    (void)loop;
    (void)events;
    begin_some(load);
    for (unsigned i = 0; i < load->begun; i++)
        host_turn(load->all[i], now_ns);
}

void load_begin(struct load *load)
{
    load->all = calloc(load->hosts, sizeof *load->all);
    if (load->all == NULL) {
        perror("results_load");
        exit(3);
    }
    ev_timer_init(&load->turns, on_turn, 0, TURN);
    load->turns.data = load;
    ev_timer_start(load->loop, &load->turns);
}

void load_start(struct load *load, uint64_t duration_ns)
{
    load->begin_ns = clock_now_ns();
    load->end_ns = load->begin_ns + duration_ns;
    for (unsigned i = 0; i < load->begun; i++)
        if (load->all[i]->phase == LOAD_READY)
            host_enter(load->all[i], LOAD_SAMPLES);
}

void load_end(struct load *load)
{
    ev_timer_stop(load->loop, &load->turns);
    for (unsigned i = 0; i < load->begun; i++) {
        load_link_free(load->all[i]->link);
        free(load->all[i]);
    }
    free(load->all);
    load->all = NULL;
}

uint64_t load_backlog(const struct load *load)
{
    uint64_t now_ns = clock_now_ns(), until = now_ns < load->end_ns ? now_ns : load->end_ns - 1;
    uint64_t sum = 0;

    for (unsigned i = 0; i < load->begun; i++) {
        const struct load_host *host = load->all[i];

        if (host->phase == LOAD_SAMPLES && due_ns(host) <= until)
            sum += 1 + (until - due_ns(host)) / load->interval_ns;
    }
    return sum;
}
