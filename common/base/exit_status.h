/* The exit statuses of every program: one table, expanded into the enum and into --help. */
#ifndef FLATLINE_BASE_EXIT_STATUS_H
#define FLATLINE_BASE_EXIT_STATUS_H

#define EXIT_STATUS_TABLE(X)                                                                  \
    X(STATUS_PASSED, 0, "passed")                                                             \
    X(STATUS_FAILED, 1, "failed: a gate rule, or for a stress program its own traffic")       \
    X(STATUS_USAGE, 2, "usage or scenario")                                                   \
    X(STATUS_ENVIRONMENT, 3, "environment: missing program, busy port, no memory, full disk") \
    X(STATUS_INCONCLUSIVE, 4, "inconclusive")                                                 \
    X(STATUS_SKIPPED, 77, "a skipped test")                                                   \
    X(STATUS_INTERRUPTED, 130, "interrupted; what was measured is kept")                      \
    X(STATUS_HEAP_OVERFLOW, 251, "a child's heap overflow: an allocation was refused")

#define EXIT_STATUS_ENUM(name, value, text) name = value,
enum exit_status { EXIT_STATUS_TABLE(EXIT_STATUS_ENUM) };
#undef EXIT_STATUS_ENUM

#endif
