/*
 * What a run is made of, as values: from a file (scenario_load.h), or the built-in matrix of four
 * servers and 56 (or all 64) clients. The full product is eight patterns x four servers x {stable,
 * unstable}; "56" leaves out the unstable clients of the two unstable servers in the four patterns
 * marked LEFT_OUT.
 */
#ifndef FLATLINE_DRIVER_SCENARIO_H
#define FLATLINE_DRIVER_SCENARIO_H

#include "common/base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns: identifier, name, whether matrix 56 leaves it out (see above), the client's arguments.
 */
#define PATTERN_TABLE(X)                                                                         \
    X(MANY_CONNECTIONS, "non-streaming-many-connections", false, "--num-connections", "0",       \
      "--num-calls", "1", "--non-streaming")                                                     \
    X(MANY_CALLS, "non-streaming-many-calls", true, "--num-calls", "0", "--non-streaming")       \
    X(CLIENT_STREAM, "client-stream", true, "--client-streaming", "0")                           \
    X(CLIENT_STREAM_MANY, "client-stream-many-calls", false, "--num-calls", "0",                 \
      "--client-streaming", "10")                                                                \
    X(SERVER_STREAM, "server-stream", true, "--server-streaming", "0")                           \
    X(SERVER_STREAM_MANY, "server-stream-many-calls", false, "--num-calls", "0",                 \
      "--server-streaming", "10")                                                                \
    X(BIDI_STREAM, "bidi-stream", true, "--bidi-streaming", "0")                                 \
    X(BIDI_STREAM_MANY, "bidi-stream-many-calls", false, "--num-calls", "0", "--bidi-streaming", \
      "10")

#define PATTERN_ENUM(ident, ...) PATTERN_##ident,
enum pattern { PATTERN_TABLE(PATTERN_ENUM) PATTERN_COUNT };
#undef PATTERN_ENUM

#define PATTERN_NONE PATTERN_COUNT /* of a client that a scenario gives arguments instead */

/* "client-stream"; not of PATTERN_NONE, which has neither. */
const char *pattern_name(enum pattern pattern);
/* The arguments that make a client follow it, ended by NULL. */
const char *const *pattern_arguments(enum pattern pattern);

/* What a client calls. Columns: identifier, name, as stress-client --service knows it. */
#define SERVICE_TABLE(X)      \
    X(FLATLINE, "flatline")   \
    X(BENCHMARK, "benchmark") \
    X(INTEROP, "interop")

#define SERVICE_ENUM(ident, name) SERVICE_##ident,
enum service { SERVICE_TABLE(SERVICE_ENUM) SERVICE_COUNT };
#undef SERVICE_ENUM

/* What a heap cap is made of. */
#define CAP_TABLE(X)                          \
    X(DATA, "data")     /* RLIMIT_DATA */     \
    X(CGROUP, "cgroup") /* a memory cgroup */ \
    X(NONE, "none")

/* How it is known that a component can be worked with. */
#define READY_TABLE(X)                                                        \
    X(PAGE, "page")     /* our own programs say so on their telemetry page */ \
    X(TCP, "tcp")       /* a connection to its port is accepted */            \
    X(HEALTH, "health") /* grpc.health.v1.Health says SERVING */              \
    X(START, "start")   /* it was executed */

/*
 * What is known of the live bytes of somebody else's program: the preload shim counts them, which
 * is for the scenario to say, since it cannot be seen from outside how much of a heap goes through
 * malloc.
 */
#define COVERAGE_TABLE(X)                                                     \
    X(NONE, "none")     /* nothing: no shim */                                \
    X(NATIVE, "native") /* what it does not manage itself: Node, most JITs */ \
    X(EXACT, "exact")   /* all: C, C++, Python with PYTHONMALLOC=malloc */

/* What chaos kills it with. */
#define KILL_TABLE(X)                                 \
    X(BOTH, "both") /* SIGTERM and SIGKILL in turn */ \
    X(TERM, "SIGTERM")                                \
    X(KILL, "SIGKILL")

#define CAP_ENUM(ident, name) CAP_##ident,
enum cap { CAP_TABLE(CAP_ENUM) CAP_COUNT };
#undef CAP_ENUM

#define READY_ENUM(ident, name) READY_##ident,
enum ready { READY_TABLE(READY_ENUM) READY_COUNT };
#undef READY_ENUM

#define COVERAGE_ENUM(ident, name) COVERAGE_##ident,
enum coverage { COVERAGE_TABLE(COVERAGE_ENUM) COVERAGE_COUNT };
#undef COVERAGE_ENUM

#define KILL_ENUM(ident, name) KILL_##ident,
enum kill { KILL_TABLE(KILL_ENUM) KILL_COUNT };
#undef KILL_ENUM

const char *service_name(enum service service);
const char *cap_name(enum cap cap);
const char *ready_name(enum ready ready);
const char *coverage_name(enum coverage coverage);
const char *kill_name(enum kill kill);

enum matrix { MATRIX_56, MATRIX_FULL };

#define SCENARIO_SERVERS 4 /* of the built-in matrix */
#define SCENARIO_MAX 1000  /* components of any run */
#define SCENARIO_INTERVAL_MIN_NS (10 * NS_PER_MS)
#define SCENARIO_INTERVAL_MAX_NS (10 * NS_PER_S)
#define SCENARIO_CHECKPOINTS 10 /* where nothing is said */
#define SCENARIO_CHECKPOINTS_MAX 10000
#define COMPONENT_NAME 64

struct component {
    char
        name[COMPONENT_NAME]; /* "server-stable-secure", "client-31301-stable-secure-bidi-stream" */
    bool server, stable, secure;
    enum pattern pattern; /* of our own clients only */
    enum service service;
    int port;    /* listened on, or connected to */
    int peer;    /* index of the client's server; -1 for servers */
    int threads; /* event loops of a server; 0 and 1: one */
    enum cap cap;
    uint64_t heap_cap;   /* of CAP_DATA, bytes; 0: none */
    uint64_t group_cap;  /* of CAP_CGROUP, bytes: all memory of what it starts, not `data` alone */
    const char *leak;    /* SHAPE:BYTES[/EVERY], or NULL */
    const char *healthy; /* growth that is none, SHAPE:BYTES[/EVERY], or NULL */
    /* Of our own: instead of the pattern's, or of a server's none; ended by NULL; or NULL. */
    const char *const *arguments;
    /*
     * Somebody else's program, with placeholders (command.h), and what is added to the environment
     * of any, as NAME=VALUE; both end with NULL, and are the scenario's. NULL: one of ours; none.
     */
    const char *const *command, *const *env;
    enum ready ready;
    enum coverage coverage;  /* of a command; our own programs count for themselves */
    uint64_t ready_limit_ns; /* from its start; 0: the run's */
    enum kill kill;
    /* On which of several hosts it runs, and whether that is another one (place.h). */
    int host;
    bool elsewhere;
    /* IPv4, where it listens, or its server does; NULL: the programs' own default, loopback. */
    const char *address;
};

#define SCENARIO_LOOPBACK "127.0.0.1"

/* Where it listens, or its server does. */
static inline const char *component_address(const struct component *c)
{
    return c->address == NULL ? SCENARIO_LOOPBACK : c->address;
}

/* A limit of the gate by its name there (driver/limits.h), in its unit. */
struct scenario_limit {
    const char *name;
    double value;
};

#define SCENARIO_LIMITS 32

/* All zero: no component yet, nothing said. */
struct scenario {
    struct component *components; /* the servers first */
    size_t count, room;
    char name[COMPONENT_NAME];
    /* Of the run; 0: not said. */
    uint64_t duration_ns, sample_interval_ns, chaos_low_ns, chaos_high_ns, seed;
    uint64_t nemesis_low_ns, nemesis_high_ns;
    unsigned nemeses;     /* a bit for each, see nemesis.h */
    uint64_t checkpoints; /* 0: none, if it is given */
    bool seed_given, checkpoints_given;
    struct scenario_limit limits[SCENARIO_LIMITS]; /* those that differ from the defaults */
    size_t limit_count;
    struct scenario_words *words; /* what the components' lists are kept in */
};

struct scenario_settings {
    enum matrix matrix;
    int base_port;                     /* the first server's, the others follow */
    int server_threads;                /* event loops of each server; 0 and 1: one */
    uint64_t server_heap, client_heap; /* 0: as calibrated, see caps.h */
};

/* The built-in matrix into an empty scenario. False: out of memory. */
bool scenario_build(struct scenario *scenario, const struct scenario_settings *settings);

/* The heap cap of one of our own programs of which nothing is said, bytes. */
uint64_t scenario_default_cap(const struct component *component,
                              const struct scenario_settings *settings);

/* One component more, all zero but for its peer (none); it moves when the next one is added. NULL:
 * out of memory. */
struct component *scenario_add(struct scenario *scenario);

/*
 * A copy of the words, ended by NULL, that lives as long as the scenario. NULL: out of memory.
 */
const char *const *scenario_keep(struct scenario *scenario, const char *const *words, size_t count);

/* Empties it. */
void scenario_clear(struct scenario *scenario);

/* The index of the component of that name, or -1. */
int scenario_find(const struct scenario *scenario, const char *name);

/* The up to `cap` (at most SCENARIO_NEAR) indices nearest to a name that is none, best first;
 * returns how many. */
#define SCENARIO_NEAR 8
size_t scenario_near(const struct scenario *scenario, const char *name, int *out, size_t cap);

#endif
