/*
 * What a server may still ask of the kernel once it serves: a filter (seccomp(2), by libseccomp)
 * lets the calls of sandbox_calls.h pass, and of clone, kill and the like what concerns the process
 * itself. Any other is not made: the process says which it would have been, and dies of SIGSYS.
 * Memory is never made executable: that is refused (EACCES), so that what loads a library does
 * without it.
 *
 * Files are not looked at: it reads and writes what its user may. It cannot execute one.
 */
#ifndef FLATLINE_BASE_SANDBOX_H
#define FLATLINE_BASE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

struct sandbox {
    const char *program; /* what the last line begins with; lasts as long as the process */
    bool connects;       /* it may open connections itself */
    /* Takes the last words, without a newline, in a handler of a signal: it waits for nothing and
     * allocates nothing. May be NULL. */
    void (*say)(void *arg, const char *text);
    void *arg;
};

/* No file that this process, or what it starts, executes gives it rights (no_new_privs). */
void sandbox_renounce(void);

/*
 * For all threads, those that are there and those to come, and for good. False: *error holds one
 * line, and there is no filter; so it is in a build without libseccomp.
 */
bool sandbox_enter(const struct sandbox *sandbox, char *error, size_t cap);

#endif
