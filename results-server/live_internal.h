/* What the view is made of: for its own files. */
#ifndef FLATLINE_RESULTS_SERVER_LIVE_INTERNAL_H
#define FLATLINE_RESULTS_SERVER_LIVE_INTERNAL_H

#include "results-server/live.h"
#include "results-server/live_series.h"

/* The curves of a host, or of a process: bytes, messages, ns. */
#define LIVE_CURVE_TABLE(X)     \
    X(MEMORY, "memory", LEVEL)  \
    X(TRAFFIC, "traffic", FLOW) \
    X(LATENCY, "latency", LEVEL)

#define LIVE_CURVE_ENUM(ident, name, kind) LIVE_##ident,
enum live_curve { LIVE_CURVE_TABLE(LIVE_CURVE_ENUM) LIVE_CURVES };
#undef LIVE_CURVE_ENUM

struct live_curves {
    struct live_series series[LIVE_CURVES];
};

/* What memory is, by metric: the first of these that a process has. */
#define LIVE_MEASURE_TABLE(X) X("live") X("data") X("rss")
#define LIVE_MEASURE_ENUM(name) +1
enum { LIVE_MEASURES = 0 LIVE_MEASURE_TABLE(LIVE_MEASURE_ENUM) };
#undef LIVE_MEASURE_ENUM

/* A counter as it was last seen; times of the host. */
struct live_counter {
    int64_t id; /* of the incarnation; 0: not seen yet */
    int64_t time_ns, count;
};

/* A process through all its incarnations, or a source of points. */
struct live_part {
    char *name, *role;
    struct live_host *host;
    struct live_curves curves;
    struct live_counter counter;
    int64_t number;  /* of the last incarnation heard of, */
    int64_t current; /* and its id */
    int64_t ended;   /* number of the last incarnation whose end was counted */
    int64_t memory;  /* last; 0 while it is not there */
    double rate;     /* messages a second, last */
    unsigned kills, deaths;
    json_t *values; /* source of points: the last of each name; else NULL */
    bool chosen;
};

/* Ids of a host's run.db, as indices into live_host.parts; UINT32_MAX: unknown. */
struct live_ids {
    uint32_t *part;
    size_t size;
};

struct live_host {
    char *name;
    struct live_test *test;
    struct live_part **parts;
    size_t count, room;
    struct live_ids components, incarnations;
    struct live_curves curves;
    struct live_series kills;
    int64_t offset_ns;
    int64_t rank;     /* -1: a peer that is no host of the topology */
    int64_t heard_ns; /* of the newest sample, since the start */
    int64_t memory;   /* of all its parts now, */
    double rate;      /* and their messages a second */
    bool offset_guessed;
    bool chosen;
};

struct live_death {
    char *reason;
    const struct live_part *part;
    int64_t time_ns;
};

struct live_test {
    char *id;
    struct live *live;
    struct live_test *next;
    struct live_host **hosts;
    size_t count, room;
    size_t part_count;
    int64_t started_ns; /* server clock; 0: not yet */
    int64_t duration_ns;
    uint64_t heard; /* live.clock at its last batch */
    uint64_t generation;
    int64_t width_ns; /* of a host's bucket; a process's are 1 << folds as wide */
    unsigned folds;
    unsigned end;        /* buckets in use, of hosts */
    unsigned dirty_from; /* changed since the last settling; UINT_MAX: none */
    bool changed;
    bool pauses;        /* sending pauses now and then, at checkpoints */
    size_t curve_bytes; /* of processes */
    unsigned measures;  /* what memory is, bits by LIVE_MEASURE_TABLE */
    struct live_death deaths[LIVE_MOST_DEATHS];
    size_t death_count;
};

struct live {
    struct live_test *tests;
    size_t bytes, most_bytes;
    uint64_t clock; /* counts batches */
    uint64_t generation;
};

/* ---- live_test.c: what a test holds ---- */

struct live_test *live_test_new(struct live *live, const char *id);
void live_test_free(struct live_test *test);

/* By name, made if need be; NULL: no memory, or too many. */
struct live_host *live_test_host(struct live_test *test, const char *name);
struct live_part *live_host_part(struct live_host *host, const char *name);

/* That an id of the host's run.db is this part. */
void live_ids_set(struct live_host *host, struct live_ids *ids, json_int_t id,
                  const struct live_part *part);
struct live_part *live_ids_get(const struct live_host *host, const struct live_ids *ids,
                               json_int_t id);

/* Since the start of the test, from a time of the host; false: it cannot be drawn, being from
 * before the start or later than latest_ns (server clock). */
bool live_host_time(const struct live_host *host, int64_t time_ns, int64_t latest_ns, int64_t *out);

/* Puts a value at a time since the start into a curve; of a flow it is added. */
void live_part_put(struct live_part *part, enum live_curve curve, int64_t time_ns, double value);
void live_host_put(struct live_host *host, enum live_curve curve, int64_t time_ns, double value);
/* A kill at that time. */
void live_host_kill(struct live_host *host, int64_t time_ns);

/* Messages of a part between two times of its host, which are spread over that time. */
struct live_flow {
    int64_t from_ns, to_ns; /* from <= to */
    int64_t latest_ns;      /* as live_host_time's */
    double messages;
};
void live_part_flow(struct live_part *part, const struct live_flow *flow);

/* What the part holds, and its rate, from now on, also in its host's sums. */
void live_part_hold(struct live_part *part, int64_t memory, double rate);
bool live_part_lives(const struct live_part *part);

void live_test_death(struct live_test *test, const struct live_part *part, int64_t time_ns,
                     const char *reason);

enum live_kind live_curve_kind(enum live_curve curve);
const char *live_curve_name(enum live_curve curve);
const char *live_measure_name(unsigned measure);
/* Buckets of a process's curve. */
unsigned live_part_buckets(const struct live_test *test);

/* ---- live_choose.c ---- */

/* Chooses what is drawn; true: others than before. */
bool live_test_choose(struct live_test *test);

/* What was sent before does not go on. */
void live_test_renew(struct live_test *test);

/* ---- live.c ---- */

/* NULL: no such test. */
const struct live_test *live_find(const struct live *live, const char *id);

/* ---- live_tables.c, live_points.c: what a batch says ---- */

struct live_batch {
    struct live_host *host;
    int64_t latest_ns;         /* what is later is passed over; server clock */
    int64_t first_ns, last_ns; /* of what was drawn, since the start; first > last: nothing */
};

/* Something of that time is drawn. */
void live_batch_heard(struct live_batch *batch, int64_t time_ns);

void live_take_tables(struct live_batch *batch, const json_t *tables);
void live_take_points(struct live_batch *batch, const json_t *points);

#endif
