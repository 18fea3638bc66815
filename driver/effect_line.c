#include "driver/effect_line.h"

#include "driver/effect_marks.h"

#include <stdio.h>
#include <string.h>

/* ---- round trips ---- */

static int64_t slow_ones(const struct page_snapshot *page)
{
    return (int64_t)histogram_count_from(&page->rtt, NEMESIS_LATENCY_NS);
}

/* Those whose round trips usually take much less. In a mark `value` is how many it has made, `rise`
 * how many of them took as long as the way will be. */
void effect_begin_latency(struct effect *e)
{
    effect_mark_clients(e);
    for (size_t i = 0; i < e->count;) {
        struct effect_mark *mark = &e->marks[i];
        const struct page_snapshot *page;

        if (effect_read_page(e, mark, &page) && page->rtt.count > 0 &&
            histogram_percentile(&page->rtt, 50) < NEMESIS_LATENCY_NS / 2) {
            mark->value = (int64_t)page->rtt.count;
            mark->rise = slow_ones(page);
            i++;
        } else {
            *mark = e->marks[--e->count];
        }
    }
}

/* Since the last look: all took so long; later: most did not any more. */
static void follow_round_trips(const struct effect *e, struct effect_mark *mark)
{
    const struct page_snapshot *page;
    int64_t made, slow;

    if (mark->seen || !effect_read_page(e, mark, &page) || (int64_t)page->rtt.count == mark->value)
        return;
    made = (int64_t)page->rtt.count - mark->value;
    slow = slow_ones(page) - mark->rise;
    mark->value += made;
    mark->rise += slow;
    if (slow == made)
        mark->stood = true;
    else if (mark->stood && 2 * slow < made)
        mark->seen = true;
}

bool effect_look_for_latency(struct effect *e, char text[EFFECT_TEXT])
{
    size_t seen = 0;

    for (size_t i = 0; i < e->count; i++) {
        follow_round_trips(e, &e->marks[i]);
        seen += e->marks[i].seen;
    }
    if (!effect_is_most(e, seen))
        return false;
    snprintf(text, EFFECT_TEXT,
             "the round trips of %zu of its %zu clients took %d ms or more, then less again", seen,
             e->count, (int)(NEMESIS_LATENCY_NS / NS_PER_MS));
    return true;
}

/* ---- connections that nobody answers on ---- */

/* The last mark is the server's. In a client's `stood` is that it gave its connection up, `seen`
 * that it has another, since `since_ns`. */
void effect_begin_half_open(struct effect *e)
{
    effect_mark_clients(e);
    if (e->count == 0 || effect_add_mark(e, e->stroke.victim) == NULL)
        e->count = 0;
}

static void follow_client(const struct effect *e, struct effect_mark *mark)
{
    const char *loss = nemesis_info(NEMESIS_HALF_OPEN)->loss;
    struct page_event events[EFFECT_EVENTS];
    size_t n;

    for (int look = 0; look < EFFECT_LOOKS && (n = effect_take_events(e, mark, events)) > 0;
         look++) {
        for (size_t i = 0; i < n; i++) {
            if (events[i].kind >= PAGE_EVENT_KINDS || events[i].time_ns < e->ordered_ns)
                continue;
            mark->stood |= strcmp(page_event_name(events[i].kind), loss) == 0;
            if (mark->stood && events[i].kind == PAGE_RECOVERED) {
                mark->seen = true;
                mark->since_ns = events[i].time_ns;
            }
        }
    }
}

/* How many connections the server has if it has none but of its clients: those that make one for
 * each call may have two for a moment. */
static int64_t most_connections(const struct effect *e)
{
    int64_t most = 0;

    for (size_t i = 0; i < e->scenario->count; i++) {
        const struct component *c = effect_component(e, i);

        if (c->peer == (int)e->stroke.victim)
            most += c->pattern == PATTERN_MANY_CONNECTIONS ? 2 : 1;
    }
    return most;
}

static bool server_is_rid(const struct effect *e, uint64_t since_ns)
{
    const struct page_snapshot *page;

    return effect_read_page(e, &e->marks[e->count - 1], &page) && page->time_ns > since_ns &&
           metric_has(&page->metrics, METRIC_CONNECTIONS) &&
           page->metrics.value[METRIC_CONNECTIONS] <= most_connections(e);
}

bool effect_look_for_half_open(struct effect *e, char text[EFFECT_TEXT])
{
    size_t clients = 0, gave_up = 0, back = 0;
    uint64_t since_ns = e->ordered_ns;

    for (size_t i = 0; i + 1 < e->count; i++) {
        struct effect_mark *mark = &e->marks[i];
        const struct page_snapshot *page;

        if (!effect_read_page(e, mark, &page))
            continue; /* killed meanwhile */
        follow_client(e, mark);
        clients++;
        gave_up += mark->stood;
        back += mark->seen;
        since_ns = mark->since_ns > since_ns ? mark->since_ns : since_ns;
    }
    if (gave_up == 0 || 2 * gave_up < clients || back < gave_up || !server_is_rid(e, since_ns))
        return false;
    snprintf(text, EFFECT_TEXT,
             "%zu of its %zu clients gave up and connected again; it gave up what they had",
             gave_up, clients);
    return true;
}
