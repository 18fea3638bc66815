#include "tests/unit/judging.h"

#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

struct verdict_list judging_judge(void)
{
    struct verdict_list list = {0};
    char error[256] = "";
    struct run_reader *run = run_reader_new(scratch, error, sizeof error);

    assert_string_equal(error, "");
    assert_true(gate_judge(run, NULL, &list, error, sizeof error));
    run_reader_free(run);
    return list;
}

const struct verdict *judging_find(const struct verdict_list *list, int64_t component,
                                   const char *rule)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].component == component && strcmp(list->items[i].rule, rule) == 0)
            return &list->items[i];
    }
    fail_msg("no verdict of %s on component %lld", rule, (long long)component);
    return NULL;
}
