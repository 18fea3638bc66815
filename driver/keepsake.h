/* Small files that an evidence phase leaves for people. What cannot be written is logged. */
#ifndef FLATLINE_DRIVER_KEEPSAKE_H
#define FLATLINE_DRIVER_KEEPSAKE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define KEEPSAKE_COMMAND "command.txt"
#define KEEPSAKE_LOG "log.txt"
#define KEEPSAKE_DESCRIPTORS "fds.txt"

void keepsake_write_line(const char *path, const char *line);

/* The last lines of the newest log of a component (RUN/logs/NAME.K.log). */
void keepsake_log(const char *run_dir, const char *component, const char *path);

/* The open descriptors of a process, one a line: "12 -> socket:[4711]", in order. */
void keepsake_descriptors(pid_t pid, const char *path);

/* The first line of a file that is not empty, or "". `path` may be `out`. */
void keepsake_first_line(const char *path, char *out, size_t cap);

/*
 * argv as a shell would take it, with the seed that was used where it was not given. The caller
 * frees it; NULL: out of memory.
 */
char *keepsake_command(char *const *argv, uint64_t seed);

#endif
