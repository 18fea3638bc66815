#include "stress-server/reply_plan.h"

#include "common/engine/mem.h"

#include <string.h>

#define FIRST_CAP 4

static bool is_same(const struct test_reply_parameters *a, const struct test_reply_parameters *b)
{
    return a->size == b->size && a->interval_us == b->interval_us && a->compressed == b->compressed;
}

/* Room for one run more, at the end. */
static bool make_room(struct reply_plan *plan)
{
    uint32_t cap = plan->cap == 0 ? FIRST_CAP : plan->cap * 2;
    struct reply_run *runs;

    if (plan->runs != NULL && plan->first + plan->count < plan->cap)
        return true;
    if (plan->runs != NULL && plan->first > plan->cap / 2) {
        memmove(plan->runs, plan->runs + plan->first, plan->count * sizeof *plan->runs);
        plan->first = 0;
        return true;
    }
    if (cap > REPLY_PLAN_MAX)
        return false;
    runs = mem_realloc(MEM_APP, plan->runs, cap * sizeof *runs);
    if (runs == NULL)
        return false;
    plan->runs = runs;
    plan->cap = cap;
    return true;
}

bool reply_plan_add(struct reply_plan *plan, const struct test_reply_parameters *reply)
{
    struct reply_run *last = plan->count > 0 ? &plan->runs[plan->first + plan->count - 1] : NULL;

    if (last != NULL && is_same(&last->reply, reply)) {
        last->count++;
        return true;
    }
    if (!make_room(plan))
        return false;
    plan->runs[plan->first + plan->count++] = (struct reply_run){*reply, 1};
    return true;
}

const struct test_reply_parameters *reply_plan_next(const struct reply_plan *plan)
{
    return plan->count > 0 ? &plan->runs[plan->first].reply : NULL;
}

/* An empty plan holds no memory. */
void reply_plan_pop(struct reply_plan *plan)
{
    if (--plan->runs[plan->first].count > 0)
        return;
    plan->first++;
    if (--plan->count == 0)
        reply_plan_free(plan);
}

void reply_plan_free(struct reply_plan *plan)
{
    mem_free(MEM_APP, plan->runs);
    *plan = (struct reply_plan){.runs = NULL};
}
