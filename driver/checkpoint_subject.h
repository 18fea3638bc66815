/*
 * One component before a checkpoint: what it was told, whether it has obeyed and fallen quiet, and
 * how what it has at rest compares with its last valid reading.
 */
#ifndef FLATLINE_DRIVER_CHECKPOINT_SUBJECT_H
#define FLATLINE_DRIVER_CHECKPOINT_SUBJECT_H

#include "driver/process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUBJECT_COUNTERS 9

/* All zero at first. process is the component's process, NULL if it is not there or not ready. */
struct subject {
    /* This checkpoint. */
    int number; /* of the incarnation that was told; 0: none was there */
    int64_t row;
    uint64_t order;    /* the command's number on its page */
    uint64_t still_ns; /* publication since which its counters have not moved; 0: none yet */
    uint64_t seen_ns;  /* its newest publication */
    bool obeyed, looked;
    int64_t counters[SUBJECT_COUNTERS];
    struct metric_values values; /* its newest, and the kernel's */
    /* From one checkpoint to the next. */
    int valid_number; /* incarnation of the last valid reading; 0: none yet */
    int64_t connections, streams;
    int deaf_number; /* an incarnation that does not obey: not waited for again */
};

/* Orders the command, after which it is looked at; what was of the checkpoint before is gone. */
void subject_tell(struct subject *s, struct process *process, enum page_command_op op);

/* Lets it go on, if it is still the one that was told. */
void subject_resume(const struct subject *s, struct process *process);

/* Looks at its page; true when it has fallen quiet, and when there is nothing to wait for. */
bool subject_is_quiet(struct subject *s, struct process *process);

/* Takes the kernel's view of it, too. */
void subject_look(struct subject *s, struct process *process);

/* Why what was seen is no valid reading, one line in why; NULL: it is, and the next is compared
 * with it. */
const char *subject_judge(struct subject *s, char *why, size_t cap);

#endif
