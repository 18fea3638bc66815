/*
 * The rules of the gate, one table. Columns: identifier, name, unit of value and limit, scope (EACH
 * component or the RUN as a whole), judge, and what the rule demands.
 *
 * The order is that of blame: of several findings in one run the first row names the cause, the
 * later ones rather its consequences (a server that hits its cap loses its clients). "complete" is
 * only ever in doubt, and then it is why much else is; a host that is lost takes its components
 * with it, of which nobody asks more.
 */
#ifndef FLATLINE_DRIVER_RULES_H
#define FLATLINE_DRIVER_RULES_H

#include "common/run/verdict.h"
#include "driver/evidence.h"

#define RULE_TABLE(X)                                                                              \
    X(COMPLETE, "complete", "ns", RUN, rule_complete, "the run came to its end")                   \
    X(HOSTS, "hosts", "1", RUN, rule_hosts, "every host was heard to its end")                     \
    X(HEAP_CAP, "heap-cap", "B", EACH, rule_heap_cap,                                              \
      "no allocation is refused and nothing dies at its cap")                                      \
    X(HEAP_LIMIT, "heap-limit", "B", EACH, rule_heap_limit,                                        \
      "data and live bytes stay below 90 % of the cap")                                            \
    X(LEAK, "leak", "B", EACH, rule_leak,                                                          \
      "live bytes at rest do not grow with what a process has done")                               \
    X(GROWTH, "growth", "B/s", EACH, rule_growth, "memory under load does not grow")               \
    X(FDS, "fds", "1", EACH, rule_fds, "equal connections take equal numbers of file descriptors") \
    X(THREADS, "threads", "1", EACH, rule_threads, "the number of threads does not grow")          \
    X(ZOMBIES, "zombies", "1", EACH, rule_zombies, "the end of every process was seen")            \
    X(UNEXPECTED_EXIT, "unexpected-exit", "1", EACH, rule_unexpected_exit,                         \
      "nothing dies that the driver did not order dead, by a clean exit included")                 \
    X(ERRORS, "errors", "1", EACH, rule_errors,                                                    \
      "no wrong payload, protocol error or refused certificate, and no loss of a peer but by "     \
      "chaos")                                                                                     \
    X(RECOVERY, "recovery", "ns", EACH, rule_recovery,                                             \
      "every victim, and every client of one, has messages within 2 s of ready")                   \
    X(NO_TRAFFIC, "no-traffic", "1", EACH, rule_no_traffic,                                        \
      "messages flow, to the end of every life")                                                   \
    X(CHAOS, "chaos", "1", EACH, rule_chaos,                                                       \
      "every planned kill that was due was ordered, and every other fault took effect")            \
    X(SAMPLING, "sampling", "ns", EACH, rule_sampling, "the samples were there, fresh, and in time")

/*
 * Of the rules that test statistically; their tests, in all components, are one family, whose error
 * probability is shared out evenly (Bonferroni).
 */
#define RULES_STATISTICAL 4

enum rule_scope { RULE_EACH, RULE_RUN };

#define RULE_ENUM(ident, name, unit, scope, judge, text) RULE_##ident,
enum rule { RULE_TABLE(RULE_ENUM) RULE_COUNT };
#undef RULE_ENUM

/*
 * Sets outcome, value, limit and text of *out. c has been started at least once; it is NULL for a
 * rule of scope RUN.
 */
typedef void rule_judge(const struct evidence *e, const struct evidence_component *c,
                        struct verdict *out);

#define RULE_DECLARE(ident, name, unit, scope, judge, text) rule_judge judge;
RULE_TABLE(RULE_DECLARE)
#undef RULE_DECLARE

/* For judges: the whole of a verdict in one call. Numbers are NaN where there is none. */
void rule_say(struct verdict *out, enum outcome outcome, double value, double limit,
              const char *format, ...) __attribute__((format(printf, 5, 6)));

/* For judges: the interval of the value, as wide to both sides, and what would have been found. */
void rule_bound(struct verdict *out, double half, double smallest);

/* For judges: the error probability of each of so many tests of one rule on one component. */
double rule_alpha(const struct evidence *e, size_t tests);

/* For judges: the word that goes with a number. */
static inline const char *rule_word(uint64_t number, const char *one, const char *several)
{
    return number == 1 ? one : several;
}

/* For judges: seconds since the fleet was ready (since the start, if it never was). */
double rule_seconds(const struct evidence *e, uint64_t time_ns);

#endif
