/*
 * Watches, sample by sample, a client come back from the restarts of its server: after the server's
 * ready its messages must advance. What a sample shows may be one publication and one sample old,
 * so that much is given on top of the limit.
 */
#ifndef FLATLINE_DRIVER_RESTARTS_H
#define FLATLINE_DRIVER_RESTARTS_H

#include "driver/evidence.h"

struct restart_watch {
    const struct evidence *e;
    struct evidence_component *client;
    size_t next;    /* index of the server's incarnation that is waited for */
    int64_t before; /* messages when the server was last seen down; -1: this client was not there */
    uint64_t last_ns;
    uint64_t stood_ns; /* since the server is back: when nobody ran, not even the driver */
};

void restart_watch_init(struct restart_watch *w, const struct evidence *e,
                        struct evidence_component *client);
/* Around the samples of one incarnation of the client; NULL (before the first) ends nothing. */
void restart_watch_begin(struct restart_watch *w);
void restart_watch_end(struct restart_watch *w, const struct evidence_incarnation *ended);
/* Before the sample that shows it: so long nobody ran. */
void restart_watch_stood(struct restart_watch *w, uint64_t ns);
void restart_watch_sample(struct restart_watch *w, uint64_t time_ns, int64_t messages);

#endif
