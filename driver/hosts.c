#include "driver/hosts.h"

#include "common/run/host.h"
#include "driver/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_pauses(const void *a, const void *b)
{
    const struct run_checkpoint_row *p = a, *q = b;

    if (p->host != q->host)
        return p->host < q->host ? -1 : 1;
    return (p->id > q->id) - (p->id < q->id);
}

/* Those of a component's host, which lie together. */
static struct evidence_pauses pauses_of(const struct evidence *e,
                                        const struct evidence_component *c)
{
    int host = e->host_count == 0 ? -1 : c->row->host;
    size_t low = 0, high = e->checkpoint_count;
    struct evidence_pauses pauses;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (e->pauses[middle].host < host)
            low = middle + 1;
        else
            high = middle;
    }
    pauses.rows = e->pauses + low;
    while (high < e->checkpoint_count && e->pauses[high].host == host)
        high++;
    pauses.count = high - low;
    return pauses;
}

static bool take_pauses(struct evidence *e)
{
    e->pauses = calloc(e->checkpoint_count + 1, sizeof *e->pauses);
    if (e->pauses == NULL)
        return false;
    for (size_t i = 0; i < e->checkpoint_count; i++)
        e->pauses[i] = e->checkpoints[i];
    qsort(e->pauses, e->checkpoint_count, sizeof *e->pauses, compare_pauses);
    for (size_t i = 0; i < e->count; i++)
        e->components[i].pauses = pauses_of(e, &e->components[i]);
    return true;
}

static bool take_last(void *arg, const struct run_sample_row *row)
{
    uint64_t *last = arg;

    *last = row->time_ns > *last ? row->time_ns : *last;
    return true;
}

/* The place of a component's host among `ends`; the last is that of a run of one. */
static size_t place_of(const struct evidence *e, const struct evidence_component *c)
{
    return c->host == NULL ? e->host_count : (size_t)(c->host - e->hosts);
}

/* A share that never came to its orderly stop is judged up to its last sample. */
static bool find_ends(const struct evidence *e, struct run_reader *run, uint64_t *ends)
{
    for (size_t i = 0; i < e->count; i++) {
        struct evidence_component *c = &e->components[i];
        uint64_t *end;

        c->phase = run_reader_phase(run, c->row->id);
        c->host = run_reader_host(run, c->row->id);
        c->lost = run_host_broke_off(c->host) ? c->host : NULL;
        end = &ends[place_of(e, c)];
        if (c->phase.stop_ns != 0)
            *end = c->phase.stop_ns;
        else if (!run_reader_samples(run, c->row->id, take_last, end))
            return false;
    }
    return true;
}

static bool take_ends(struct evidence *e, struct run_reader *run)
{
    uint64_t *ends = calloc(e->host_count + 1, sizeof *ends);
    bool ok = ends != NULL && find_ends(e, run, ends);

    for (size_t i = 0; ok && i < e->count; i++) {
        struct evidence_component *c = &e->components[i];

        c->own_until_ns = c->until_ns = ends[place_of(e, c)];
        if (c->own_until_ns > e->until_ns)
            e->until_ns = c->own_until_ns;
    }
    if (e->info->stop_ns != 0)
        e->until_ns = e->info->stop_ns;
    free(ends);
    return ok;
}

/* Whoever c talks to has come to its end by then. */
static void end_with(struct evidence_component *c, const struct evidence_component *peer)
{
    c->until_ns = peer->own_until_ns;
    if (c->lost == NULL && run_host_broke_off(peer->host))
        c->lost = peer->host;
}

/* A client's judged life ends with its server's host, a server's with the last of its clients'. */
static void end_with_peers(struct evidence *e, struct evidence_component *c)
{
    const struct evidence_component *last = c->peer;

    for (size_t i = 0; c->row->server && i < e->count; i++) {
        const struct evidence_component *client = &e->components[i];

        if (client->peer == c && (last == NULL || client->own_until_ns > last->own_until_ns))
            last = client;
    }
    if (last != NULL && last->own_until_ns < c->own_until_ns)
        end_with(c, last);
}

/* In the folder of one host. */
static void find_elsewhere(struct evidence *e)
{
    for (size_t i = 0; i < e->count; i++) {
        int host = e->components[i].row->host;

        e->components[i].elsewhere = host >= 0 && host != e->info->rank;
    }
    for (size_t i = 0; i < e->count; i++) {
        struct evidence_component *c = &e->components[i];
        /* The peers of evidence are in its own array. */
        struct evidence_component *peer =
            c->peer == NULL ? NULL : &e->components[c->peer - e->components];

        if (peer != NULL && peer->elsewhere != c->elsewhere)
            peer->crosses = c->crosses = true;
    }
}

bool hosts_take(struct evidence *e, struct run_reader *run)
{
    e->hosts = run_reader_hosts(run, &e->host_count);
    if (e->host_count == 0 && e->info->rank >= 0)
        find_elsewhere(e);
    if (!take_ends(e, run) || !take_pauses(e))
        return false;
    for (size_t i = 0; e->host_count > 1 && i < e->count; i++)
        end_with_peers(e, &e->components[i]);
    return true;
}

void hosts_free(struct evidence *e)
{
    free(e->pauses);
}

const char *hosts_excuse(const struct evidence_component *c, char *out, size_t cap)
{
    if (c == NULL)
        return NULL;
    if (c->elsewhere)
        snprintf(out, cap, "it runs on another host");
    else if (c->lost != NULL)
        snprintf(out, cap, "host %s %s", c->lost->name, c->lost->lost ? "was lost" : "gave up");
    else
        return NULL;
    return out;
}

static size_t processes_on(const struct evidence *e, const struct run_host_row *host)
{
    size_t count = 0;

    for (size_t i = 0; i < e->count; i++)
        count += e->components[i].host == host;
    return count;
}

/* "host n2 was lost at 31.2 s (heard last then; 17 processes)"; returns how long that is. */
static size_t describe(const struct evidence *e, const struct run_host_row *host, char *out,
                       size_t cap)
{
    size_t processes = processes_on(e, host);
    const char *word = rule_word(processes, "process", "processes");
    int length;

    if (host->last_ns == 0)
        length =
            snprintf(out, cap, "host %s was never heard (%zu %s)", host->name, processes, word);
    else if (host->lost)
        length = snprintf(out, cap, "host %s was lost at %.1f s (heard last then; %zu %s)",
                          host->name, rule_seconds(e, host->last_ns), processes, word);
    else
        length = snprintf(out, cap, "host %s gave up at %.1f s%s%s (%zu %s)", host->name,
                          rule_seconds(e, host->last_ns), host->reason == NULL ? "" : ": ",
                          host->reason == NULL ? "" : host->reason, processes, word);
    return length < 0 ? 0 : (size_t)length;
}

/* All that broke off, as far as there is room for them. */
static void describe_broken(const struct evidence *e, size_t broken, char *out, size_t cap)
{
    size_t used = 0, said = 0;

    for (size_t i = 0; i < e->host_count; i++) {
        char one[VERDICT_TEXT / 2];

        if (!run_host_broke_off(&e->hosts[i]))
            continue;
        describe(e, &e->hosts[i], one, sizeof one);
        if (used + strlen(one) + sizeof "; and 1000000 more" > cap)
            break;
        used += (size_t)snprintf(out + used, cap - used, "%s%s", said++ == 0 ? "" : "; ", one);
    }
    if (said < broken)
        snprintf(out + used, cap - used, "; and %zu more", broken - said);
}

void rule_hosts(const struct evidence *e, const struct evidence_component *c, struct verdict *out)
{
    uint64_t demanded = e->info->hosts > e->host_count ? e->info->hosts : e->host_count;
    char text[VERDICT_TEXT - 40] = "";
    size_t broken = 0;

    (void)c;
    for (size_t i = 0; i < e->host_count; i++)
        broken += run_host_broke_off(&e->hosts[i]);
    if (e->host_count == 0) {
        rule_say(out, OUTCOME_PASS, 1, 1,
                 demanded > 1 ? "this one of %llu hosts: what crosses to others is judged with them"
                              : "one host",
                 (unsigned long long)demanded);
        return;
    }
    describe_broken(e, broken, text, sizeof text);
    if (broken > 0)
        rule_say(out, OUTCOME_FAIL, (double)(e->host_count - broken), (double)demanded, "%s", text);
    else if (e->host_count < demanded)
        rule_say(out, OUTCOME_FAIL, (double)e->host_count, (double)demanded,
                 "%llu of %llu hosts never came", (unsigned long long)demanded - e->host_count,
                 (unsigned long long)demanded);
    else
        rule_say(out, OUTCOME_PASS, (double)e->host_count, (double)demanded,
                 "%zu %s, heard to the end", e->host_count,
                 rule_word(e->host_count, "host", "hosts"));
}
