/*
 * A connection that a simulated host keeps (HTTP/1.1, keep-alive): one request at a time, sent
 * again after RECONNECT when the connection breaks before the whole answer is here, as the uploader
 * does.
 */
#ifndef FLATLINE_BENCH_LOAD_LINK_H
#define FLATLINE_BENCH_LOAD_LINK_H

#include "tests/bench/load_text.h"

#include <ev.h>
#include <netinet/in.h>
#include <stdbool.h>

struct load_link;

struct load_link_hooks {
    /* The answer to the request; body is text, ends with a 0, and is gone afterwards. The next
     * request may be sent from here. */
    void (*answered)(void *user, int status, const char *body);
    /* A connection was refused or broke; it is tried again. */
    void (*broke)(void *user);
    void *user;
};

/* from: an address of this machine, since the server bounds the connections of one. Hooks are
 * copied. */
struct load_link *load_link_new(struct ev_loop *loop, const struct sockaddr_in *from,
                                const struct sockaddr_in *to, const struct load_link_hooks *hooks);
void load_link_free(struct load_link *link);

/* To be filled with the next request's body, which stays until the answer is here. */
struct load_text *load_link_body(struct load_link *link);
/* Sends the body; no request may be under way. */
void load_link_send(struct load_link *link, const char *method, const char *path);

#endif
