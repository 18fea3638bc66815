#include "driver/nemeses.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "driver/effect.h"

#include <signal.h>
#include <stdlib.h>

#define TICK_S 0.05
#define SETTLED_NS (2500 * NS_PER_MS) /* a fresh process has its recovery to show first */
#define PATIENCE_NS (5 * NS_PER_S)    /* a stroke put off for longer is left out */
#define SHOW_NS NS_PER_S              /* what an effect usually takes, and more */
#define FIRST_STROKES 3

/* How each is done: a signal, or a command of the page, of the victim or of the line to it; and how
 * it is undone. */
static const struct deed {
    bool on_line;
    int signal, undo_signal;
    enum page_command_op op, undo_op;
    uint64_t argument;
} deeds[NEMESES] = {
    [NEMESIS_FREEZE] = {.signal = SIGSTOP, .undo_signal = SIGCONT},
    [NEMESIS_RESET] = {.op = PAGE_COMMAND_RESET},
    [NEMESIS_GOAWAY] = {.op = PAGE_COMMAND_GOAWAY},
    [NEMESIS_STALL] = {.op = PAGE_COMMAND_STALL}, /* undone by the victim itself */
    [NEMESIS_CANCEL] = {.op = PAGE_COMMAND_CANCEL},
    [NEMESIS_ABORTIVE] = {.op = PAGE_COMMAND_ABORT_CLOSE,
                          .undo_op = PAGE_COMMAND_ABORT_CLOSE,
                          .argument = 1},
    /* The former one lives as long as its connections, so these are told to go. */
    [NEMESIS_CERTIFICATE] = {.op = PAGE_COMMAND_RELOAD, .undo_op = PAGE_COMMAND_GOAWAY},
    [NEMESIS_LATENCY] = {.on_line = true,
                         .op = PAGE_COMMAND_DELAY,
                         .undo_op = PAGE_COMMAND_DELAY,
                         .argument = NEMESIS_LATENCY_NS},
    [NEMESIS_HALF_OPEN] = {.on_line = true, .op = PAGE_COMMAND_MUTE}, /* for ever */
};

/* A server with its clients, and what befalls them. */
struct house {
    size_t server;
    unsigned k; /* of the next stroke, or of the one under way */
    struct nemesis_stroke stroke;
    uint64_t due_ns;
    bool over;      /* no stroke comes any more */
    bool under_way; /* ordered; what follows is of it */
    bool held, seen;
    int number; /* of the victim's incarnation */
    int64_t row;
    struct effect effect;
};

struct nemeses {
    struct nemeses_settings settings;
    struct ev_loop *loop;
    ev_timer timer;
    uint64_t begun_ns;
    struct house *houses;
    size_t count;
};

static const struct component *component_of(const struct nemeses *n, size_t i)
{
    return &n->settings.plan.scenario->components[i];
}

/* ---- one stroke after the other ---- */

static void plan_next(struct nemeses *n, struct house *h, uint64_t from_ns)
{
    h->under_way = false;
    h->over = !nemesis_draw(&n->settings.plan, h->server, ++h->k, &h->stroke);
    h->due_ns = from_ns + h->stroke.after_ns;
}

/* No command of anybody is on its way. */
static bool is_free(const struct process *process)
{
    uint64_t argument;

    return page_pending(process->page, &argument) == PAGE_COMMAND_NONE;
}

/* Up for a while, and sending. Never somebody else's program, which has no page to order on. */
static bool is_settled(const struct nemeses *n, size_t i, uint64_t now)
{
    static struct page_snapshot page;
    const struct process *process = supervisor_process(n->settings.supervisor, i);

    return supervisor_is_up(n->settings.supervisor, i) && process != NULL &&
           process->page != NULL && page_read(process->page, &page) && page.state == PAGE_READY &&
           is_free(process) && now >= page.ready_ns + SETTLED_NS;
}

/* The victim's process if it is the one that was struck and was not ordered dead since. */
static struct process *victim(const struct nemeses *n, const struct house *h)
{
    struct process *process = supervisor_process(n->settings.supervisor, h->stroke.victim);

    return process != NULL && process->number == h->number &&
                   supervisor_is_up(n->settings.supervisor, h->stroke.victim)
               ? process
               : NULL;
}

/* Who is told to do it. NULL: there is no line. */
static struct process *doer(const struct nemeses *n, const struct house *h, struct process *victim)
{
    if (!deeds[h->stroke.nemesis].on_line)
        return victim;
    return n->settings.lines == NULL ? NULL : lines_process(n->settings.lines, h->server);
}

/* No process that is being started may find one file of either pair. */
static bool swap_certificates(const struct nemeses *n)
{
    const struct scenario *s = n->settings.plan.scenario;

    for (size_t i = 0; i < s->count; i++) {
        if (supervisor_process(n->settings.supervisor, i) != NULL &&
            !supervisor_is_up(n->settings.supervisor, i))
            return false;
    }
    return certificates_swap(n->settings.certificates);
}

static void strike(struct nemeses *n, struct house *h)
{
    const struct nemesis_info *info = nemesis_info(h->stroke.nemesis);
    const struct deed *deed = &deeds[h->stroke.nemesis];
    struct process *process = supervisor_process(n->settings.supervisor, h->stroke.victim);
    struct run_fault fault = {.kind = info->name,
                              .component = n->settings.rows[h->stroke.victim],
                              .incarnation = process->row};
    struct process *to = doer(n, h, process);

    if (to == NULL || !effect_begin(&h->effect, &h->stroke) ||
        (h->stroke.nemesis == NEMESIS_CERTIFICATE && !swap_certificates(n)))
        return;
    h->under_way = h->held = true;
    h->seen = false;
    h->number = process->number;
    fault.ordered_ns = h->effect.ordered_ns;
    (void)run_writer_fault(n->settings.writer, &fault, &h->row);
    log_debug("nemesis: %s befalls %s", info->name, component_of(n, h->stroke.victim)->name);
    if (deed->signal != 0)
        spawn_signal(&to->child, deed->signal);
    else
        (void)page_order(to->page, deed->op, deed->argument != 0 ? deed->argument : info->hold_ns);
}

/* False: it has not obeyed the first command yet. */
static bool undo(const struct house *h, struct process *process)
{
    const struct deed *deed = &deeds[h->stroke.nemesis];

    if (deed->undo_signal != 0)
        spawn_signal(&process->child, deed->undo_signal);
    if (deed->undo_op == PAGE_COMMAND_NONE)
        return true;
    if (!is_free(process))
        return false;
    (void)page_order(process->page, deed->undo_op, 0);
    return true;
}

static void look(struct nemeses *n, struct house *h, uint64_t now)
{
    char text[EFFECT_TEXT];

    h->seen = effect_look(&h->effect, text);
    if (h->seen)
        (void)run_writer_fault_effect(n->settings.writer, h->row, now, text);
}

/* A victim that was told to end must be able to, whatever befell it. False: a line has to be told
 * again, for its next clients. */
static bool let_go(const struct nemeses *n, const struct house *h)
{
    struct process *process = supervisor_process(n->settings.supervisor, h->stroke.victim);

    if (!h->under_way || !h->held)
        return true;
    if (deeds[h->stroke.nemesis].on_line)
        return undo(h, doer(n, h, process));
    if (process != NULL && process->number == h->number)
        (void)undo(h, process);
    return true;
}

static void follow(struct nemeses *n, struct house *h, uint64_t now)
{
    const struct nemesis_info *info = nemesis_info(h->stroke.nemesis);
    uint64_t held_until = h->effect.ordered_ns + info->hold_ns;
    struct process *process = victim(n, h);

    if (process == NULL) {
        if (let_go(n, h))
            plan_next(n, h, now);
        return;
    }
    process = doer(n, h, process);
    if (!h->seen)
        look(n, h, now);
    if (h->held && now >= held_until)
        h->held = !undo(h, process);
    /* Connections that were told to go are drained first: those that are left have nothing to show.
     */
    if (deeds[h->stroke.nemesis].undo_op == PAGE_COMMAND_GOAWAY && now < held_until + SHOW_NS)
        return;
    if (h->held || !is_free(process) || (!h->seen && now < held_until + NEMESIS_EFFECT_NS))
        return;
    if (!h->seen)
        log_warn("nemesis: no effect of %s on %s was seen", info->name,
                 component_of(n, h->stroke.victim)->name);
    plan_next(n, h, now);
}

/* Whether what is held from now on would reach into a checkpoint. */
static bool is_looked_at(const struct nemeses *n, uint64_t now, uint64_t hold_ns)
{
    const struct checkpoint_plan *looks = &n->settings.looks;
    unsigned count = checkpoint_plan_count(looks);

    for (unsigned i = 1; i <= count; i++) {
        uint64_t due = n->begun_ns + checkpoint_plan_time(looks, i);

        if (now < due && now + hold_ns + SHOW_NS > due)
            return true;
    }
    return supervisor_is_frozen(n->settings.supervisor);
}

static void wait_or_strike(struct nemeses *n, struct house *h, uint64_t now)
{
    uint64_t hold_ns = nemesis_info(h->stroke.nemesis)->hold_ns;

    if (now + hold_ns + CHAOS_QUIET_NS > n->begun_ns + n->settings.duration_ns)
        h->over = true;
    else if (is_looked_at(n, now, hold_ns))
        return;
    else if (is_settled(n, h->stroke.victim, now) && is_settled(n, h->server, now))
        strike(n, h);
    else if (now > h->due_ns + PATIENCE_NS)
        plan_next(n, h, now);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct nemeses *n = timer->data;
    uint64_t now = clock_now_ns();

    (void)loop, (void)revents;
    for (size_t i = 0; i < n->count; i++) {
        struct house *h = &n->houses[i];

        if (h->under_way)
            follow(n, h, now);
        else if (!h->over && now >= h->due_ns)
            wait_or_strike(n, h, now);
    }
}

/* ---- life ---- */

static bool add_houses(struct nemeses *n)
{
    const struct scenario *s = n->settings.plan.scenario;

    n->houses = calloc(s->count, sizeof *n->houses);
    for (size_t i = 0; n->houses != NULL && i < s->count; i++) {
        struct house *h = &n->houses[n->count];

        if (!s->components[i].server)
            continue;
        h->server = i;
        if (!effect_init(&h->effect, n->settings.supervisor, s))
            return false;
        n->count++;
    }
    return n->houses != NULL;
}

struct nemeses *nemeses_new(struct ev_loop *loop, const struct nemeses_settings *settings)
{
    struct nemeses *n = calloc(1, sizeof *n);

    if (n == NULL)
        return NULL;
    n->settings = *settings;
    n->loop = loop;
    ev_timer_init(&n->timer, on_tick, TICK_S, TICK_S);
    n->timer.data = n;
    if (add_houses(n))
        return n;
    nemeses_free(n);
    return NULL;
}

void nemeses_free(struct nemeses *n)
{
    if (n == NULL)
        return;
    ev_timer_stop(n->loop, &n->timer);
    for (size_t i = 0; i < n->count; i++)
        effect_release(&n->houses[i].effect);
    free(n->houses);
    free(n);
}

void nemeses_begin(struct nemeses *n, uint64_t now_ns)
{
    if (n == NULL)
        return;
    n->begun_ns = now_ns;
    for (size_t i = 0; i < n->count; i++)
        plan_next(n, &n->houses[i], now_ns);
    ev_timer_start(n->loop, &n->timer);
}

void nemeses_end(struct nemeses *n)
{
    if (n == NULL)
        return;
    ev_timer_stop(n->loop, &n->timer);
    for (size_t i = 0; i < n->count; i++) {
        (void)let_go(n, &n->houses[i]);
        n->houses[i].under_way = false;
    }
}

void nemeses_print_plan(const struct nemeses *n)
{
    for (size_t i = 0; n != NULL && i < n->count; i++) {
        struct nemesis_stroke stroke;

        for (unsigned k = 1; k <= FIRST_STROKES; k++) {
            if (nemesis_draw(&n->settings.plan, n->houses[i].server, k, &stroke))
                log_info("  nemesis: %.3f s after %s  %s  %s", (double)stroke.after_ns / 1e9,
                         k == 1 ? "the beginning" : "the one before",
                         nemesis_info(stroke.nemesis)->name, component_of(n, stroke.victim)->name);
        }
    }
}
