#include "common/run/verdict.h"

#include <stdlib.h>

static const struct {
    const char *name;
    int weight;
} outcomes[] = {
    [OUTCOME_PASS] = {"pass", 0},
    [OUTCOME_FAIL] = {"fail", 2},
    [OUTCOME_INCONCLUSIVE] = {"inconclusive", 1},
};

const char *outcome_name(enum outcome outcome)
{
    return outcomes[outcome].name;
}

enum outcome outcome_worse(enum outcome a, enum outcome b)
{
    return outcomes[b].weight > outcomes[a].weight ? b : a;
}

bool verdict_list_add(struct verdict_list *list, const struct verdict *verdict)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : 2 * list->capacity;
        struct verdict *items = reallocarray(list->items, capacity, sizeof *items);

        if (items == NULL)
            return false;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = *verdict;
    return true;
}

enum outcome verdict_list_worst(const struct verdict_list *list, int64_t component,
                                const struct verdict **first)
{
    enum outcome worst = OUTCOME_PASS;

    if (first != NULL)
        *first = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const struct verdict *v = &list->items[i];

        if (component != 0 && v->component != component)
            continue;
        if (first != NULL && (*first == NULL || outcome_worse(worst, v->outcome) != worst))
            *first = v;
        worst = outcome_worse(worst, v->outcome);
    }
    return worst;
}

void verdict_list_free(struct verdict_list *list)
{
    free(list->items);
    *list = (struct verdict_list){0};
}
