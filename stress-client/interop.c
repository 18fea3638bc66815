#include "stress-client/interop.h"

#include "common/engine/mem.h"
#include "stress-client/interop_cases.h"

#include <string.h>

static const struct {
    const char *name;
    bool (*run)(struct interop *t);
} cases[] = {
#define INTEROP_CASE_ROW(name) {#name, interop_case_##name},
    INTEROP_CASE_TABLE(INTEROP_CASE_ROW)
#undef INTEROP_CASE_ROW
};

#define CASES (sizeof cases / sizeof *cases)

static bool is_wanted(const char *wanted, size_t index)
{
    return strcmp(wanted, "all") == 0 || strcmp(wanted, cases[index].name) == 0;
}

bool interop_case_exists(const char *name)
{
    for (size_t i = 0; i < CASES; i++) {
        if (is_wanted(name, i))
            return true;
    }
    return false;
}

static bool run_case(struct interop *t, size_t index)
{
    bool passed;

    if (rpc_connect(&t->peer, t->config->loop, t->config->target, t->config->limit_ns))
        passed = cases[index].run(t);
    else
        passed = interop_fail(t, "%s", t->peer.end);
    rpc_close(&t->peer);
    return passed;
}

bool interop_run(const struct interop_config *config, FILE *out)
{
    uint8_t *zeros = mem_calloc(MEM_APP, 1, INTEROP_LARGE_REQUEST);
    bool all_passed = zeros != NULL;

    for (size_t i = 0; i < CASES; i++) {
        struct interop t = {.config = config, .zeros = zeros};

        if (!is_wanted(config->name, i))
            continue;
        if (zeros == NULL)
            interop_fail(&t, "no memory");
        if (zeros != NULL && run_case(&t, i)) {
            fprintf(out, "%s: passed\n", cases[i].name);
        } else {
            fprintf(out, "%s: %s: %s\n", cases[i].name, t.unsupported ? "unsupported" : "FAILED",
                    t.why);
            all_passed = false;
        }
        fflush(out);
    }
    mem_free(MEM_APP, zeros);
    return all_passed;
}
