/*
 * A simulated host: enters the topology, posts its preamble, waits for the start, then posts a
 * batch an interval as an open loop. A batch is due at its own time whatever became of the one
 * before it, and its latency counts from then, so a server that stands still is charged for every
 * batch of that time. They are posted in order, one at a time, until each is acknowledged.
 */
#ifndef FLATLINE_BENCH_LOAD_HOST_H
#define FLATLINE_BENCH_LOAD_HOST_H

#include "common/base/histogram.h"

#include <ev.h>
#include <netinet/in.h>
#include <stdint.h>

/* How a host stands; the last one is also the end of one that was refused. */
enum load_phase {
    LOAD_TOPOLOGY,
    LOAD_PREAMBLE,
    LOAD_READY,
    LOAD_SAMPLES,
    LOAD_RESULTS,
    LOAD_DONE,
    LOAD_PHASES
};

/* What all hosts share: what is wanted, and the sums of what came of it. */
struct load {
    struct ev_loop *loop;
    struct sockaddr_in to;
    const char *test;
    unsigned hosts, processes, samples;
    uint64_t interval_ns;
    uint64_t begin_ns, end_ns; /* batches are due in between; set when it begins */

    unsigned in_phase[LOAD_PHASES]; /* hosts */
    uint64_t acknowledged;          /* batches of samples */
    uint64_t rows;                  /* in them */
    uint64_t body_bytes;
    uint64_t broken;  /* connections */
    uint64_t refused; /* requests, of which the first one's answer is kept */
    char refusal[512];
    struct histogram latency;        /* of all */
    struct histogram latency_lately; /* cleared by whoever reads it */
    struct ev_timer turns;           /* sends what is due, of all hosts */
    struct load_host **all;
    unsigned begun; /* of them */
};

/* Makes the hosts, each with a connection of its own; they begin at once. */
void load_begin(struct load *load);
/* Batches are due from now on, for that long; a host then posts its results. */
void load_start(struct load *load, uint64_t duration_ns);
void load_end(struct load *load);

/* Batches that were due by now, and are not acknowledged. */
uint64_t load_backlog(const struct load *load);

#endif
