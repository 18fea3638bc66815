#include "config.h"

#include "driver/record.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/rng.h"
#include "driver/scenario_print.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_KILLS 3

/* The fleet as it was, whatever becomes of the file that it came from. */
static bool record_scenario(struct run_writer *writer, const struct scenario *scenario)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    bool done;

    if (out == NULL)
        return true; /* no memory: the run says less about itself */
    scenario_print(scenario, out);
    done = fclose(out) != 0 || run_writer_meta_text(writer, "scenario", text);
    free(text);
    return done;
}

static bool record_place(struct run_writer *writer, const struct host_orders *orders)
{
    return orders->report_to == NULL ||
           (run_writer_meta_int(writer, "hosts", orders->size) &&
            run_writer_meta_int(writer, "rank", orders->rank) &&
            run_writer_meta_text(writer, "place", place_name(orders->place)));
}

bool record_run(struct run_writer *writer, const struct options *options, char *const *argv)
{
    char host[256] = "", *command = fleet_quote(argv);
    bool done;

    gethostname(host, sizeof host - 1);
    done =
        run_writer_meta_text(writer, "flatline_version", VERSION) &&
        run_writer_meta_text(writer, "argv", command == NULL ? "" : command) &&
        run_writer_meta_text(writer, "host", host) &&
        run_writer_meta_int(writer, "cpus", sysconf(_SC_NPROCESSORS_ONLN)) &&
        run_writer_meta_int(writer, "seed", (int64_t)options->seed) &&
        run_writer_meta_int(writer, "duration_ns", (int64_t)options->duration_ns) &&
        run_writer_meta_int(writer, "sample_interval_ns", (int64_t)options->sample_interval_ns) &&
        run_writer_meta_int(writer, "checkpoints", (int64_t)options->checkpoints) &&
        run_writer_meta_int(writer, "interrupted", 0) && record_place(writer, &options->hosts) &&
        record_scenario(writer, &options->scenario) &&
        run_writer_meta_int(writer, "start_wall_ns", (int64_t)clock_wall_ns()) &&
        run_writer_meta_int(writer, "start_ns", (int64_t)clock_now_ns());
    free(command);
    return done;
}

static bool write_limit(void *arg, const char *name, double value)
{
    return run_writer_limit(arg, name, value);
}

bool record_limits(struct run_writer *writer, const struct gate_limits *limits)
{
    return limits_each(limits, write_limit, writer);
}

bool record_fleet(struct run_writer *writer, const struct fleet *fleet, bool placed, int64_t *rows)
{
    for (size_t i = 0; i < fleet->scenario->count; i++) {
        const struct component *c = &fleet->scenario->components[i];
        struct run_component row = {
            .name = c->name,
            .role = c->server ? "server" : "client",
            .pattern = c->server || c->command != NULL || c->pattern == PATTERN_NONE
                           ? NULL
                           : pattern_name(c->pattern),
            .coverage = c->command == NULL ? NULL : coverage_name(c->coverage),
            .command = fleet->commands[i].shell,
            .peer = c->peer < 0 ? 0 : rows[c->peer],
            .port = c->port,
            .stable = c->stable,
            .secure = c->secure,
            .service = service_name(c->service),
            .placed = placed,
            .host = c->host,
            .cap_kind = cap_name(c->cap),
            .heap_cap = c->cap == CAP_CGROUP ? c->group_cap : c->heap_cap};

        if (!run_writer_component(writer, &row, &rows[i]))
            return false;
    }
    return true;
}

bool record_plan(struct run_writer *writer, const struct scenario *scenario,
                 const struct chaos *chaos, uint64_t duration_ns, const int64_t *rows)
{
    int count = chaos_count(chaos, duration_ns);

    for (size_t i = 0; i < scenario->count; i++) {
        const struct component *c = &scenario->components[i];

        for (int k = 1; k <= count && !c->stable && !c->elsewhere; k++) {
            struct chaos_kill kill = chaos_plan(chaos, c, k);

            if (!run_writer_plan(writer, rows[i], k, kill.after_ready_ns, kill.signal,
                                 kill.restart_delay_ns))
                return false;
        }
    }
    return true;
}

struct first_kill {
    uint64_t after_ns;
    const char *name;
    int signal;
};

/* Keeps the FIRST_KILLS earliest, in order; unused ones have no name. */
static void note_first(struct first_kill *firsts, struct first_kill kill)
{
    for (int i = 0; i < FIRST_KILLS; i++) {
        if (firsts[i].name == NULL || kill.after_ns < firsts[i].after_ns) {
            struct first_kill pushed = firsts[i];

            firsts[i] = kill;
            kill = pushed;
        }
        if (kill.name == NULL)
            return;
    }
}

void record_print_plan(const struct scenario *scenario, const struct chaos *chaos,
                       uint64_t duration_ns)
{
    uint64_t last = duration_ns > CHAOS_QUIET_NS ? duration_ns - CHAOS_QUIET_NS : 0;
    struct first_kill firsts[FIRST_KILLS] = {0};
    int count = chaos_count(chaos, duration_ns), unstable = 0;
    uint64_t digest = 0;

    for (size_t i = 0; i < scenario->count; i++) {
        const struct component *c = &scenario->components[i];

        if (c->stable)
            continue;
        unstable++;
        for (int k = 1; k <= count; k++) {
            struct chaos_kill kill = chaos_plan(chaos, c, k);

            digest = rng_at(digest ^ rng_seed_named(kill.after_ready_ns, c->name),
                            kill.restart_delay_ns + (uint64_t)kill.signal);
            if (k == 1 && kill.after_ready_ns < last)
                note_first(firsts, (struct first_kill){kill.after_ready_ns, c->name, kill.signal});
        }
    }
    if (firsts[0].name == NULL) {
        log_info("chaos: no kill falls into a run of %.3g s", (double)duration_ns / 1e9);
        return;
    }
    log_info("chaos plan %016" PRIx64 " of seed %" PRIu64 ": %d unstable components; first kills:",
             digest, chaos->seed, unstable);
    for (int i = 0; i < FIRST_KILLS && firsts[i].name != NULL; i++)
        log_info("  %6.3f s after ready  %s  %s", (double)firsts[i].after_ns / 1e9,
                 firsts[i].signal == SIGTERM ? "SIGTERM" : "SIGKILL", firsts[i].name);
}
