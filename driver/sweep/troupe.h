/*
 * A handful of processes for one experiment, without chaos: started, waited for, measured and
 * stopped in order. Everything blocks, bounded by a deadline, and meanwhile looks at every member:
 * the death of one that was not to end ends the wait, with one line that says who and why.
 */
#ifndef FLATLINE_DRIVER_SWEEP_TROUPE_H
#define FLATLINE_DRIVER_SWEEP_TROUPE_H

#include "common/contract/metric.h"
#include "common/contract/page.h"
#include "driver/guardian.h"
#include "driver/scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TROUPE_MAX 32
#define TROUPE_LINE 1024 /* enough for every *error below */

struct troupe;
struct member;

enum troupe_ready {
    TROUPE_READY_START,     /* nothing to wait for */
    TROUPE_READY_PAGE,      /* its telemetry page says so */
    TROUPE_READY_LISTENING, /* it said "listening on HOST:PORT" in its log */
    TROUPE_READY_TCP,       /* somebody else's: its port takes connections */
};

struct troupe_part {
    const char *name;     /* "broker", as messages call it */
    char *const *argv;    /* argv[0] is the path of the program */
    const char *log_path; /* takes standard output and error */
    uint64_t heap_cap;    /* RLIMIT_DATA, bytes; 0: none */
    bool page;            /* one of ours: gets a telemetry page, and --telemetry-fd behind argv */
    bool ends; /* by itself, in its own time: that is no surprise unless a signal did it */
    enum troupe_ready ready;
    int port; /* of TROUPE_READY_TCP */
};

enum troupe_outcome {
    TROUPE_DONE,
    TROUPE_LATE,        /* the deadline came first */
    TROUPE_DIED,        /* somebody died who was not to, or could not be started */
    TROUPE_INTERRUPTED, /* the user's word to stop (interrupt.h) */
};

struct troupe_settings {
    struct guardian *guardian; /* outlives the troupe */
    /* Every so often during waits, for each member that lives; 0: never. */
    uint64_t sample_ns;
    /* values: of its page as far as that is fresh, and of /proc. */
    void (*sampled)(void *user, const struct member *member, uint64_t now_ns,
                    const struct metric_values *values);
    void *user;
};

/* NULL: no memory. */
struct troupe *troupe_new(const struct troupe_settings *settings);

/* Kills who still lives, waits for all of them. NULL is ignored. */
void troupe_free(struct troupe *troupe);

/*
 * Starts one and waits until it is ready, at most limit_ns. *out, which lives as long as the
 * troupe, is set where it was started. What is not TROUPE_DONE: *error holds one line (empty if
 * interrupted).
 */
enum troupe_outcome troupe_start(struct troupe *troupe, const struct troupe_part *part,
                                 uint64_t limit_ns, struct member **out, char *error, size_t cap);

/* Waits until it has ended by itself; its exit status is member_code. */
enum troupe_outcome troupe_await_end(struct troupe *troupe, struct member *member,
                                     uint64_t limit_ns, char *error, size_t cap);

/* Waits until `done` says so, which is asked every few ms. */
enum troupe_outcome troupe_await(struct troupe *troupe, bool (*done)(void *user), void *user,
                                 uint64_t limit_ns, char *error, size_t cap);

/*
 * SIGTERM, then waits; who does not end in time is killed. TROUPE_DIED if it ended otherwise than
 * by status 0. An interrupt does not cut this short.
 */
enum troupe_outcome troupe_stop(struct troupe *troupe, struct member *member, uint64_t limit_ns,
                                char *error, size_t cap);

const char *member_name(const struct member *member);
pid_t member_pid(const struct member *member);
bool member_lives(const struct member *member);
/* Once it has ended: its exit status, or -1 if a signal ended it. */
int member_code(const struct member *member);
/* Once it has ended: one line on how, and its last words. */
void member_describe(const struct member *member, char *line, size_t cap);
/* Of TROUPE_READY_LISTENING, once ready: the port that it listens on. */
int member_port(const struct member *member);
/* Also after its death; NULL: it has none. */
struct page *member_page(const struct member *member);

#endif
