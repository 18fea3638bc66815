/* Why a process died, as the driver records it in run.db. */
#ifndef FLATLINE_CONTRACT_REASON_H
#define FLATLINE_CONTRACT_REASON_H

#define REASON_TABLE(X)                                                                        \
    X(CHAOS, "chaos", "ordered by the chaos plan")                                             \
    X(STOPPED, "stopped", "ordered at the end of the run")                                     \
    X(CLEAN_EXIT, "clean-exit", "exited with status 0 though it runs for ever")                \
    X(ERROR_EXIT, "error-exit", "exited with a status other than 0")                           \
    X(SIGNAL, "signal", "killed by a signal that the driver did not send")                     \
    X(FORBIDDEN_CALL, "forbidden-call", "made a system call that its filter forbids")          \
    X(HEAP_CAP, "heap-cap",                                                                    \
      "an allocation was refused, its cgroup was full, or died at 95 % of its cap")            \
    X(NOT_READY, "not-ready", "not ready in time")                                             \
    X(FROZEN, "frozen", "stopped by a signal that the driver did not send, and not continued") \
    X(SPAWN_FAILED, "spawn-failed", "could not be started")

#define REASON_ENUM(ident, name, text) REASON_##ident,
enum reason { REASON_TABLE(REASON_ENUM) REASON_COUNT };
#undef REASON_ENUM

/* "chaos" */
const char *reason_name(enum reason reason);
/* "ordered by the chaos plan" */
const char *reason_text(enum reason reason);
/* The reason of that name, or -1. */
int reason_find(const char *name);

#endif
