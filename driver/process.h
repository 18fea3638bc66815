/*
 * One incarnation of a component: the process, its telemetry page and its files under /proc, from
 * spawn to the last look after its death.
 */
#ifndef FLATLINE_DRIVER_PROCESS_H
#define FLATLINE_DRIVER_PROCESS_H

#include "common/contract/page.h"
#include "common/run/writer.h"
#include "driver/proc.h"
#include "driver/spawn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct process {
    struct spawned child;
    struct page *page;         /* NULL: somebody else's program, which has none */
    struct page_cursor cursor; /* how far its events were taken */
    struct proc proc;
    int number;                /* of the incarnation, from 1 */
    int64_t row;               /* its id in run.db */
    struct metric_values last; /* as last observed */
    int64_t data;              /* last sampled, bytes; 0 before */
};

/*
 * Makes the page and starts the program with it (request->page_fd is filled in here), without one
 * if request->page_target is 0. False: *error holds one line and nothing is left behind. number and
 * row are the caller's to set.
 */
bool process_start(struct process *process, struct spawn_request *request, char *error, size_t cap);

/* When it became ready, by its page; 0 while it is not, or has none. */
uint64_t process_ready_ns(const struct process *process);

struct process_look {
    uint64_t time_ns;
    int64_t lateness_ns; /* of this look against its plan */
    int64_t pss;         /* bytes, as read since the last look; negative: not read */
};

/* Appends a sample and the events since the last look. */
void process_observe(struct process *process, struct run_writer *writer,
                     const struct process_look *look);

/* After its death: the rest of its events, its last snapshot and its histograms. */
void process_observe_last(struct process *process, struct run_writer *writer, uint64_t time_ns);

/* Lets it have so many bytes of data from now on. False with errno. */
bool process_raise_cap(const struct process *process, uint64_t bytes);

/* Its last words into out; false if it left none. */
bool process_obituary(const struct process *process, char *out, size_t cap);

/* Releases what process_start made; the process itself must have been reaped. */
void process_release(struct process *process);

#endif
