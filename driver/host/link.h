/*
 * The pipe pair between the driver and its uploader, in an event loop: nothing waits. What is said
 * is kept until it can be written.
 */
#ifndef FLATLINE_DRIVER_HOST_LINK_H
#define FLATLINE_DRIVER_HOST_LINK_H

#include "driver/host/link_line.h"

#include <ev.h>

struct link;

struct link_hooks {
    link_take_fn *said;
    /* Nothing more is heard: it has ended (why is NULL), or said what cannot be. Called once. */
    void (*over)(void *user, const char *why);
};

/*
 * Takes over both descriptors, even if it fails. hooks are copied; they may not free the link.
 * NULL: no memory.
 */
struct link *link_new(struct ev_loop *loop, int from, int to, const struct link_hooks *hooks,
                      void *user);
/* NULL is ignored. */
void link_free(struct link *link);

/* One line, without its end. False: no memory, or the other end does not listen any more. */
bool link_say(struct link *link, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Closes the way there, once all that was said is written. */
void link_hang_up(struct link *link);

#endif
