/*
 * How many bytes are live, counted by every thread at once. Counters are shared by few threads
 * each, so that they do not wait for one another; the sum of all is exact whenever nobody
 * allocates.
 */
#ifndef FLATLINE_PROBE_TALLY_H
#define FLATLINE_PROBE_TALLY_H

#include <stdint.h>

/* Bytes that came (or went, if negative), whichever thread they came to. */
void tally_add(int64_t bytes);

/* An allocation that was refused. */
void tally_refuse(void);

int64_t tally_live(void);
int64_t tally_refused(void);

#endif
