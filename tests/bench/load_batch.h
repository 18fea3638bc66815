/*
 * The bodies that a simulated host posts: rows of a run.db as the uploader sends them, of a fleet
 * of `processes` of which every second is a server. The numbers are made up, but of the size that
 * real runs have, and a pure function of host, process and time: so a batch can be made again.
 */
#ifndef FLATLINE_BENCH_LOAD_BATCH_H
#define FLATLINE_BENCH_LOAD_BATCH_H

#include "tests/bench/load_text.h"

struct load_batch {
    unsigned host;
    unsigned processes;
    unsigned samples;    /* of each process in a batch */
    uint64_t sequence;   /* from 1; 1 is the preamble */
    uint64_t time_ns;    /* when it is due, on the host's clock */
    uint64_t spacing_ns; /* from one sample of a process to its next */
};

/* Appends the circumstances of the run: who there is. */
void load_batch_preamble(struct load_text *out, const struct load_batch *batch);
/* Appends processes * samples rows of samples, the last of each process at time_ns. */
void load_batch_samples(struct load_text *out, const struct load_batch *batch);

#endif
