/* Which curves are drawn as lines: those whose memory rose most. */
#include "results-server/live_internal.h"

#include <math.h>
#include <stdlib.h>

/* What is drawn stays drawn until another one is clearly ahead. */
#define STAYING_SHARE 0.25
#define STAYING_BYTES 65536.0

struct candidate {
    double rise, level; /* where nothing can be said of the rise, the level decides */
    bool *chosen;
};

static int by_need(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->rise != y->rise)
        return x->rise > y->rise ? -1 : 1;
    return x->level > y->level ? -1 : x->level < y->level;
}

static struct candidate weigh(const struct live_series *memory, unsigned end, double level,
                              bool *chosen)
{
    double rise = live_series_rise(memory, end);

    if (*chosen)
        rise += STAYING_BYTES + STAYING_SHARE * fabs(rise);
    if (*chosen)
        level *= 1 + STAYING_SHARE;
    return (struct candidate){isnan(rise) ? -INFINITY : rise, level, chosen};
}

/* True: others than before. */
static bool choose(struct candidate *list, size_t count)
{
    bool changed = false;

    qsort(list, count, sizeof *list, by_need);
    for (size_t i = 0; i < count; i++) {
        changed = changed || *list[i].chosen != (i < LIVE_LINES);
        *list[i].chosen = i < LIVE_LINES;
    }
    return changed;
}

static bool choose_parts(struct live_host *host, struct candidate *list)
{
    const struct live_test *test = host->test;
    unsigned end = ((test->end - 1) >> test->folds) + 1;

    for (size_t i = 0; i < host->count; i++) {
        struct live_part *part = host->parts[i];

        list[i] =
            weigh(&part->curves.series[LIVE_MEMORY], end, (double)part->memory, &part->chosen);
    }
    return choose(list, host->count);
}

static bool choose_hosts(const struct live_test *test, struct candidate *list)
{
    for (size_t i = 0; i < test->count; i++) {
        struct live_host *host = test->hosts[i];

        list[i] = weigh(&host->curves.series[LIVE_MEMORY], test->end, (double)host->memory,
                        &host->chosen);
    }
    return choose(list, test->count);
}

bool live_test_choose(struct live_test *test)
{
    size_t most = test->count;
    struct candidate *list;
    bool changed;

    for (size_t h = 0; h < test->count; h++)
        most = test->hosts[h]->count > most ? test->hosts[h]->count : most;
    list = most == 0 || test->end == 0 ? NULL : malloc(most * sizeof *list);
    if (list == NULL)
        return false;
    changed = choose_hosts(test, list);
    for (size_t h = 0; h < test->count; h++)
        changed = choose_parts(test->hosts[h], list) || changed;
    free(list);
    return changed;
}
