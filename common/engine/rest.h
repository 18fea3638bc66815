/*
 * Who has done nothing for one to two seconds gets a turn in which to give back what it only needs
 * while it works. One timer for a whole loop, which runs only while anybody is awaited.
 */
#ifndef FLATLINE_ENGINE_REST_H
#define FLATLINE_ENGINE_REST_H

#include <ev.h>
#include <stdbool.h>

/* Embedded in whoever rests; all zero but for `begin` at first. */
struct rest {
    struct rest *next, *prev; /* NULL: not awaited */
    void (*begin)(struct rest *rest);
    bool busy; /* since the timer's last turn */
};

struct rest_list {
    struct ev_loop *ev;
    ev_timer timer;
    struct rest awaited; /* ring head */
};

/* The timer keeps no loop running. */
void rest_list_init(struct rest_list *list, struct ev_loop *ev);
void rest_list_stop(struct rest_list *list);

/* It works. Cheap. */
void rest_put_off(struct rest_list *list, struct rest *rest);
/* Before its owner is freed. */
void rest_cancel(struct rest *rest);

#endif
