/* What the halves of a session share: session.c goes from phase to phase, session_begin.c has the
 * phases up to the start, session_end.c those after the run. Internal. */
#ifndef FLATLINE_UPLOADER_SESSION_INTERNAL_H
#define FLATLINE_UPLOADER_SESSION_INTERNAL_H

#include "results-server/uploader/probes.h"
#include "results-server/uploader/session.h"

#include <limits.h>

/* Columns: identifier; how long the server may be away in it; what begins it, and takes the answers
 * to what session_ask asked in it, NULL where there is none; what happens in it. */
#define PHASE_TABLE(X)                                                                           \
    X(MEET, CONTACT, NULL, NULL, "the server's clock is measured")                               \
    X(CREATE, CONTACT, session_begin_create, session_created,                                    \
      "the test is made, unless somebody was first")                                             \
    X(JOIN, BARRIER, session_begin_join, session_joined,                                         \
      "lines: the start of the test is waited for")                                              \
    X(HOST, BARRIER, session_begin_host, NULL, "the driver is to say what runs here")            \
    X(REGISTER, BARRIER, session_put_entry, session_registered, "this host enters the topology") \
    X(GATHER, BARRIER, session_begin_gather, session_gathered, "all hosts are to come")          \
    X(SHARE, BARRIER, session_begin_share, NULL, "the driver is to say that its share runs")     \
    X(READY, BARRIER, session_begin_ready, session_readied, "the others are told so")            \
    X(ALL_READY, BARRIER, session_begin_all_ready, session_all_readied,                          \
      "rank 0: all hosts are to be ready")                                                       \
    X(START, BARRIER, session_begin_start, session_started,                                      \
      "rank 0 starts the test, the others wait")                                                 \
    X(RUN, FOR_EVER, session_begin_run, session_run_answered, "what is measured is sent")        \
    X(DRAIN, DRAIN, session_begin_drain, NULL, "the rest of it")                                 \
    X(RESULTS, DRAIN, session_begin_results, session_result_taken,                               \
      "the server is told how it ended")                                                         \
    X(DELIVERED, FOR_EVER, session_begin_delivered, NULL, "the driver may have more to order")   \
    X(WHOLE, DRAIN, session_begin_whole, session_whole_ready, "all hosts are to end")            \
    X(FETCH, DRAIN, session_begin_fetch, session_fetched, "the whole run is fetched")            \
    X(FINISH, DRAIN, session_begin_finish, session_finished,                                     \
      "the server is told the whole's verdict")                                                  \
    X(OVER, FOR_EVER, NULL, NULL, "nothing is left to do")

#define PHASE_ENUM(ident, patience, begin, answered, text) PHASE_##ident,
enum phase { PHASE_TABLE(PHASE_ENUM) PHASES };
#undef PHASE_ENUM

struct session {
    const struct options *options;
    struct remote *remote;
    struct feed *feed;
    struct probes probes;

    enum phase phase;
    uint64_t phase_ns; /* since when */
    uint64_t retry_ns; /* when to ask again; 0: nothing is to be asked */
    int status;        /* -1: it goes on */

    json_t *entry;                      /* this host's, as it is in the topology */
    bool entry_old;                     /* there is a better offset than the entry's */
    bool hosted, ready_told, done_told; /* what the driver has said */
    bool hung_up, giving_up, failed;
    char *body; /* of the request under way in the lane STATE */

    int done_status;
    char verdict[32], reason[1024];
    json_t *summary; /* or NULL */

    bool ending, why_asked, end_told; /* the test is; who ended it is asked; the driver knows */
    json_t *lost_told;                /* names: true */

    char whole_dir[PATH_MAX]; /* "" if none was ordered */
    FILE *whole;
    char finish_verdict[32]; /* "" */
};

/* Begins a phase. */
void session_go(struct session *session, enum phase phase);
/* With this exit status. */
void session_over(struct session *session, int status);

/* A line for the driver. */
void session_say(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Asks about the test: METHOD /test/ID and what is appended to that. body: a reference to be taken
 * over, or NULL. The answer goes to the phase that it finds.
 */
void session_ask(struct session *session, const char *method, const char *rest, json_t *body);
/* GET /test/ID, answered when it is in that state or after a while, but before `deadline_ns`. */
void session_await(struct session *session, const char *state, uint64_t deadline_ns);

/* The whole run cannot be had. */
void session_whole_failed(struct session *session, const char *why);

/* The topology's entry with the best offset there is. */
void session_put_entry(struct session *session);

void session_begin_create(struct session *session);
void session_begin_join(struct session *session);
void session_begin_host(struct session *session);
void session_begin_gather(struct session *session);
void session_begin_share(struct session *session);
void session_begin_ready(struct session *session);
void session_begin_all_ready(struct session *session);
void session_begin_start(struct session *session);
void session_begin_run(struct session *session);
void session_begin_drain(struct session *session);
void session_begin_results(struct session *session);
void session_begin_delivered(struct session *session);
void session_begin_whole(struct session *session);
void session_begin_fetch(struct session *session);
void session_begin_finish(struct session *session);

void session_created(struct session *session, const struct remote_answer *answer);
void session_joined(struct session *session, const struct remote_answer *answer);
void session_registered(struct session *session, const struct remote_answer *answer);
void session_gathered(struct session *session, const struct remote_answer *answer);
void session_readied(struct session *session, const struct remote_answer *answer);
void session_all_readied(struct session *session, const struct remote_answer *answer);
void session_started(struct session *session, const struct remote_answer *answer);
void session_run_answered(struct session *session, const struct remote_answer *answer);
void session_result_taken(struct session *session, const struct remote_answer *answer);
void session_whole_ready(struct session *session, const struct remote_answer *answer);
void session_fetched(struct session *session, const struct remote_answer *answer);
void session_finished(struct session *session, const struct remote_answer *answer);

#endif
