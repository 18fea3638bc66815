/* The driver's command line. */
#ifndef FLATLINE_DRIVER_OPTIONS_H
#define FLATLINE_DRIVER_OPTIONS_H

#include "driver/scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns: identifier, word, what it does. The first one has no word. */
#define VERB_TABLE(X)                                                         \
    X(RUN, "", "run the fleet, judge it, show the verdict")                   \
    X(GATE, "gate", "judge a run folder again; the status is its verdict")    \
    X(REPORT, "report", "show a run folder's verdict again; the status is 0") \
    X(CHARTS, "charts", "draw a run folder again")

#define VERB_ENUM(ident, word, text) VERB_##ident,
enum verb { VERB_TABLE(VERB_ENUM) VERB_COUNT };
#undef VERB_ENUM

struct leak_order {
    const char *component; /* not ended by NUL; see length */
    size_t length;
    const char *leak; /* SHAPE:BYTES[/EVERY], checked */
};

struct options {
    enum verb verb;
    const char *run_dir; /* of every verb but RUN */
    uint64_t duration_ns, sample_interval_ns;
    const char *working_dir;
    uint64_t seed;
    int base_port;
    enum matrix matrix;
    int server_threads;
    uint64_t server_heap, client_heap; /* 0: as calibrated */
    uint64_t chaos_low_ns, chaos_high_ns;
    struct leak_order leaks[SCENARIO_MAX];
    size_t leak_count;
    bool seed_given, gen_charts, allow_inconclusive, verbose;
};

/* Prints help or version and exits 0, or one line about what is wrong and exits 2. */
void options_take(struct options *options, int argc, char **argv);

/* The fleet that they ask for; exits 2 if a leak is for a component that it does not have. */
void options_scenario(const struct options *options, struct scenario *scenario);

#endif
