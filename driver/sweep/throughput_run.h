/* One run of `driver throughput`: its processes, from the broker's start to its results' place. */
#ifndef FLATLINE_DRIVER_SWEEP_THROUGHPUT_RUN_H
#define FLATLINE_DRIVER_SWEEP_THROUGHPUT_RUN_H

#include "driver/guardian.h"
#include "driver/preflight.h"
#include "driver/sweep/throughput_options.h"

/* What all runs share. */
struct throughput_stage {
    const struct throughput_options *options;
    struct programs programs;
    char driver[PATH_MAX];  /* this program, whose other face is the delay line */
    char version[256];      /* of stress-server, with its libraries, as it says itself */
    char tls_dir[PATH_MAX]; /* cert.pem and key.pem; empty without --secure */
    struct guardian *guardian;
};

/* As of the plan: ns. */
uint64_t throughput_run_predict(const struct throughput_options *options, uint64_t latency_ms,
                                uint64_t clients);

/* Bytes that the event databases of one run take, generously. */
uint64_t throughput_run_bytes(const struct throughput_options *options);

/* The run's files into run->dir, its members into run->manifest. What is wrong is in the log. */
enum exit_status throughput_run(const struct throughput_stage *stage, const struct sweep_run *run);

/* Removes what drivers that were killed left in --event-dir. */
void throughput_run_clean(const char *event_dir);

#endif
