#include "tests/unit/scratch.h"

#include "tests/fixtures/synthetic_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

char scratch[64];

int scratch_set_up(void **state)
{
    (void)state;
    synthetic_run_folder(scratch, sizeof scratch);
    return 0;
}

int scratch_set_up_run(void **state)
{
    (void)scratch_set_up(state);
    synthetic_run_write(scratch);
    return 0;
}

int scratch_tear_down(void **state)
{
    (void)state;
    synthetic_run_remove(scratch);
    return 0;
}

const char *scratch_path(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", scratch, name);
    return path;
}

void scratch_put(const char *name, const void *data, size_t size)
{
    FILE *file = fopen(scratch_path(name), "w");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}
