/* The command line of `driver throughput`. */
#ifndef FLATLINE_DRIVER_SWEEP_THROUGHPUT_OPTIONS_H
#define FLATLINE_DRIVER_SWEEP_THROUGHPUT_OPTIONS_H

#include "driver/sweep/sweep.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct throughput_options {
    uint64_t events, subscribers, event_size, runs;
    uint64_t relay_queue;        /* 0: as the server has it */
    const char *slow_subscriber; /* NULL: as the server has it */
    const char *out, *event_dir;
    bool connection_per_event, stream, secure, resume, verbose;
    bool netem; /* instead of delay lines */
    /* The axes, as numbers and as texts. */
    size_t latency_count, client_count;
    uint64_t latency_ms[SWEEP_VALUES_MAX], clients[SWEEP_VALUES_MAX];
    char texts[2 * SWEEP_VALUES_MAX][24];
    const char *latency_texts[SWEEP_VALUES_MAX], *client_texts[SWEEP_VALUES_MAX];
};

/* Ends the process after --help, --version and on bad usage. The options must not be copied. */
void throughput_options_read(struct throughput_options *options, int argc, char **argv);

/* What --resume wants to find again; the caller's. */
json_t *throughput_options_settings(const struct throughput_options *options);

#endif
