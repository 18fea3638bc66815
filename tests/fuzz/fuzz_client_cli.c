/* The command line of stress-client (cli.h): it ends in a plan that holds together. */
#include "stress-client/options.h"
#include "tests/fuzz/cli.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct options options;

static void check_plan(const struct plan *plan)
{
    char error[256];

    if (!plan_check(plan, error, sizeof error) || plan_group_count(plan) == 0 ||
        plan_widest(plan) == 0)
        abort();
    for (size_t g = 0; g < plan_group_count(plan); g++) {
        const struct plan_group *group = plan_group(plan, g);

        if (group->call_count == 0)
            abort();
        for (size_t c = 0; c < group->call_count; c++) {
            if (plan_call(plan, group, c)->kind >= CALL_KINDS)
                abort();
        }
    }
}

static void check_relay(const struct relay_options *o)
{
    if ((o->publish == NULL) == (o->subscribe == NULL))
        abort();
    if (o->publish != NULL && (o->authors == 0 || o->events < o->authors))
        abort();
    if (o->subscribe != NULL && o->subscribers == 0)
        abort();
}

/* What takes the place of calls leaves no plan. */
static void check_taken(const struct options *o)
{
    if (peer_options_used(&o->peers) && plan_group_count(o->plan) > 0)
        abort();
    if (peer_options_used(&o->peers))
        return;
    if (relay_options_used(&o->relay))
        check_relay(&o->relay);
    else if (!o->probe && o->interop_case == NULL && o->swarm.clients == 0)
        check_plan(o->plan);
}

static void read_options(int argc, char **argv)
{
    options_read(&options, argc, argv);
    check_taken(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&options, 0, sizeof options);
    cli_run("stress-client", data, size, read_options);
    plan_free(options.plan);
    return 0;
}
