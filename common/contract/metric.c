#include "common/contract/metric.h"

#include <string.h>

static const struct metric_info table[METRIC_COUNT] = {
#define METRIC_ROW(ident, id, name, unit, kind, source) \
    [METRIC_##ident] = {id, name, unit, METRIC_##kind, METRIC_##source},
    METRIC_TABLE(METRIC_ROW)
#undef METRIC_ROW
};

const struct metric_info *metric_info(enum metric metric)
{
    return &table[metric];
}

int metric_find(const char *name)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        if (strcmp(table[i].name, name) == 0)
            return i;
    }
    return -1;
}
