#include "charts/render.h"
#include "common/base/log.h"
#include "driver/cli/options.h"
#include "driver/compare.h"
#include "driver/job.h"
#include "driver/judge.h"
#include "driver/limits_load.h"
#include "driver/scenario_print.h"
#include "driver/scenario_reference.h"
#include "driver/selfcheck.h"
#include "driver/suspects.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static enum exit_status draw(const struct options *options)
{
    char error[256];

    if (!charts_check_gnuplot(error, sizeof error)) {
        log_error("%s", error);
        return STATUS_ENVIRONMENT;
    }
    return judge_run(options->operands[0], &(struct judge_wishes){.charts = true});
}

static enum exit_status report(const struct options *options)
{
    return judge_run(options->operands[0], &(struct judge_wishes){.report = true,
                                                                  .format = options->format,
                                                                  .output = options->output,
                                                                  .max_size = options->max_size});
}

static enum exit_status gate(const struct options *options)
{
    return judge_run(options->operands[0],
                     &(struct judge_wishes){.report = true,
                                            .verdict = true,
                                            .rules = options->rules_file,
                                            .allow_inconclusive = options->allow_inconclusive});
}

/* What a user may want to change, or to know. */
static enum exit_status show_scenario(struct options *options)
{
    const struct scenario *s = &options->scenario;
    size_t servers = 0;

    for (size_t i = 0; i < s->count; i++)
        servers += s->components[i].server;
    if (options->print_reference)
        scenario_reference_print(stdout);
    else if (options->print_default)
        scenario_print(s, stdout);
    else
        printf("%s: %zu %s, %zu %s\n", options->check_file, servers,
               servers == 1 ? "server" : "servers", s->count - servers,
               s->count - servers == 1 ? "client" : "clients");
    scenario_clear(&options->scenario);
    return fflush(stdout) == 0 ? STATUS_PASSED : STATUS_ENVIRONMENT;
}

/* The limits of the run are part of what it records: the defaults, over them the scenario's, over
 * them those of --rules. */
static enum exit_status run(const struct options *options, char **argv)
{
    struct gate_limits limits = GATE_LIMITS_DEFAULT;
    const struct scenario *s = &options->scenario;
    char error[1024];

    for (size_t i = 0; i < s->limit_count; i++)
        (void)limits_set(&limits, s->limits[i].name, s->limits[i].value);
    if (options->rules_file != NULL &&
        !limits_load(options->rules_file, &limits, error, sizeof error)) {
        log_error("%s", error);
        return STATUS_USAGE;
    }
    return job_run(options, &limits, argv);
}

static enum exit_status compare(struct options *options)
{
    struct compare *c;
    enum exit_status status;
    char error[1024];
    bool ok = true;

    options->bases[0] = options->operands[0];
    c = compare_new(options->bases, options->base_count + 1, options->operands + 1,
                    (size_t)options->operand_count - 1, error, sizeof error);
    if (c == NULL) {
        log_error("%s", error);
        return STATUS_ENVIRONMENT;
    }
    status = compare_status(c);
    if (options->compare_json)
        ok = compare_json(c, stdout);
    else
        compare_terminal(c, stdout);
    compare_free(c);
    if (!ok || fflush(stdout) != 0 || ferror(stdout)) {
        log_error("cannot write to standard output: %s", ok ? strerror(errno) : "no memory");
        return STATUS_ENVIRONMENT;
    }
    return status;
}

int main(int argc, char **argv)
{
    verb_main_fn *own = argc > 1 ? verbs_find_own(argv[1]) : NULL;
    struct options options;
    enum verb verb;

    log_init("driver", LOG_INFO, false);
    if (own != NULL)
        return own(argc - 1, argv + 1);
    verb = options_take(&options, argc, argv);
    log_init("driver", options.verbose ? LOG_DEBUG : LOG_INFO, false);
    switch (verb) {
    case VERB_GATE:
        return gate(&options);
    case VERB_REPORT:
        return report(&options);
    case VERB_CHARTS:
        return draw(&options);
    case VERB_COMPARE:
        return compare(&options);
    case VERB_SCENARIO:
        return show_scenario(&options);
    case VERB_SELFCHECK:
        return selfcheck_run(&options, argv);
    case VERB_SUSPECTS:
        return suspects_print(options.operands[0]);
    default:
        return run(&options, argv);
    }
}
