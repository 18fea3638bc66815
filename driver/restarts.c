#include "driver/restarts.h"

#include "common/contract/page.h"
#include "driver/told.h"

void restart_watch_init(struct restart_watch *w, const struct evidence *e,
                        struct evidence_component *client)
{
    *w = (struct restart_watch){.e = e, .client = client, .next = 1, .before = -1};
}

/* The restarted incarnation that is waited for, or NULL. */
static const struct run_incarnation_row *awaited(const struct restart_watch *w)
{
    const struct evidence_component *server = w->client->peer;

    return server == NULL || evidence_is_mute(w->client) || w->next >= server->count
               ? NULL
               : server->incarnations[w->next].row;
}

void restart_watch_begin(struct restart_watch *w)
{
    w->before = -1;
}

static void note_seen(struct restart_watch *w, uint64_t took_ns)
{
    struct evidence_restarts *r = &w->client->restarts;

    r->seen++;
    r->worst_ns = took_ns > r->worst_ns ? took_ns : r->worst_ns;
}

static void note_missed(struct restart_watch *w, uint64_t ready_ns)
{
    if (w->client->restarts.missed++ == 0)
        w->client->restarts.missed_ns = ready_ns;
}

void restart_watch_stood(struct restart_watch *w, uint64_t ns)
{
    w->stood_ns += ns;
}

void restart_watch_sample(struct restart_watch *w, uint64_t time_ns, int64_t messages)
{
    const uint64_t given =
        w->e->limits->recovery_ns + PAGE_PUBLISH_NS + w->e->info->sample_interval_ns;
    const struct run_incarnation_row *up;
    uint64_t took;

    w->last_ns = time_ns;
    while ((up = awaited(w)) != NULL) {
        if (up->ready_ns == 0 || time_ns <= up->ready_ns) {
            w->before = messages;
            w->stood_ns = 0;
            return;
        }
        took = time_ns - up->ready_ns - told_excused(w->e, w->client, up->ready_ns, time_ns);
        took -= w->stood_ns < took ? w->stood_ns : took;
        if (w->before >= 0 && messages > w->before && took <= given)
            note_seen(w, took);
        else if (w->before >= 0 && took > given)
            note_missed(w, up->ready_ns);
        else if (w->before >= 0)
            return;
        w->next++;
    }
}

/* A client that was itself ordered dead meanwhile has its own recovery to show. */
void restart_watch_end(struct restart_watch *w, const struct evidence_incarnation *ended)
{
    const struct run_incarnation_row *up = awaited(w);
    uint64_t until = w->client->until_ns;

    if (ended == NULL || up == NULL || w->before < 0 || up->ready_ns == 0 || up->ready_ns >= until)
        return;
    if (ended->row->ordered_ns != 0 && ended->row->ordered_ns < until)
        return;
    if (w->last_ns + PAGE_STALE_NS < until)
        return; /* it was gone or silent before: that is another rule's finding */
    w->client->restarts.unseen++;
}
