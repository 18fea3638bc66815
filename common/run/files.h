/* The files beside run.db that a finished run vouches for. Internal. */
#ifndef FLATLINE_RUN_FILES_H
#define FLATLINE_RUN_FILES_H

#include <stdbool.h>
#include <stdint.h>

struct run_file {
    const char *path;   /* relative to the run folder */
    const char *kind;   /* "log", "certificate", "heap", "stacks", "flame", "fds", "evidence" */
    const char *sha256; /* hex; NULL if it could not be read */
    int64_t bytes;
};

/*
 * Calls fn for each regular file under dir/logs, dir/tls and dir/evidence, private keys left out; a
 * missing folder is an empty one. False at once if fn returns false, or with errno if dir cannot be
 * walked.
 */
bool run_files_each(const char *dir, bool (*fn)(void *arg, const struct run_file *file), void *arg);

#endif
