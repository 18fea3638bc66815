/*
 * The results server, over libcurl: requests that are repeated until they are answered. What may
 * pass (no connection, a connection that breaks, 408, 429, 5xx) is tried again, after 0.1 to 2 s
 * with jitter, for as long as the caller does not cancel; so every request must be one that may
 * arrive twice. All happens in one thread, in remote_turn.
 */
#ifndef FLATLINE_UPLOADER_REMOTE_H
#define FLATLINE_UPLOADER_REMOTE_H

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct remote;

/* One request at a time in each. */
enum remote_lane {
    REMOTE_DATA,  /* batches, results */
    REMOTE_STATE, /* what becomes of the test: long polls, topology, start, finish, the whole */
    REMOTE_CLOCK, /* probes */
    REMOTE_LANES
};

struct remote_settings {
    const char *url;   /* http://HOST:PORT or https://..., perhaps with a slash */
    const char *token; /* NULL: none */
    const char *ca;    /* PEM file that https trusts; NULL: the system's */
};

struct remote_answer {
    int status;         /* of HTTP, below 500; 0: this will never be answered */
    const json_t *json; /* NULL: it is none, or went into a file */
    const char *error; /* the server's word for a refusal ("test-not-found"), "" if there is none */
    char why[512];     /* if status is not 200 or 201: one line for people */
    uint64_t sent_ns, answered_ns; /* CLOCK_MONOTONIC; the connection stood before that */
};

typedef void remote_answered_fn(void *user, const struct remote_answer *answer);

struct remote_request {
    const char *method; /* "GET", "PUT", "POST" */
    const char *path;   /* behind the URL */
    const char *body;   /* JSON, or NULL; borrowed until the answer */
    size_t size;
    uint64_t timeout_ns; /* of one try; 0: as long as something comes */
    FILE *into;          /* the body of a 200 goes there; emptied before each try; NULL: memory */
    remote_answered_fn *answered; /* may ask the next */
    void *user;
};

/* NULL: *error holds one line. Strings are borrowed. */
struct remote *remote_new(const struct remote_settings *settings, char *error, size_t cap);
void remote_free(struct remote *remote);

/* The lane must be idle. */
void remote_ask(struct remote *remote, enum remote_lane which,
                const struct remote_request *request);
bool remote_idle(const struct remote *remote, enum remote_lane lane);
/* Forgets the request under way, if there is one; it may have arrived. */
void remote_cancel(struct remote *remote, enum remote_lane which);

/*
 * Waits until one of the descriptors is ready, something was answered, or `until_ns`; hands out
 * answers.
 */
void remote_turn(struct remote *remote, struct curl_waitfd *fds, unsigned count, uint64_t until_ns);

/* Since when it has not answered; 0: it does. */
uint64_t remote_away_since(const struct remote *remote);
/* What keeps it from answering, or kept it last, one line. */
const char *remote_trouble(const struct remote *remote);

#endif
