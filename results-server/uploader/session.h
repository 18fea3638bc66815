/*
 * A peer's part in a test, from the first contact with the server to its results: one phase after
 * another (session_internal.h), in each of which one thing is waited for. What it has to say goes
 * to standard output, a line each; what a driver orders are the verbs below.
 *
 * It never waits by itself: session_turn asks what there is to ask, and answers come by
 * remote_turn.
 */
#ifndef FLATLINE_UPLOADER_SESSION_H
#define FLATLINE_UPLOADER_SESSION_H

#include "results-server/uploader/feed.h"
#include "results-server/uploader/options.h"

struct session;

/* Whose rows are sent: as in struct feed_settings. */
struct session_source {
    enum feed_fill (*fill)(void *source, struct batch *batch, bool over, uint64_t now_ns);
    void *source;
};

/* Everything is borrowed. NULL: no memory. */
struct session *session_new(const struct options *options, struct remote *remote,
                            const struct session_source *source);
void session_free(struct session *session);

/* Returns when to be called again, at the latest. */
uint64_t session_turn(struct session *session, uint64_t now_ns);

/* The exit status; -1: it goes on. */
int session_status(const struct session *session);

/* The host's share: {"components": [...], "ca": PEM}, of which the members are taken over. */
void session_host(struct session *session, json_t *members);
/* This host's share runs. */
void session_ready(struct session *session);
/* How it ended; all rows are there. `summary` is the session's from now on, and may be NULL. */
void session_done(struct session *session, int status, const char *verdict, const char *reason,
                  json_t *summary);
/* Whoever gave orders gives no more. */
void session_hang_up(struct session *session);
/* There is little time left: gives up in an orderly way, for this reason. */
void session_give_up(struct session *session, const char *why);
/* Fetch the whole test's run.db into the folder, as soon as all hosts have ended. */
void session_whole(struct session *session, const char *dir);
void session_finish(struct session *session, const char *verdict);
/* An order that is none: the driver and we are not of one version. */
void session_fail(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
