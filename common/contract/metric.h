/*
 * The metric catalogue: one table that names everything that is ever sampled. Columns: identifier,
 * id (never reused; a run.db keeps ids and names, so old runs and unknown metrics stay readable),
 * name, unit, kind, source. Source "page" is published by the process itself, "proc" is read by the
 * sampler from /proc.
 */
#ifndef FLATLINE_CONTRACT_METRIC_H
#define FLATLINE_CONTRACT_METRIC_H

#include <stdbool.h>
#include <stdint.h>

enum metric_kind { METRIC_GAUGE, METRIC_COUNTER };
enum metric_source { METRIC_PAGE, METRIC_PROC };

#define METRIC_TABLE(X)                                                                            \
    /* traffic */                                                                                  \
    X(CONNECTIONS, 1, "connections", "1", GAUGE, PAGE)                                             \
    X(CONNECTIONS_TOTAL, 2, "connections_total", "1", COUNTER, PAGE)                               \
    X(STREAMS, 3, "streams", "1", GAUGE, PAGE)                                                     \
    X(CALLS_STARTED, 4, "calls_started", "1", COUNTER, PAGE)                                       \
    X(CALLS_DONE, 5, "calls_done", "1", COUNTER, PAGE)                                             \
    X(CALLS_FAILED, 6, "calls_failed", "1", COUNTER, PAGE)                                         \
    X(MESSAGES_SENT, 7, "messages_sent", "1", COUNTER, PAGE)                                       \
    X(MESSAGES_RECEIVED, 8, "messages_received", "1", COUNTER, PAGE)                               \
    X(BYTES_SENT, 9, "bytes_sent", "B", COUNTER, PAGE)                                             \
    X(BYTES_RECEIVED, 10, "bytes_received", "B", COUNTER, PAGE)                                    \
    X(RECONNECTS, 11, "reconnects", "1", COUNTER, PAGE)                                            \
    X(LOSSES, 12, "losses", "1", COUNTER, PAGE)                                                    \
    X(ERRORS, 13, "errors", "1", COUNTER, PAGE)                                                    \
    X(FIRST_MESSAGE, 14, "first_message", "ns", GAUGE, PAGE) /* time of the first one received */  \
    X(RESETS, 15, "resets", "1", COUNTER, PAGE)   /* connections that the peer ended by RST */     \
    X(CANCELS, 16, "cancels", "1", COUNTER, PAGE) /* calls ended by RST_STREAM with CANCEL */      \
    X(PEER_CERTIFICATE, 17, "peer_certificate", "1", GAUGE, PAGE) /* SHA-256, first 63 bits */     \
    X(ACCEPTS_REFUSED, 18, "accepts_refused", "1", COUNTER, PAGE) /* no descriptor, no memory */   \
    X(FAILED_CONNECTS, 19, "failed_connects", "1", COUNTER, PAGE) /* before they were usable */    \
    X(STALLS, 28, "stalls", "1", COUNTER, PAGE) /* a peer let its window run out, and came back */ \
    X(LIMITED, 29, "limited", "1", COUNTER,                                                        \
      PAGE) /* connections ended for what they sent: floods */                                     \
    X(CONNECTIONS_REFUSED, 45, "connections_refused", "1", COUNTER,                                \
      PAGE) /* by --max-connections */                                                             \
    /* the relay, once it has taken an event; absent before */                                     \
    X(EVENTS_ACCEPTED, 40, "events_accepted", "1", COUNTER, PAGE)                                  \
    X(EVENTS_DELIVERED, 41, "events_delivered", "1", COUNTER, PAGE)                                \
    X(EVENTS_DROPPED, 42, "events_dropped", "1", COUNTER, PAGE) /* by --slow-subscriber */         \
    X(EVENTS_BLOCKED, 43, "events_blocked", "1", COUNTER, PAGE) /* a publisher had to wait */      \
    /* memory: live bytes by subsystem, exact, by our own counters */                              \
    X(LIVE_APP, 20, "live_app", "B", GAUGE, PAGE)                                                  \
    X(LIVE_NGHTTP2, 21, "live_nghttp2", "B", GAUGE, PAGE)                                          \
    X(LIVE_OPENSSL, 22, "live_openssl", "B", GAUGE, PAGE)                                          \
    X(LIVE_EV, 23, "live_ev", "B", GAUGE, PAGE)                                                    \
    X(LIVE_ZLIB, 26, "live_zlib", "B", GAUGE, PAGE)                                                \
    X(LIVE, 24, "live", "B", GAUGE, PAGE)           /* the sum of the five */                      \
    X(LIVE_BOOT, 27, "live_boot", "B", GAUGE, PAGE) /* live when it first became ready */          \
    X(REFUSED, 25, "refused", "1", COUNTER, PAGE)   /* allocations refused */                      \
    /* memory: jemalloc's view (absent without jemalloc) */                                        \
    X(JE_ALLOCATED, 30, "allocated", "B", GAUGE, PAGE)                                             \
    X(JE_ACTIVE, 31, "active", "B", GAUGE, PAGE)                                                   \
    X(JE_RESIDENT, 32, "resident", "B", GAUGE, PAGE)                                               \
    X(JE_MAPPED, 33, "mapped", "B", GAUGE, PAGE)                                                   \
    X(JE_RETAINED, 34, "retained", "B", GAUGE, PAGE)                                               \
    /* the kernel's view */                                                                        \
    X(DATA, 50, "data", "B", GAUGE, PROC) /* private writable virtual memory: what the cap caps */ \
    X(RSS, 51, "rss", "B", GAUGE, PROC)                                                            \
    X(PSS, 52, "pss", "B", GAUGE, PROC)                                                            \
    X(CPU, 53, "cpu", "ns", COUNTER, PROC)                                                         \
    X(FDS, 54, "fds", "1", GAUGE, PROC)                                                            \
    X(THREADS, 55, "threads", "1", GAUGE, PROC)                                                    \
    X(LATENESS, 56, "lateness", "ns", GAUGE, PROC) /* of the sample against its plan */

/* Dense indices into a metric_values array; ids are for run.db. */
#define METRIC_ENUM(ident, id, name, unit, kind, source) METRIC_##ident,
enum metric { METRIC_TABLE(METRIC_ENUM) METRIC_COUNT };
#undef METRIC_ENUM

struct metric_info {
    int id;
    const char *name;
    const char *unit;
    enum metric_kind kind;
    enum metric_source source;
};

/* The row of a metric; metric < METRIC_COUNT. */
const struct metric_info *metric_info(enum metric metric);

/* The index for a name, or -1. */
int metric_find(const char *name);

/* One observation of a process. A metric without its bit in `present` was not measured: NULL in
 * run.db. */
struct metric_values {
    uint64_t present;
    int64_t value[METRIC_COUNT];
};

/* Its bit in a set of metrics, such as `present`. */
#define METRIC_BIT(m) (UINT64_C(1) << (m))

_Static_assert(METRIC_COUNT <= 64, "one bit of metric_values.present each");

static inline void metric_set(struct metric_values *v, enum metric m, int64_t value)
{
    v->present |= METRIC_BIT(m);
    v->value[m] = value;
}

static inline bool metric_has(const struct metric_values *v, enum metric m)
{
    return v->present >> m & 1;
}

#endif
