/*
 * results_load: posts to a results server as many hosts, and says how it bore it. The test must
 * have been made, and not be started. On stdout "ready" when every host is in the topology and has
 * posted its preamble; then it waits for a line on stdin (whoever sent it has started the test) or
 * its end; and at the end one JSON object. Every second a line of CSV in --series.
 */
#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/options.h"
#include "tests/bench/load_host.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK 1.0 /* s */

struct options {
    uint64_t port, hosts, processes, samples, interval_ns, duration_ns, drain_ns;
    const char *test, *series;
};

#define AT(member) offsetof(struct options, member)
static const struct option_spec specs[] = {
    {"port", 'p', "PORT", "of the results server, on 127.0.0.1", options_set_u64, AT(port)},
    {"test", 't', "ID", "the test", options_set_text, AT(test)},
    {"hosts", 'n', "N", "hosts (10)", options_set_u64, AT(hosts)},
    {"processes", 'm', "N", "processes of each (60)", options_set_u64, AT(processes)},
    {"samples", 's', "N", "of each process in a batch (1)", options_set_u64, AT(samples)},
    {"interval", 'i', "TIME", "from a host's batch to its next (1s)", options_set_period,
     AT(interval_ns)},
    {"duration", 'd', "TIME", "in which batches are due (10s)", options_set_period,
     AT(duration_ns)},
    {"drain", 0, "TIME", "most to wait after it (60s)", options_set_duration, AT(drain_ns)},
    {"series", 0, "FILE", "a line of CSV a second", options_set_text, AT(series)},
    {0}};

static void print_version(FILE *out)
{
    fputs("results_load\n", out);
}

static const struct option_set set = {.program = "results_load",
                                      .usage = "--port PORT --test ID [OPTION]...",
                                      .summary = "Posts to a results server as many hosts.",
                                      .specs = specs,
                                      .print_version = print_version};

struct run {
    struct load load;
    const struct options *options;
    struct ev_timer looks;
    struct ev_io line;
    FILE *series;
    bool said_ready, started;
};

static void write_series(struct run *run)
{
    struct load *load = &run->load;
    const struct histogram *h = &load->latency_lately;

    if (run->series == NULL)
        return;
    fprintf(run->series, "%.3f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%.3f,%.3f,%.3f,%" PRIu64 "\n",
            (double)(clock_now_ns() - load->begin_ns) / NS_PER_S, load->acknowledged, load->rows,
            load_backlog(load), (double)histogram_percentile(h, 50) / NS_PER_MS,
            (double)histogram_percentile(h, 99) / NS_PER_MS, (double)h->max / NS_PER_MS,
            load->broken);
    fflush(run->series);
    memset(&load->latency_lately, 0, sizeof load->latency_lately);
}

static bool all_done(const struct run *run)
{
    const struct load *load = &run->load;

    return load->in_phase[LOAD_DONE] == load->hosts ||
           clock_now_ns() > load->end_ns + run->options->drain_ns;
}

/* Also ends what came to nothing: a load that is refused before it starts. */
static void on_look(struct ev_loop *loop, struct ev_timer *w, int events)
{
    struct run *run = w->data;
    struct load *load = &run->load;

    (void)events;
    if (run->started) {
        write_series(run);
        if (all_done(run))
            ev_break(loop, EVBREAK_ALL);
        return;
    }
    if (load->refused > 0)
        ev_break(loop, EVBREAK_ALL);
    if (!run->said_ready && load->in_phase[LOAD_READY] == load->hosts) {
        run->said_ready = true;
        puts("ready");
        fflush(stdout);
        ev_io_start(loop, &run->line);
    }
}

static void on_line(struct ev_loop *loop, struct ev_io *w, int events)
{
    struct run *run = w->data;
    char line[64];

    (void)events;
    ev_io_stop(loop, w);
    if (read(STDIN_FILENO, line, sizeof line) <= 0) {
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    run->started = true;
    load_start(&run->load, run->options->duration_ns);
}

static void print_report(const struct run *run)
{
    const struct load *load = &run->load;
    const struct histogram *h = &load->latency;

    printf("{\"hosts\": %u, \"processes\": %u, \"samples\": %u, \"interval_ns\": %" PRIu64
           ", \"duration_ns\": %" PRIu64 ", \"acknowledged\": %" PRIu64 ", \"rows\": %" PRIu64
           ", \"body_bytes\": %" PRIu64 ", \"unacknowledged\": %" PRIu64 ", \"broken\": %" PRIu64
           ", \"refused\": %" PRIu64 ", \"refusal\": ",
           load->hosts, load->processes, load->samples, load->interval_ns,
           run->options->duration_ns, load->acknowledged, load->rows, load->body_bytes,
           load_backlog(load), load->broken, load->refused);
    putchar('"');
    for (const char *c = load->refusal; *c != 0; c++)
        putchar(*c == '"' || *c == '\\' || (unsigned char)*c < ' ' ? '\'' : *c);
    printf("\", \"latency_ns\": {\"p50\": %" PRIu64 ", \"p90\": %" PRIu64 ", \"p99\": %" PRIu64
           ", \"max\": %" PRIu64 "}, \"done\": %u}\n",
           histogram_percentile(h, 50), histogram_percentile(h, 90), histogram_percentile(h, 99),
           h->max, load->in_phase[LOAD_DONE]);
}

static void prepare(struct run *run)
{
    const struct options *options = run->options;

    run->load = (struct load){.loop = ev_loop_new(EVFLAG_AUTO),
                              .test = options->test,
                              .hosts = (unsigned)options->hosts,
                              .processes = (unsigned)options->processes,
                              .samples = (unsigned)options->samples,
                              .interval_ns = options->interval_ns,
                              .to = {.sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)options->port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    if (run->load.loop == NULL)
        options_exit_bad(&set, "no event loop");
    if (options->series != NULL && (run->series = fopen(options->series, "w")) == NULL)
        options_exit_bad(&set, "cannot write %s", options->series);
    if (run->series != NULL)
        fputs("time_s,batches,rows,backlog,p50_ms,p99_ms,max_ms,broken\n", run->series);
    ev_timer_init(&run->looks, on_look, 0.1, LOOK);
    run->looks.data = run;
    ev_io_init(&run->line, on_line, STDIN_FILENO, EV_READ);
    run->line.data = run;
}

int main(int argc, char **argv)
{
    struct options options = {.hosts = 10,
                              .processes = 60,
                              .samples = 1,
                              .interval_ns = NS_PER_S,
                              .duration_ns = 10 * NS_PER_S,
                              .drain_ns = 60 * NS_PER_S};
    static struct run run;
    bool passed;

    options_parse_or_exit(&set, argc, argv, &options);
    if (options.port == 0 || options.port > UINT16_MAX || options.test == NULL)
        options_exit_bad(&set, "--port and --test are needed");
    if (options.hosts == 0 || options.hosts > 100000 || options.processes == 0 ||
        options.processes > 10000 || options.samples == 0 || options.samples > 1000)
        options_exit_bad(&set,
                         "--hosts, --processes and --samples are from 1 to 100000, 10000, 1000");
    run.options = &options;
    prepare(&run);
    load_begin(&run.load);
    ev_timer_start(run.load.loop, &run.looks);
    ev_run(run.load.loop, 0);
    print_report(&run);
    passed = run.started && run.load.refused == 0 && load_backlog(&run.load) == 0;
    load_end(&run.load);
    ev_loop_destroy(run.load.loop);
    if (run.series != NULL)
        fclose(run.series);
    return passed ? STATUS_PASSED : STATUS_FAILED;
}
