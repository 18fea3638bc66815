#include "common/engine/rest.h"

#include <stddef.h>

#define INTERVAL 1. /* s */

static void stop(struct rest_list *list)
{
    if (!ev_is_active(&list->timer))
        return;
    ev_ref(list->ev);
    ev_timer_stop(list->ev, &list->timer);
}

static void take_turn(struct rest *rest)
{
    if (rest->busy) {
        rest->busy = false;
        return;
    }
    rest_cancel(rest);
    rest->begin(rest);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
    struct rest_list *list = w->data;

    (void)ev, (void)revents;
    for (struct rest *rest = list->awaited.next, *next; rest != &list->awaited; rest = next) {
        next = rest->next;
        take_turn(rest);
    }
    if (list->awaited.next == &list->awaited)
        stop(list);
}

void rest_list_init(struct rest_list *list, struct ev_loop *ev)
{
    list->ev = ev;
    list->awaited.next = list->awaited.prev = &list->awaited;
    ev_timer_init(&list->timer, on_timer, INTERVAL, INTERVAL);
    list->timer.data = list;
}

void rest_list_stop(struct rest_list *list)
{
    stop(list);
}

void rest_put_off(struct rest_list *list, struct rest *rest)
{
    rest->busy = true;
    if (rest->next != NULL)
        return;
    rest->next = &list->awaited;
    rest->prev = list->awaited.prev;
    rest->prev->next = rest;
    list->awaited.prev = rest;
    if (ev_is_active(&list->timer))
        return;
    ev_timer_set(&list->timer, INTERVAL, INTERVAL);
    ev_timer_start(list->ev, &list->timer);
    ev_unref(list->ev);
}

void rest_cancel(struct rest *rest)
{
    if (rest->next == NULL)
        return;
    rest->prev->next = rest->next;
    rest->next->prev = rest->prev;
    rest->next = rest->prev = NULL;
}
