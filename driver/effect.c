#include "driver/effect.h"

#include "common/base/clock.h"
#include "driver/effect_line.h"
#include "driver/effect_marks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ABORTIVE_LEAST 3 /* closings; one reset may come from elsewhere */

bool effect_init(struct effect *e, struct supervisor *supervisor, const struct scenario *scenario)
{
    *e = (struct effect){.supervisor = supervisor, .scenario = scenario};
    e->marks = calloc(scenario->count, sizeof *e->marks);
    return e->marks != NULL;
}

void effect_release(struct effect *e)
{
    free(e->marks);
    e->marks = NULL;
}

static size_t server_of(const struct effect *e)
{
    const struct component *victim = effect_component(e, e->stroke.victim);

    return victim->server ? e->stroke.victim : (size_t)victim->peer;
}

/* ---- a counter that rises ---- */

static void mark_rise(struct effect *e, size_t component, enum metric metric, int64_t rise)
{
    struct effect_mark *mark = effect_add_mark(e, component);
    const struct page_snapshot *page;

    if (mark == NULL)
        return;
    mark->metric = metric;
    mark->rise = rise;
    if (effect_read_page(e, mark, &page) && metric_has(&page->metrics, metric))
        mark->value = page->metrics.value[metric];
}

/* By how much, 0 before it is enough. */
static int64_t risen(const struct effect *e, const struct effect_mark *mark)
{
    const struct page_snapshot *page;
    int64_t by;

    if (!effect_read_page(e, mark, &page) || !metric_has(&page->metrics, mark->metric))
        return 0;
    by = page->metrics.value[mark->metric] - mark->value;
    return by >= mark->rise ? by : 0;
}

/* The server's count is the effect; the client's own says that it was the cause. */
static bool look_for_rise(struct effect *e, char text[EFFECT_TEXT])
{
    int64_t by;

    if (risen(e, &e->marks[1]) == 0 || (by = risen(e, &e->marks[0])) == 0)
        return false;
    snprintf(text, EFFECT_TEXT, "%s counted %" PRId64 " %s",
             effect_component(e, e->marks[0].component)->name, by,
             metric_info(e->marks[0].metric)->name);
    return true;
}

static void mark_client(struct effect *e, enum metric at_server, enum metric at_client,
                        int64_t least)
{
    mark_rise(e, server_of(e), at_server, least);
    mark_rise(e, e->stroke.victim, at_client, least);
    if (e->count != 2)
        e->count = 0;
}

static void begin_cancel(struct effect *e)
{
    mark_client(e, METRIC_CANCELS, METRIC_CANCELS, 1);
}

static void begin_abortive(struct effect *e)
{
    mark_client(e, METRIC_RESETS, METRIC_CONNECTIONS_TOTAL, ABORTIVE_LEAST);
}

/* ---- a loss that the other end records ---- */

static bool look_for_loss(struct effect *e, char text[EFFECT_TEXT])
{
    const char *loss = nemesis_info(e->stroke.nemesis)->loss;
    struct page_event events[EFFECT_EVENTS];
    size_t seen = 0;

    for (size_t i = 0; i < e->count; i++) {
        struct effect_mark *mark = &e->marks[i];
        size_t n;

        for (int look = 0; look < EFFECT_LOOKS && (n = effect_take_events(e, mark, events)) > 0;
             look++) {
            for (size_t k = 0; k < n; k++)
                mark->seen |= events[k].kind < PAGE_EVENT_KINDS &&
                              events[k].time_ns >= e->ordered_ns &&
                              strcmp(page_event_name(events[k].kind), loss) == 0;
        }
        seen += mark->seen;
    }
    if (!effect_is_most(e, seen))
        return false;
    snprintf(text, EFFECT_TEXT, "%zu of its %zu clients recorded %s", seen, e->count, loss);
    return true;
}

/* A client's own reset is seen by its server only. */
static void begin_reset(struct effect *e)
{
    if (effect_component(e, e->stroke.victim)->server)
        effect_mark_clients(e);
    else
        mark_client(e, METRIC_RESETS, METRIC_CONNECTIONS_TOTAL, 1);
}

static bool look_for_reset(struct effect *e, char text[EFFECT_TEXT])
{
    return effect_component(e, e->stroke.victim)->server ? look_for_loss(e, text)
                                                         : look_for_rise(e, text);
}

/* ---- something that stands still, and goes on ---- */

/* A frozen page is told by our clock; else time is what the page says, so that a process that only
 * did not come to publish does not count as standing still. */
static bool read_value(const struct effect *e, const struct effect_mark *mark, int64_t *value,
                       uint64_t *time_ns)
{
    const struct page_snapshot *page;

    if (!effect_read_page(e, mark, &page))
        return false;
    if (e->stroke.nemesis == NEMESIS_FREEZE) {
        *value = (int64_t)page->heartbeat;
        *time_ns = clock_now_ns();
        return true;
    }
    *value = page->metrics.value[mark->metric];
    *time_ns = page->time_ns;
    return metric_has(&page->metrics, mark->metric);
}

static void mark_still(struct effect *e, size_t component, enum metric metric)
{
    struct effect_mark *mark = effect_add_mark(e, component);
    const struct page_snapshot *page;

    if (mark == NULL)
        return;
    mark->metric = metric;
    /* Who was told to pause stands still anyway. */
    if (!effect_read_page(e, mark, &page) || page->state != PAGE_READY ||
        !read_value(e, mark, &mark->value, &mark->since_ns))
        e->count--;
}

static void begin_freeze(struct effect *e)
{
    mark_still(e, e->stroke.victim, METRIC_CONNECTIONS /* the heartbeat is no metric */);
}

/* Of a server: what its clients send it. */
static void begin_stall(struct effect *e)
{
    if (!effect_component(e, e->stroke.victim)->server) {
        mark_still(e, e->stroke.victim, METRIC_BYTES_RECEIVED);
        return;
    }
    for (size_t i = 0; i < e->scenario->count; i++) {
        if (effect_component(e, i)->peer == (int)e->stroke.victim &&
            nemesis_sends(effect_component(e, i)))
            mark_still(e, i, METRIC_BYTES_SENT);
    }
}

static void follow_value(struct effect *e, struct effect_mark *mark)
{
    uint64_t least = nemesis_info(e->stroke.nemesis)->hold_ns / 2, time_ns;
    int64_t value;

    if (mark->seen || !read_value(e, mark, &value, &time_ns))
        return;
    if (value == mark->value) {
        mark->stood |= time_ns - mark->since_ns >= least;
        return;
    }
    mark->seen = mark->stood;
    mark->value = value;
    mark->since_ns = time_ns;
}

static bool look_for_standstill(struct effect *e, char text[EFFECT_TEXT])
{
    const struct effect_mark *first = e->marks;
    size_t seen = 0;

    for (size_t i = 0; i < e->count; i++) {
        follow_value(e, &e->marks[i]);
        seen += e->marks[i].seen;
    }
    if (!effect_is_most(e, seen))
        return false;
    if (e->stroke.nemesis == NEMESIS_FREEZE)
        snprintf(text, EFFECT_TEXT, "its heartbeat stood still, then went on");
    else if (e->count == 1)
        snprintf(text, EFFECT_TEXT, "%s of %s stood still, then went on",
                 metric_info(first->metric)->name, effect_component(e, first->component)->name);
    else
        snprintf(text, EFFECT_TEXT, "%s of %zu of its clients stood still, then went on",
                 metric_info(first->metric)->name, seen);
    return true;
}

/* ---- the certificate that clients are shown ---- */

static void begin_certificate(struct effect *e)
{
    for (size_t i = 0; i < e->scenario->count; i++) {
        struct effect_mark *mark =
            effect_component(e, i)->peer == (int)e->stroke.victim ? effect_add_mark(e, i) : NULL;
        const struct page_snapshot *page;

        if (mark == NULL)
            continue;
        mark->metric = METRIC_PEER_CERTIFICATE;
        if (effect_read_page(e, mark, &page) && metric_has(&page->metrics, mark->metric))
            mark->value = page->metrics.value[mark->metric];
        else
            e->count--;
    }
}

static bool look_for_certificate(struct effect *e, char text[EFFECT_TEXT])
{
    size_t seen = 0;

    for (size_t i = 0; i < e->count; i++) {
        struct effect_mark *mark = &e->marks[i];
        const struct page_snapshot *page;

        mark->seen |= effect_read_page(e, mark, &page) &&
                      metric_has(&page->metrics, mark->metric) &&
                      page->metrics.value[mark->metric] != mark->value;
        seen += mark->seen;
    }
    if (!effect_is_most(e, seen))
        return false;
    snprintf(text, EFFECT_TEXT, "%zu of its %zu clients were shown another certificate", seen,
             e->count);
    return true;
}

/* ---- the table ---- */

static const struct {
    void (*begin)(struct effect *e);
    bool (*look)(struct effect *e, char text[EFFECT_TEXT]);
} kinds[NEMESES] = {
    [NEMESIS_FREEZE] = {begin_freeze, look_for_standstill},
    [NEMESIS_RESET] = {begin_reset, look_for_reset},
    [NEMESIS_GOAWAY] = {effect_mark_clients, look_for_loss},
    [NEMESIS_STALL] = {begin_stall, look_for_standstill},
    [NEMESIS_CANCEL] = {begin_cancel, look_for_rise},
    [NEMESIS_ABORTIVE] = {begin_abortive, look_for_rise},
    [NEMESIS_CERTIFICATE] = {begin_certificate, look_for_certificate},
    [NEMESIS_LATENCY] = {effect_begin_latency, effect_look_for_latency},
    [NEMESIS_HALF_OPEN] = {effect_begin_half_open, effect_look_for_half_open},
};

bool effect_begin(struct effect *e, const struct nemesis_stroke *stroke)
{
    e->stroke = *stroke;
    e->count = 0;
    e->ordered_ns = clock_now_ns();
    kinds[stroke->nemesis].begin(e);
    return e->count > 0;
}

bool effect_look(struct effect *e, char text[EFFECT_TEXT])
{
    return kinds[e->stroke.nemesis].look(e, text);
}
