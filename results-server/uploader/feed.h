/*
 * A peer's data on their way: numbered batches, one after another, each repeated until it is
 * acknowledged, and heartbeats while there are none. What is not in a batch yet stays with its
 * source, so however long the server is away, one batch is all that is kept here.
 */
#ifndef FLATLINE_UPLOADER_FEED_H
#define FLATLINE_UPLOADER_FEED_H

#include "results-server/uploader/batch.h"
#include "results-server/uploader/remote.h"

struct feed;

enum feed_fill {
    FEED_MORE, /* the batch is full: the next one may follow at once */
    FEED_ALL,  /* what there is now has been taken */
    FEED_LATER /* nothing can be had just now */
};

struct feed_settings {
    struct remote *remote;
    const char *test, *peer;
    uint64_t period_ns; /* between batches, unless one was full */
    /* Adds rows to the batch; `over`: the last ones, too. */
    enum feed_fill (*fill)(void *source, struct batch *batch, bool over, uint64_t now_ns);
    void *source;
    /* An acknowledgement, or a refusal that no repetition will change. */
    void (*answered)(void *user, const struct remote_answer *answer);
    void *user;
};

/* Strings are borrowed. NULL: no memory. */
struct feed *feed_new(const struct feed_settings *settings);
void feed_free(struct feed *feed);

/* Sends what is due; returns when to be called again, at the latest. */
uint64_t feed_turn(struct feed *feed, uint64_t now_ns);

/* From now on: no heartbeats, all that there is without a pause. */
void feed_drain(struct feed *feed);
/* All of it is acknowledged. */
bool feed_drained(const struct feed *feed);
/* A batch was refused: nothing more is sent. */
bool feed_refused(const struct feed *feed);

/* The last number that was acknowledged. */
uint64_t feed_acknowledged(const struct feed *feed);
/* When something was acknowledged last, or the feed was made. */
uint64_t feed_progress_ns(const struct feed *feed);

#endif
