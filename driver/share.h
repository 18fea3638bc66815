/*
 * This host's part in a run that reports to a results server, perhaps as one of many hosts: it
 * meets the others, begins with them, ends with them, and hands in its share. All words go through
 * the uploader, a process of its own; what it says beyond the run's loop comes by the hooks.
 */
#ifndef FLATLINE_DRIVER_SHARE_H
#define FLATLINE_DRIVER_SHARE_H

#include "common/base/exit_status.h"
#include "driver/certificates.h"
#include "driver/options.h"

#include <ev.h>

struct share;

struct share_settings {
    const struct host_orders *orders;
    struct ev_loop *loop;
    const char *uploader; /* the program */
    const char *run_dir;  /* has a folder logs/; its run.db is read once it is there */
};

struct share_hooks {
    /* All shares are up: the run begins at that moment, CLOCK_MONOTONIC. */
    void (*start)(void *user, uint64_t at_ns);
    /* Another host has ended, or the test has: this one is to end, too. */
    void (*end)(void *user, const char *reason);
    /* Nothing more can be reported. Called once, and not during the waits below, which say so. */
    void (*cut_off)(void *user, const char *why);
};

/* Starts the uploader. hooks are copied. NULL: *error holds one line. */
struct share *share_new(const struct share_settings *settings, const struct share_hooks *hooks,
                        void *user, char *error, size_t cap);

/* Lets the uploader end in order, for a few seconds. Its addresses were the scenario's. NULL is
 * ignored. */
void share_free(struct share *h);

/*
 * Tells the others of this host's share, of which ca is the certificate, and waits until all hosts
 * are there; then each component has its host's address. False: *error holds one line, empty if it
 * was interrupted.
 */
bool share_meet(struct share *h, struct scenario *scenario, const char *ca, char *error,
                size_t cap);

/* After share_meet, spread: what the servers of other hosts show is trusted. */
bool share_trust(const struct share *h, struct certificates *certificates, char *error, size_t cap);

/* Whether the servers of other hosts that have clients here take connections; looks, does not wait.
 */
bool share_reach_servers(struct share *h, const struct scenario *scenario);

/* This host's share is up. */
void share_ready(struct share *h);

/* Ends the wait that goes on. */
void share_interrupt(struct share *h);

/*
 * run.db is complete, and this is how the share ended. The rank that does not collect waits until
 * all was delivered. False: *error holds one line.
 */
bool share_deliver(struct share *h, enum exit_status status, const char *reason, char *error,
                   size_t cap);

/* Rank 0, after that: waits until every host has ended or is lost, and has the whole run put into
 * dir. */
bool share_collect(struct share *h, const char *dir, char *error, size_t cap);

/* Rank 0, after that: tells the verdict and waits until it is known. */
bool share_conclude(struct share *h, enum exit_status status, char *error, size_t cap);

#endif
