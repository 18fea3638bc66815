/*
 * The way up to a results server: the uploader as a child, which is given data points line by line
 * and says when the test starts. In an event loop nothing of it waits, and nothing of it grows:
 * there is room for one line, and a point that comes while the one before is not yet taken is
 * dropped and counted; what is told of it is cumulative, so that only the resolution suffers. An
 * uploader that dies is said once, and all goes on without it.
 */
#ifndef FLATLINE_CLIENT_UPLINK_H
#define FLATLINE_CLIENT_UPLINK_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct uplink;

struct uplink_events {
    /* The test has started, or will: CLOCK_MONOTONIC, ns. */
    void (*on_start)(void *user, uint64_t start_ns);
    /* The test is over: end orderly. */
    void (*on_end)(void *user);
    /* The uploader is gone. */
    void (*on_gone)(void *user);
};

struct uplink_config {
    const char *url, *test, *peer;
    const char *token, *ca; /* files, or NULL */
    uint64_t drain_ns;      /* how long it may try in the end; ns, whole ms count */
};

/* Executes the uploader. NULL: *error holds one line. What *config points to is needed no more. */
struct uplink *uplink_new(const struct uplink_config *config, char *error, size_t cap);

/* From now on the events come. What they need outlives the uplink_stop. */
void uplink_start(struct uplink *uplink, struct ev_loop *ev, const struct uplink_events *events,
                  void *user);
/* No more events. Takes one that was not started. */
void uplink_stop(struct uplink *uplink);

/* Begins a line, to be written into what is returned, at most UPLINK_LINE bytes with its end; NULL:
 * it is dropped. */
#define UPLINK_LINE 32768
FILE *uplink_open(struct uplink *uplink);
/* The line is whole. */
void uplink_send(struct uplink *uplink);

/* After uplink_stop: waits until there is room for a line, for as long as the uploader may take. */
void uplink_flush(struct uplink *uplink);

/*
 * After uplink_flush, and without a line or with a last one: waits until all has been delivered or
 * the uploader has given up. False, and it is said in the log: something was not delivered.
 */
bool uplink_finish(struct uplink *uplink);

/* Takes NULL. Ends an uploader that was not finished. */
void uplink_free(struct uplink *uplink);

#endif
