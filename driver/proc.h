/*
 * What the kernel knows of one process, read cheaply: the files under /proc are opened once per
 * process and read again at each look, without an allocation.
 */
#ifndef FLATLINE_DRIVER_PROC_H
#define FLATLINE_DRIVER_PROC_H

#include "common/contract/metric.h"

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

struct proc {
    pid_t pid;
    int statm_fd, tasks_fd, fds_fd; /* -1: not open */
    clockid_t clock;                /* of its CPU time; if tasks_fd is open */
};

/* What cannot be opened is not measured. */
void proc_open(struct proc *proc, pid_t pid);
void proc_close(struct proc *proc);

/* Adds DATA, RSS, CPU, THREADS and FDS, as far as they can be read. */
void proc_read(const struct proc *proc, struct metric_values *into);

/* Bytes; false if it cannot be read. Costs some 40 times as much, and may have to wait: see pss.h.
 */
bool proc_read_pss(pid_t pid, int64_t *bytes);

#endif
