/*
 * What the live page shows, kept in memory from the batches that were accepted: for every test its
 * hosts and their processes (or, of peers that post points, their sources), of each a curve of
 * memory and one of traffic (live_series.h), kills, and deaths that nobody ordered. Bounded: see
 * live_new. Pure: no clock, no thread, no socket; one caller at a time.
 */
#ifndef FLATLINE_RESULTS_SERVER_LIVE_H
#define FLATLINE_RESULTS_SERVER_LIVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As many curves of one kind are drawn as lines; the others are a band. */
#define LIVE_LINES 8
/* Cells of processes' curves of one test; with more processes each has fewer buckets. */
#define LIVE_MOST_CELLS (16u << 20)
#define LIVE_MOST_HOSTS 4096
#define LIVE_MOST_PARTS 131072
/* Deaths that are named; the others are counted. */
#define LIVE_MOST_DEATHS 64

struct live;

/*
 * most_bytes: what the curves of all tests may take. Above it the test that was not heard for the
 * longest time is forgotten, never the one that is being heard, which the limits above bound to 130
 * MB. NULL: no memory.
 */
struct live *live_new(size_t most_bytes);
void live_free(struct live *live);

/* Where a batch comes from, as far as it is known; times are the server's. */
struct live_origin {
    const char *test, *peer;
    uint64_t started_ns;  /* of the test; 0: not yet */
    uint64_t received_ns; /* of the batch */
    int64_t rank;         /* of the peer's host; -1: it is no host of the topology, */
    int64_t offset_ns;    /* and then this does not count: received_ns stands in for it */
};

/*
 * A batch as it was posted and checked. What claims to be later than it was received, or from
 * before the start, is passed over; so is what is of the wrong type. Without a start there are no
 * curves yet.
 */
void live_take(struct live *live, const struct live_origin *origin, const json_t *batch);

/* Bytes of all curves and names, without the allocator's own. */
size_t live_bytes(const struct live *live);

/* Whether anything of the test is here. */
bool live_has(const struct live *live, const char *id);

/*
 * What is to be seen of a test: host NULL is the whole, whose parts are its hosts, or of a single
 * host its processes; else that host's processes. `since`: false: all there is; true: only the
 * buckets that changed since live_settle. A new reference; NULL: no such test or host, or no
 * memory.
 *
 *   "of"         "hosts" or "processes", whatever the parts are; "host": whose
 *   "generation" as live_generation
 *   "measures"   what memory is, by metric: ["live", ...]
 *   "width_ns"   of a bucket; "from", "to": the curves are those buckets, without the last
 *   "heard_ns"   until when all those have posted that posted lately, since the start
 *   "duration_ns"  as planned, or null; what comes later is not drawn
 *   "pauses"     whether sending pauses now and then, at checkpoints
 *   "parts"      [[name, role, bytes, rise, messages a second, kills, deaths, processes], ...]
 *   "lines"      [{"name", "memory": [[lowest], [highest]], "traffic": [sum], "latency"}, ...];
 *                where there is one; latency is as memory, in ns
 *   "others"     how many parts are no lines
 *   "band"       {"memory": [[lowest], [highest]], ...} of those
 *   "kills"      [count, ...] from bucket "kills_from", each "kills_width_ns"
 *   "deaths"     [{"name", "host", "time_ns", "reason"}]; "death_count": of the whole test
 *   "values"     {name of a line: {name: last}}, of sources of points
 */
json_t *live_look(const struct live *live, const char *id, const char *host, bool since);

/*
 * Changes whenever what was sent before does not go on: buckets were merged, a process came, other
 * lines are drawn. 0: no such test.
 */
uint64_t live_generation(const struct live *live, const char *id);

/* Chooses anew what is drawn as a line. */
void live_choose(struct live *live, const char *id);

/* Forgets what has changed: all viewers have it. */
void live_settle(struct live *live);

/* Whether anything came since live_settle. */
bool live_changed(const struct live *live, const char *id);

#endif
