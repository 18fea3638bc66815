/*
 * Reads the PSS of many processes in a thread of its own. The kernel walks a process's whole memory
 * for it and waits for that process's memory lock, which a busy child at a low priority can hold
 * for a long time: the sampler must not wait with it.
 */
#ifndef FLATLINE_DRIVER_PSS_H
#define FLATLINE_DRIVER_PSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pss;

/* `slots` processes can be watched, each is read once in `period_ns`, but no more than 40 of them
 * in a second. NULL with errno on failure. */
struct pss *pss_new(size_t slots, uint64_t period_ns);

/* Stops and joins the thread. NULL is ignored. */
void pss_free(struct pss *pss);

/* From now on slot i is process pid; 0: nobody. */
void pss_watch(struct pss *pss, size_t i, pid_t pid);

/* What was read of process pid in slot i since the last call; false if nothing was. */
bool pss_take(struct pss *pss, size_t i, pid_t pid, int64_t *bytes);

#endif
