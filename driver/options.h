/* What a run, or what is done with one, was told to do on the command line. */
#ifndef FLATLINE_DRIVER_OPTIONS_H
#define FLATLINE_DRIVER_OPTIONS_H

#include "driver/place.h"
#include "driver/report.h"
#include "driver/scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTIONS_LEAKS_MAX 100
#define OPTIONS_BASES_MAX 100

/* What is planted in a component: a leak, or growth that is none. */
struct leak_order {
    const char *component; /* not ended by NUL; see length */
    size_t length;
    const char *shape; /* SHAPE:BYTES[/EVERY], checked */
    bool healthy;
};

/* A run that reports to a results server, perhaps as one of many hosts. */
struct host_orders {
    const char *report_to; /* URL; NULL: no such run, and nothing else is said */
    const char *test, *token_file, *ca_file;
    const char *name;    /* of this host */
    const char *address; /* IPv4, where its servers listen */
    enum place place;
    bool place_given;
    int rank, size; /* -1 and 0: not said */
    uint64_t barrier_ns;
};

struct options {
    char **operands; /* of argv, as many as the verb takes */
    int operand_count;
    enum report_format format; /* of VERB_REPORT */
    const char *output;        /* ... to this file; NULL: standard output */
    uint64_t max_size;         /* ... at most so large, if it is Markdown; 0: as it is by default */
    char *bases[OPTIONS_BASES_MAX + 1]; /* of VERB_COMPARE; the first is its first operand */
    size_t base_count;                  /* besides the first */
    bool compare_json;
    uint64_t duration_ns, sample_interval_ns;
    const char *working_dir;
    uint64_t seed;
    const char *scenario_file; /* NULL: the built-in fleet */
    const char *rules_file;    /* NULL: the default limits */
    const char *check_file;    /* of VERB_SCENARIO */
    uint64_t checkpoints;
    int base_port;
    enum matrix matrix;
    int server_threads;
    uint64_t server_heap, client_heap; /* 0: as calibrated */
    uint64_t chaos_low_ns, chaos_high_ns;
    bool no_evidence;
    unsigned nemeses; /* a bit for each that was chosen */
    uint64_t nemesis_low_ns, nemesis_high_ns;
    struct leak_order leaks[OPTIONS_LEAKS_MAX];
    size_t leak_count;
    const char *only; /* of VERB_SELFCHECK: these shapes; NULL: all */
    bool json;        /* its table as JSON */
    bool evidence;    /* it also holds what is said of the guilty against what was planted */
    bool quiet;       /* no report on standard output */
    bool seed_given, matrix_given, nemeses_given, print_default, print_reference, gen_charts,
        allow_inconclusive, verbose;
    struct scenario scenario; /* the fleet that RUN and SCENARIO ask for */
    struct host_orders hosts;
};

#endif
