/*
 * The telemetry page: one memfd per incarnation, made by the driver with MFD_CLOEXEC and handed to
 * one child
 * (`--telemetry-fd N`). The child publishes; the driver reads; the last values survive SIGKILL.
 *
 * - The snapshot is guarded by a seqlock (one writer: the child): readers retry while it is odd or
 * moved.
 * - The event ring has one producer (the child) and one consumer (the driver); an overrun loses the
 * oldest events and is counted.
 * - The obituary is written once, by a child about to die, and needs no lock.
 * - The command block goes the other way: the driver stores an argument, then raises `number`; the
 * child carries the command out, then stores its result and raises `acknowledged` to the same
 * number.
 */
#ifndef FLATLINE_CONTRACT_PAGE_H
#define FLATLINE_CONTRACT_PAGE_H

#include "common/base/histogram.h"
#include "common/contract/metric.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_PUBLISH_NS UINT64_C(100000000) /* children publish at this period */
#define PAGE_PAUSED_NS UINT64_C(20000000)   /* ... and at this one while they are paused */
#define PAGE_STALE_NS \
    UINT64_C(1000000000) /* a snapshot older than this is stale and never judged */

enum page_state { PAGE_STARTING, PAGE_READY, PAGE_PAUSED, PAGE_DRAINING };

/* What befell a connection or a call. LOSS: the peer went away. ERROR: the peer or the payload was
 * wrong. */
#define PAGE_EVENT_TABLE(X)                                                   \
    X(LOSS_REFUSED, "loss-refused", "connect refused")                        \
    X(LOSS_RESET, "loss-reset", "connection reset")                           \
    X(LOSS_CLOSED, "loss-closed", "connection closed by the peer")            \
    X(LOSS_GOAWAY, "loss-goaway", "peer sent GOAWAY")                         \
    X(LOSS_TIMEOUT, "loss-timeout", "connect, handshake or PING timed out")   \
    X(LOSS_OTHER, "loss-other", "connection failed otherwise")                \
    X(RECOVERED, "recovered", "first message after a loss")                   \
    X(ERROR_PAYLOAD, "error-payload", "wrong length or count of messages")    \
    X(ERROR_PROTOCOL, "error-protocol", "HTTP/2 or gRPC protocol error")      \
    X(ERROR_STATUS, "error-status", "call ended with a status other than OK") \
    X(ERROR_TLS, "error-tls", "TLS handshake or certificate refused")         \
    X(ERROR_MEMORY, "error-memory", "allocation refused, connection dropped")

#define PAGE_EVENT_ENUM(ident, name, text) PAGE_##ident,
enum page_event_kind { PAGE_EVENT_TABLE(PAGE_EVENT_ENUM) PAGE_EVENT_KINDS };
#undef PAGE_EVENT_ENUM

const char *page_event_name(enum page_event_kind kind);
const char *page_event_text(enum page_event_kind kind);
bool page_event_is_loss(enum page_event_kind kind);
bool page_event_is_error(enum page_event_kind kind);

struct page_event {
    uint64_t time_ns; /* CLOCK_MONOTONIC */
    uint32_t kind;    /* enum page_event_kind */
    uint32_t connection;
    int32_t detail; /* errno, HTTP/2 error code or gRPC status, by kind */
    uint32_t unused;
};

enum page_command_op {
    PAGE_COMMAND_NONE,
    /* Connections and endless streams stay open. Client: send nothing, start no call. Server: begin
     * no message on streams that go on for ever unasked; answer all else. */
    PAGE_COMMAND_PAUSE,
    PAGE_COMMAND_RESUME,
    PAGE_COMMAND_PUBLISH, /* publish a snapshot now */
    /* The heap profiler, which is off while a run is judged: it changes what is measured. */
    PAGE_COMMAND_PROFILE_START, /* argument: log2 of the mean bytes between two samples */
    PAGE_COMMAND_PROFILE_DUMP,  /* argument N: writes --profile-dir/PID.N.heap */
    PAGE_COMMAND_PROFILE_STOP,
    /* Nemeses: what befalls the connections that are open. */
    PAGE_COMMAND_RESET,       /* end them by RST; a client connects again at once */
    PAGE_COMMAND_GOAWAY,      /* server: tell them to go, and serve new ones */
    PAGE_COMMAND_STALL,       /* hold their receive windows shut for argument ns */
    PAGE_COMMAND_CANCEL,      /* client: cancel the calls under way, and start them anew */
    PAGE_COMMAND_ABORT_CLOSE, /* client: close by RST from now on (1) or in order again (0) */
    PAGE_COMMAND_RELOAD,      /* server: read the certificate anew, for handshakes from now on */
    /* Of a delay line. */
    PAGE_COMMAND_DELAY, /* add argument ns to a round trip from now on */
    PAGE_COMMAND_MUTE,  /* its open connections fall silent for ever; new ones are served */
};
enum page_command_result { PAGE_RESULT_DONE, PAGE_RESULT_UNSUPPORTED, PAGE_RESULT_FAILED };

struct page_snapshot {
    uint64_t time_ns;   /* when it was published */
    uint64_t heartbeat; /* number of publications */
    uint32_t state;     /* enum page_state */
    uint32_t unused;
    uint64_t ready_ns; /* when it became ready; 0 before */
    struct metric_values metrics;
    struct histogram rtt;     /* per call, or per message where each is answered */
    struct histogram connect; /* TCP and TLS until the connection is usable */
};

#define PAGE_EVENTS 1024 /* a power of two */
#define PAGE_OBITUARY 240

struct page; /* the shared mapping itself, laid out in page.c */

/* Driver side: makes the memfd, sealed at its size, and maps it; *fd is close-on-exec. NULL with
 * errno on failure. */
struct page *page_create(int *fd);

/* Child side: maps the fd it was handed; NULL with errno (EPROTO: not a page of this version). */
struct page *page_attach(int fd);

/* Unmaps; the fd is the caller's. */
void page_free(struct page *page);

/* Child: publishes *snapshot; time_ns and heartbeat are filled in here. */
void page_publish(struct page *page, struct page_snapshot *snapshot);

/* Child: appends an event at now. Never blocks, never fails. Async-signal-unsafe. */
void page_put_event(struct page *page, enum page_event_kind kind, uint32_t connection,
                    int32_t detail);

/*
 * Child, dying: leaves its last words, cut to PAGE_OBITUARY - 1 bytes; only the first call counts.
 * No allocation, safe when memory is exhausted.
 */
void page_put_obituary(struct page *page, const char *text);

/* Driver: a consistent copy; false if the child has not published yet or died half-way through its
 * first. */
bool page_read(const struct page *page, struct page_snapshot *out);

/* As page_read, without the histograms, which are nearly all of it: they stay what they were. */
bool page_read_values(const struct page *page, struct page_snapshot *out);

/* Driver: where a consumer stands in the ring; all zero at first. `lost` counts events overrun. */
struct page_cursor {
    uint64_t next;
    uint64_t lost;
};

/* Driver: up to `cap` events since the cursor, oldest first; returns how many. What they say is the
 * child's: `kind` may be none of the table. */
size_t page_take_events(const struct page *page, struct page_cursor *cursor, struct page_event *out,
                        size_t cap);

/* Driver: the obituary into out, one line whatever the child wrote; false if there is none. */
bool page_read_obituary(const struct page *page, char *out, size_t cap);

/* Driver: orders a command; returns its number. One at a time: wait for the acknowledgement first.
 */
uint64_t page_order(struct page *page, enum page_command_op op, uint64_t argument);
/* Driver: whether command `number` was carried out, and how. */
bool page_acknowledged(const struct page *page, uint64_t number, enum page_command_result *result);
/* Child: the pending command, if any; PAGE_COMMAND_NONE if none. */
enum page_command_op page_pending(const struct page *page, uint64_t *argument);
/* Child: acknowledges the pending command. */
void page_acknowledge(struct page *page, enum page_command_result result);

#endif
