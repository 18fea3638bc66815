#include "driver/effect_marks.h"

const struct component *effect_component(const struct effect *e, size_t i)
{
    return &e->scenario->components[i];
}

/* The incarnation that was marked, or NULL. */
static struct process *find(const struct effect *e, const struct effect_mark *mark)
{
    struct process *process = supervisor_process(e->supervisor, mark->component);

    return process != NULL && process->number == mark->number ? process : NULL;
}

struct effect_mark *effect_add_mark(struct effect *e, size_t component)
{
    const struct process *process = supervisor_process(e->supervisor, component);
    struct effect_mark *mark;

    if (process == NULL || process->page == NULL || !supervisor_is_up(e->supervisor, component))
        return NULL;
    mark = &e->marks[e->count++];
    *mark = (struct effect_mark){.component = component, .number = process->number};
    return mark;
}

bool effect_read_page(const struct effect *e, const struct effect_mark *mark,
                      const struct page_snapshot **out)
{
    static struct page_snapshot snapshot;
    const struct process *process = find(e, mark);

    *out = &snapshot;
    return process != NULL && page_read(process->page, &snapshot);
}

size_t effect_take_events(const struct effect *e, struct effect_mark *mark,
                          struct page_event events[EFFECT_EVENTS])
{
    const struct process *process = find(e, mark);

    return process == NULL ? 0
                           : page_take_events(process->page, &mark->cursor, events, EFFECT_EVENTS);
}

void effect_mark_clients(struct effect *e)
{
    struct page_event events[EFFECT_EVENTS];

    for (size_t i = 0; i < e->scenario->count; i++) {
        struct effect_mark *mark =
            effect_component(e, i)->peer == (int)e->stroke.victim ? effect_add_mark(e, i) : NULL;

        /* What was before. */
        for (int look = 0; mark != NULL && look < EFFECT_LOOKS; look++) {
            if (effect_take_events(e, mark, events) == 0)
                break;
        }
    }
}

bool effect_is_most(const struct effect *e, size_t seen)
{
    return seen > 0 && 2 * seen >= e->count;
}
