/*
 * The delay lines of a run (delay.h), for nemeses that befall the way between a server and its
 * clients: one process for each server of ours that has clients of ours, from before the fleet to
 * after it. They are no part of the fleet: chaos spares them, nobody judges them.
 */
#ifndef FLATLINE_DRIVER_LINES_H
#define FLATLINE_DRIVER_LINES_H

#include "driver/guardian.h"
#include "driver/process.h"
#include "driver/scenario.h"

#include <ev.h>

struct lines;

struct lines_settings {
    const struct scenario *scenario; /* with the ports of its servers */
    struct guardian *guardian;
    const char *run_dir; /* has a folder logs/ */
};

/* Starts them and waits until they listen. What settings point to outlives them. NULL: *error holds
 * one line, and none is left. */
struct lines *lines_new(const struct lines_settings *settings, char *error, size_t cap);

/* The clients of ours get the port of the line for that of their server. */
void lines_redirect(const struct lines *lines, struct scenario *scenario);

/* NULL: it has none. */
struct process *lines_process(struct lines *lines, size_t server);

/* From now on died is called when one has ended by itself, with the path of its log. */
void lines_watch(struct lines *lines, struct ev_loop *loop,
                 void (*died)(void *user, const char *log_path), void *user);

/* Ends them. Takes NULL. */
void lines_free(struct lines *lines);

#endif
