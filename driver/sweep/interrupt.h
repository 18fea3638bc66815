/*
 * The user's word to stop, while a sweep waits for processes: SIGINT, SIGTERM and SIGHUP come as
 * something to poll, so that whoever waits ends in order and nothing is torn down in a handler.
 */
#ifndef FLATLINE_DRIVER_SWEEP_INTERRUPT_H
#define FLATLINE_DRIVER_SWEEP_INTERRUPT_H

#include <stdbool.h>
#include <stddef.h>

/* From here until interrupt_end these signals are only noted. False: *error holds one line. */
bool interrupt_begin(char *error, size_t cap);

/* Readable once one has come; -1 outside begin and end, which poll(2) passes over. */
int interrupt_fd(void);

/* Whether one has come since interrupt_begin. */
bool interrupt_came(void);

/* They do again what they did before. */
void interrupt_end(void);

#endif
