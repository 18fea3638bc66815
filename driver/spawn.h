/*
 * Starts programs: one straight path from fork to exec, a child in its own process group that dies
 * with the driver, every descriptor but its own closed, and nothing that it executes gains rights
 * (no_new_privs, prctl(2)). Children run at a lower priority than the driver, so that sampling
 * stays on time on a saturated machine.
 */
#ifndef FLATLINE_DRIVER_SPAWN_H
#define FLATLINE_DRIVER_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SPAWN_NICE 10 /* relative to the driver */

struct spawn_request {
    char *const *argv; /* argv[0] is the path of the program */
    char *const *envp;
    const char *log_path; /* takes standard output and error; appended to */
    int in_fd, out_fd;    /* standard input and output instead of nothing and the log; 0: no */
    int page_fd;          /* handed down as page_target; -1: none */
    int page_target;      /* 3 or more */
    const char
        *group_entry;    /* cgroup.procs of the cgroup that it is to be in; NULL: as inherited */
    uint64_t data_limit; /* RLIMIT_DATA, soft, bytes; 0: as inherited */
    /*
     * In a PID namespace of its own, where that is permitted: whatever it starts ends with it, even
     * what leaves its process group and session.
     */
    bool isolate;
};

/* How a process ended: code is -1 if a signal ended it, signal is 0 if none did. */
struct spawn_end {
    int code, signal;
};

struct spawned {
    pid_t pid;
    int pidfd;
    int exec_fd;         /* says whether it was executed */
    const char *program; /* the request's argv[0] */
    pid_t init;          /* of its namespace; 0: it has none, or that has ended */
    int init_fd;         /* a pidfd */
    bool reaped;
    struct spawn_end end; /* once reaped */
};

/*
 * A program that cannot be executed dies at once, and spawn_exec_failed says why. False: *error
 * holds one line and nothing is left behind.
 */
bool spawn_start(const struct spawn_request *request, struct spawned *out, char *error, size_t cap);

/* Once it has died: whether it never was the program; then *error holds one line. */
bool spawn_exec_failed(const struct spawned *child, char *error, size_t cap);

/*
 * Lets a child that is told to die run beside the driver instead of below it, where that is
 * permitted. Exits of busy children at nice +10 were seen to stall for 7 s; the cause is not known.
 */
void spawn_hurry(const struct spawned *child);

/* Whether it has died, without reaping it. */
bool spawn_is_dead(const struct spawned *child);

/* The signal by which it is stopped right now (SIGSTOP, SIGTSTP, ...); 0: it is not. */
int spawn_stop_signal(const struct spawned *child);

/*
 * Reaps it if it has died; false while it, or what it left behind in its namespace, lives. Never
 * blocks: after a false call it again, as long as spawn_lingers.
 */
bool spawn_reap(struct spawned *child, struct spawn_end *end);

/* It has died and was reaped, but something in its namespace has not yet. */
bool spawn_lingers(const struct spawned *child);

/* Signals its process group; what is already gone is no error. */
void spawn_signal(const struct spawned *child, int signal);

/* Closes what spawn_start opened. */
void spawn_release(const struct spawned *child);

/* Kills it, reaps it and closes what spawn_start opened; waits a second at most. */
void spawn_end_now(struct spawned *child);

/*
 * Starts, waits, reaps. False if it could not be started or was not done in time (and was killed):
 * *error holds one line.
 */
bool spawn_run(const struct spawn_request *request, uint64_t timeout_ns, struct spawn_end *end,
               char *error, size_t cap);

#endif
