/*
 * One event loop and the server on it. The first worker lives on the main thread, each further one
 * on a thread of its own; what they share is read-only (the TLS context) or locked (the counters).
 */
#ifndef FLATLINE_STRESS_SERVER_WORKER_H
#define FLATLINE_STRESS_SERVER_WORKER_H

#include "common/contract/leak_spec.h"
#include "common/engine/server.h"
#include "stress-server/broker.h"

struct worker;

/* Outlives the worker. */
struct worker_config {
    const char *host;
    struct tls_context *tls;      /* NULL: cleartext */
    const struct leak_spec *leak; /* bytes 0: none; so with the next */
    const struct healthy_spec *healthy;
    struct broker *broker; /* of all workers */
    uint64_t drain_ns;
    uint32_t message_size;                                            /* services.h */
    uint64_t keepalive_ns, keepalive_timeout_ns, permit_keepalive_ns; /* server.h */
    struct admission *admission;                                      /* of all workers, or NULL */
    bool alone; /* the only worker: nobody else reads its counters or joins its port */
    void (*drained)(void *arg); /* in the worker's thread, once, after worker_drain */
    void (*obeyed)(void *arg);  /* there too: look at worker_pause again */
    void *arg;
};

/* Listens: on `port` for the first worker, on the port of `first` for the others. NULL: *error. */
struct worker *worker_new(const struct worker_config *config, uint16_t port,
                          const struct worker *first, char *error, size_t cap);
uint16_t worker_port(const struct worker *worker);
struct engine_loop *worker_loop(struct worker *worker);

/* Serves on this thread until somebody breaks the loop. */
void worker_run(struct worker *worker);

/* Serves on a thread of its own. */
bool worker_start(struct worker *worker, char *error, size_t cap);

/* From any thread: stop accepting, let calls finish for drain_ns. */
void worker_drain(struct worker *worker);

/*
 * From one thread, which may be another: begin no message on streams without end, or do so again.
 * Returns whether the worker has obeyed; until then ask again after config.obeyed.
 */
bool worker_pause(struct worker *worker, bool on);

/*
 * From one thread, which may be another: handshakes from now on use this context. Returns whether
 * the worker has taken it, and with that left the one before; until then ask again after
 * config.obeyed.
 */
bool worker_use_tls(struct worker *worker, struct tls_context *tls);

/* Nemeses: what befalls the connections that are open. The argument is of STALL: for so many ns. */
#define WORKER_DEED_TABLE(X)                                                     \
    X(ABORT)     /* they end by RST */                                           \
    X(TURN_AWAY) /* GOAWAY, and their end after drain_ns; new ones are served */ \
    X(STALL)     /* their receive windows are held shut */

#define WORKER_DEED_ENUM(ident) WORKER_##ident,
enum worker_deed { WORKER_DEED_TABLE(WORKER_DEED_ENUM) WORKER_DEEDS };
#undef WORKER_DEED_ENUM

/* From any thread: done on the worker's next turn. */
void worker_befall(struct worker *worker, enum worker_deed deed, uint64_t argument);

/* Adds what the worker did: from any thread, as of the end of its last turn; of one that is alone,
 * as of now. */
void worker_add_stats(struct worker *worker, struct engine_stats *sum);

/* Ends the thread, if it has one: at once, whatever is under way. */
void worker_stop(struct worker *worker);

/* After worker_stop. Takes NULL. */
void worker_free(struct worker *worker);

#endif
