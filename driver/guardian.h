/*
 * What is left when the driver is gone, SIGKILL included. PR_SET_PDEATHSIG reaches only direct
 * children, so a minimal process waits for the end of a pipe that only the driver holds, then kills
 * with SIGKILL every process group it was told of, and whatever carries this run's mark in its
 * environment: that finds descendants that left their group and session. It ends by itself, at a
 * normal end of the driver too.
 */
#ifndef FLATLINE_DRIVER_GUARDIAN_H
#define FLATLINE_DRIVER_GUARDIAN_H

#include <stddef.h>
#include <sys/types.h>

struct guardian;

/*
 * Forks it; do this before anything large is allocated or opened. cgroups is the parent of this
 * run's cgroups (cap_group.h), which need not be there yet and are removed at the end; NULL: it has
 * none. NULL: *error holds one line.
 */
struct guardian *guardian_new(const char *cgroups, char *error, size_t cap);

/*
 * The same for groups that end by themselves when the driver is gone, after a few last words: they
 * are given so long before they are killed.
 */
struct guardian *guardian_new_patient(unsigned patience_ms, char *error, size_t cap);

/* Ends and reaps it; what this run left behind is dead then, and its cgroups are gone. NULL is
 * ignored. */
void guardian_free(struct guardian *guardian);

/* The caller's environment plus the mark, for every child; lives as long as the guardian. */
char *const *guardian_environment(const struct guardian *guardian);

/* Forget a group before its leader is reaped: until then its number cannot be reused. */
void guardian_watch(struct guardian *guardian, pid_t group);
void guardian_forget(struct guardian *guardian, pid_t group);

#endif
