/*
 * Caps on all the memory of a component and of whatever it starts: a memory cgroup for each that
 * its scenario wants one for, in a parent of the run's own. Unlike RLIMIT_DATA, whose allocations
 * fail, the kernel kills what goes beyond it (SIGKILL), and counts that.
 *
 * Which version of cgroups is there is found out; cap_cgroup1.c and cap_cgroup2.c know their files.
 */
#ifndef FLATLINE_DRIVER_CAP_GROUP_H
#define FLATLINE_DRIVER_CAP_GROUP_H

#include "driver/scenario.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a group has counted since it was made. */
struct cap_report {
    int64_t kills;    /* processes killed for want of memory; -1: the kernel does not say */
    int64_t refusals; /* how often it was at its limit; memory may have been found then */
};

/* One version of cgroups. */
struct cap_cgroup {
    const char *name; /* "cgroup v1" */
    /*
     * The folder in which this process may make groups, by the files `mounts` and `cgroup` in
     * `proc` (/proc/self). False: this version has no memory here.
     */
    bool (*find)(const char *proc, char base[PATH_MAX]);
    /* The run's own, fresh parent lets its groups have limits. False with errno. */
    bool (*enable)(const char *parent);
    /* False with errno. */
    bool (*limit)(const char *group, uint64_t bytes);
    /* False: not readable. */
    bool (*read)(const char *group, struct cap_report *report);
};

extern const struct cap_cgroup cap_cgroup1, cap_cgroup2;

/* The groups of a run; all zero: it wants none. */
struct cap_groups {
    const struct cap_cgroup *version;
    char parent[PATH_MAX];
};

/*
 * Decides what the parent's name will be, without making it, so that the guardian can know it
 * before anything is there to be removed. False: groups are wanted and cannot be had; *error holds
 * one line.
 */
bool cap_groups_find(struct cap_groups *groups, const struct scenario *scenario, char *error,
                     size_t cap);

/* Makes them. False: *error holds one line; cap_groups_remove removes what there is. */
bool cap_groups_make(const struct cap_groups *groups, const struct scenario *scenario, char *error,
                     size_t cap);

/* Where a process of that component writes "0" to be of its group. */
void cap_groups_entry(const struct cap_groups *groups, const struct component *component,
                      char out[PATH_MAX]);

/* False: nothing is known; groups may be NULL. */
bool cap_groups_report(const struct cap_groups *groups, const struct component *component,
                       struct cap_report *report);

/*
 * Removes the parent of that path with its groups; false while there is still a process in one of
 * them. What is not there is no error.
 */
bool cap_groups_remove(const char *parent);

/* The number after `key` and a space at the beginning of a line of that file; -1: there is none.
 * Without a key, the file's first. */
int64_t cap_read_number(const char *group, const char *file, const char *key);

/* Writes text into a file of a group. False with errno. */
bool cap_write(const char *group, const char *file, const char *text);

/*
 * Looks in `proc` for where a hierarchy is mounted and this process's group below it, by the type
 * of its file system and an option of its mount, and the middle field of its line in `cgroup`.
 */
bool cap_find_base(const char *proc, const char *type, const char *option, const char *controller,
                   char base[PATH_MAX]);

#endif
