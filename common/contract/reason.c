#include "common/contract/reason.h"

#include <string.h>

static const struct {
    const char *name, *text;
} table[REASON_COUNT] = {
#define REASON_ROW(ident, name, text) [REASON_##ident] = {name, text},
    REASON_TABLE(REASON_ROW)
#undef REASON_ROW
};

const char *reason_name(enum reason reason)
{
    return table[reason].name;
}

const char *reason_text(enum reason reason)
{
    return table[reason].text;
}

int reason_find(const char *name)
{
    for (int i = 0; i < REASON_COUNT; i++) {
        if (strcmp(table[i].name, name) == 0)
            return i;
    }
    return -1;
}
