/* The driver's command line. */
#ifndef FLATLINE_DRIVER_OPTIONS_H
#define FLATLINE_DRIVER_OPTIONS_H

#include "driver/report.h"
#include "driver/scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * What the driver is told to do besides to run: its first argument. Columns: identifier, word,
 * operands, how many of them at least and at most, what it does. Each has options of its own, in
 * driver/verbs.c.
 */
#define VERB_TABLE(X)                                                                    \
    X(GATE, "gate", "RUN", 1, 1, "Judge a run folder again; the status is its verdict.") \
    X(REPORT, "report", "RUN", 1, 1, "Write a report of a run folder, in any format.")   \
    X(CHARTS, "charts", "RUN", 1, 1, "Draw a run folder again.")                         \
    X(COMPARE, "compare", "BASE RUN...", 2, 1000,                                        \
      "Compare runs with a base; the status is 1 if one is worse.")                      \
    X(SCENARIO, "scenario", "--print-default|--check FILE", 0, 0,                        \
      "Show the built-in fleet as a scenario file, or check such a file.")               \
    X(SELFCHECK, "selfcheck", "", 0, 0,                                                  \
      "Plant leaks of every shape in a fleet of its own, and see that each is found.")   \
    X(SUSPECTS, "suspects", "RUN", 1, 1,                                                 \
      "Name those whose memory failed, worst first, the rule, and their bytes a second.")

#define VERB_ENUM(ident, word, operands, least, most, text) VERB_##ident,
enum verb { VERB_RUN, VERB_TABLE(VERB_ENUM) VERB_COUNT };
#undef VERB_ENUM

#define OPTIONS_LEAKS_MAX 100
#define OPTIONS_BASES_MAX 100

/* What is planted in a component: a leak, or growth that is none. */
struct leak_order {
    const char *component; /* not ended by NUL; see length */
    size_t length;
    const char *shape; /* SHAPE:BYTES[/EVERY], checked */
    bool healthy;
};

struct options {
    enum verb verb;
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
    bool quiet;       /* no report on standard output */
    bool seed_given, matrix_given, nemeses_given, print_default, gen_charts, allow_inconclusive,
        verbose;
    struct scenario scenario; /* the fleet that RUN and SCENARIO ask for */
};

/*
 * Prints help or version and exits 0, or one line about what is wrong (in a scenario file too) and
 * exits 2. What the command line says goes before what a scenario file says, and that before what
 * is built in.
 */
void options_take(struct options *options, int argc, char **argv);

/* What --version writes. */
void options_print_version(FILE *out);

#endif
