/* The run's own folder: WORKING_DIR/20261122T120000Z-seed42[-2], with logs/ and tls/ in it. */
#ifndef FLATLINE_DRIVER_FOLDER_H
#define FLATLINE_DRIVER_FOLDER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Makes the folder (and the working dir, with its parents) and its two subfolders. The path, for
 * the caller to free; NULL: *error holds one line.
 */
char *folder_new(const char *working_dir, uint64_t seed, uint64_t wall_ns, char *error, size_t cap);

/* Makes RUN_DIR-whole, for what all hosts of a run have measured. False: *error holds one line. */
bool folder_make_whole(const char *run_dir, char dir[PATH_MAX], char *error, size_t cap);

/* Points WORKING_DIR/latest to it, in one step. False: *error holds one line; nothing is broken. */
bool folder_make_latest(const char *working_dir, const char *run_dir, char *error, size_t cap);

#endif
