#include "stress-client/plan.h"

#include "common/engine/mem.h"

#include <stdio.h>

struct group_draft {
    struct plan_group group;
    bool has_connections, has_repeats;
};

struct plan {
    struct group_draft *groups;
    size_t group_count;
    struct plan_call *calls;
    size_t call_count;
};

static const struct {
    const char *name, *path;
} kinds[CALL_KINDS] = {
#define CALL_KIND_ROW(ident, name, path) [CALL_##ident] = {name, path},
    CALL_KIND_TABLE(CALL_KIND_ROW)
#undef CALL_KIND_ROW
};

const char *call_kind_name(enum call_kind kind)
{
    return kinds[kind].name;
}

const char *call_kind_path(enum call_kind kind)
{
    return kinds[kind].path;
}

struct plan *plan_new(size_t words)
{
    struct plan *plan = mem_calloc(MEM_APP, 1, sizeof *plan);

    if (plan == NULL)
        return NULL;
    plan->groups = mem_calloc(MEM_APP, words + 1, sizeof *plan->groups);
    plan->calls = mem_calloc(MEM_APP, words + 1, sizeof *plan->calls);
    if (plan->groups == NULL || plan->calls == NULL) {
        plan_free(plan);
        return NULL;
    }
    return plan;
}

void plan_free(struct plan *plan)
{
    if (plan == NULL)
        return;
    mem_free(MEM_APP, plan->groups);
    mem_free(MEM_APP, plan->calls);
    mem_free(MEM_APP, plan);
}

static struct group_draft *begin_group(struct plan *plan)
{
    struct group_draft *draft = &plan->groups[plan->group_count++];

    draft->group.connections = 1;
    draft->group.repeats = 1;
    draft->group.first_call = plan->call_count;
    return draft;
}

/* The group that a group option belongs to: the one under way if it has no call yet. */
static struct group_draft *option_group(struct plan *plan)
{
    struct group_draft *last;

    if (plan->group_count == 0)
        return begin_group(plan);
    last = &plan->groups[plan->group_count - 1];
    return last->group.call_count == 0 ? last : begin_group(plan);
}

static bool set_once(const struct plan *plan, bool *seen, const char *option, char *error,
                     size_t cap)
{
    if (*seen) {
        snprintf(error, cap, "--%s is given twice in group %zu", option, plan->group_count);
        return false;
    }
    *seen = true;
    return true;
}

bool plan_set_concurrent(struct plan *plan, char *error, size_t cap)
{
    struct group_draft *draft = option_group(plan);

    return set_once(plan, &draft->group.concurrent, "concurrent", error, cap);
}

bool plan_set_connections(struct plan *plan, uint64_t connections, char *error, size_t cap)
{
    struct group_draft *draft = option_group(plan);

    draft->group.connections = connections;
    return set_once(plan, &draft->has_connections, "num-connections", error, cap);
}

bool plan_set_repeats(struct plan *plan, uint64_t repeats, char *error, size_t cap)
{
    struct group_draft *draft = option_group(plan);

    draft->group.repeats = repeats;
    return set_once(plan, &draft->has_repeats, "num-calls", error, cap);
}

void plan_add_call(struct plan *plan, enum call_kind kind, uint64_t messages)
{
    struct group_draft *draft =
        plan->group_count == 0 ? begin_group(plan) : &plan->groups[plan->group_count - 1];

    plan->calls[plan->call_count++] = (struct plan_call){kind, messages};
    draft->group.call_count++;
}

static bool calls_are_endless(const struct plan *plan, const struct plan_group *group)
{
    return plan_call(plan, group, group->call_count - 1)->messages == PLAN_ENDLESS;
}

static bool connection_is_endless(const struct plan *plan, const struct plan_group *group)
{
    return group->repeats == PLAN_ENDLESS || calls_are_endless(plan, group);
}

static bool group_is_endless(const struct plan *plan, const struct plan_group *group)
{
    return group->connections == PLAN_ENDLESS || connection_is_endless(plan, group);
}

/* A call after an endless one on the same connection would never start. */
static bool check_calls(const struct plan *plan, size_t index, char *error, size_t cap)
{
    const struct plan_group *group = plan_group(plan, index);

    for (size_t i = 0; i + 1 < group->call_count; i++) {
        const struct plan_call *call = plan_call(plan, group, i);

        if (call->messages == PLAN_ENDLESS) {
            snprintf(error, cap,
                     "--%s would never start: it stands after the endless --%s 0 of group %zu",
                     call_kind_name(call[1].kind), call_kind_name(call->kind), index + 1);
            return false;
        }
    }
    return true;
}

/* Nor would a repeat after an endless call list, or a connection after an endless one. */
static bool check_counts(const struct plan *plan, size_t index, char *error, size_t cap)
{
    const struct plan_group *group = plan_group(plan, index);

    if (calls_are_endless(plan, group) && group->repeats != 1) {
        snprintf(error, cap, "group %zu: --num-calls cannot repeat an endless stream: leave it out",
                 index + 1);
        return false;
    }
    if (connection_is_endless(plan, group) && group->connections != 1 && !group->concurrent) {
        snprintf(error, cap,
                 "group %zu: its first connection runs for ever, the next would never start: "
                 "add --concurrent",
                 index + 1);
        return false;
    }
    return true;
}

static bool check_group(const struct plan *plan, size_t index, char *error, size_t cap)
{
    const struct plan_group *group = plan_group(plan, index);

    if (group->call_count == 0) {
        snprintf(error, cap, "group %zu has no call: add --non-streaming or another", index + 1);
        return false;
    }
    if (group->concurrent && group->connections == PLAN_ENDLESS) {
        snprintf(error, cap,
                 "group %zu: --num-connections 0 (for ever) cannot be --concurrent: give a number",
                 index + 1);
        return false;
    }
    if (!check_calls(plan, index, error, cap) || !check_counts(plan, index, error, cap))
        return false;
    if (group_is_endless(plan, group) && index + 1 < plan->group_count) {
        snprintf(error, cap, "group %zu would never start: group %zu runs for ever", index + 2,
                 index + 1);
        return false;
    }
    return true;
}

bool plan_check(const struct plan *plan, char *error, size_t cap)
{
    if (plan->group_count == 0) {
        snprintf(error, cap, "nothing to do: name a call, for example --non-streaming");
        return false;
    }
    for (size_t i = 0; i < plan->group_count; i++) {
        if (!check_group(plan, i, error, cap))
            return false;
    }
    return true;
}

size_t plan_group_count(const struct plan *plan)
{
    return plan->group_count;
}

const struct plan_group *plan_group(const struct plan *plan, size_t index)
{
    return &plan->groups[index].group;
}

const struct plan_call *plan_call(const struct plan *plan, const struct plan_group *group,
                                  size_t index)
{
    return &plan->calls[group->first_call + index];
}

uint64_t plan_widest(const struct plan *plan)
{
    uint64_t widest = 1;

    for (size_t i = 0; i < plan->group_count; i++) {
        const struct plan_group *group = plan_group(plan, i);

        if (group->concurrent && group->connections > widest)
            widest = group->connections;
    }
    return widest;
}
