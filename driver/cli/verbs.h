/* The driver's commands: their words, and the options that each has. */
#ifndef FLATLINE_DRIVER_CLI_VERBS_H
#define FLATLINE_DRIVER_CLI_VERBS_H

#include "common/base/exit_status.h"
#include "driver/options.h"

/*
 * What the driver is told to do besides to run: its first argument. Columns: identifier, word,
 * operands (each after a blank), how many of them at least and at most, what it does. Each has
 * options of its own, in driver/cli/verbs.c.
 */
#define VERB_TABLE(X)                                                                              \
    X(GATE, "gate", " RUN", 1, 1, "Judge a run folder again; the status is its verdict.")          \
    X(REPORT, "report", " RUN", 1, 1, "Write a report of a run folder, in any format.")            \
    X(CHARTS, "charts", " RUN", 1, 1, "Draw a run folder again.")                                  \
    X(COMPARE, "compare", " BASE RUN...", 2, 1000,                                                 \
      "Compare runs with a base; the status is 1 if one is worse.")                                \
    X(SCENARIO, "scenario", " --print-default|--check FILE", 0, 0,                                 \
      "Show the built-in fleet as a scenario file, or check such a file.")                         \
    X(SELFCHECK, "selfcheck", "", 0, 0, "Plant leaks of every shape, and see that each is found.") \
    X(SUSPECTS, "suspects", " RUN", 1, 1,                                                          \
      "Name those whose memory failed, worst first, and by how much.")

#define VERB_ENUM(ident, word, operands, least, most, text) VERB_##ident,
enum verb { VERB_RUN, VERB_TABLE(VERB_ENUM) VERB_COUNT };
#undef VERB_ENUM

/*
 * Commands that read their command line themselves, with a table of options in a file of their own.
 * Columns: word, what follows it, the function, what it does.
 */
#define VERB_OWN_TABLE(X)                                                   \
    X("capacity", "[OPTION]... --out DIR", capacity_main,                   \
      "Measure how many clients a server holds, and at what cost.")         \
    X("delay", "--listen PORT --to HOST:PORT --rtt TIME", delay_main,       \
      "Put a distance between two programs: a delaying TCP forwarder.")     \
    X("flame", "--impl NAME,... --out DIR ...", flame_main,                 \
      "Flame graphs under set traffic, one implementation beside another.") \
    X("throughput", "--out DIR [OPTION]...", throughput_main,               \
      "Send events through a broker, over latencies and clients.")

/* argv[0] is the word; argv outlives the call. */
typedef enum exit_status verb_main_fn(int argc, char **argv);

/* NULL: none of them. */
verb_main_fn *verbs_find_own(const char *word);

/* VERB_RUN: no such word in VERB_TABLE. */
enum verb verbs_find(const char *word);

/* "gate, report and charts", of both tables. Returns out. */
char *verbs_list(char *out, size_t cap);

/*
 * Options and operands of a verb; argv[0] is its word. Like options_take it prints and exits where
 * there is nothing to do or something is wrong.
 */
void verbs_take(struct options *options, enum verb verb, int argc, char **argv);

#endif
