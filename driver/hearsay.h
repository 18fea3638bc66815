/*
 * What its clients tell of a server that tells nothing itself: how many calls, connections and
 * messages there had been when it was looked at at rest, and how many connections it then had. With
 * that a leak is stated per call, and found as soon as in a program of ours; by the clock alone it
 * would drown in how unevenly calls come, the more so as patterns are held back.
 *
 * What clients of somebody else's did is in nobody's count. It may leave a trend unexplained; it
 * makes none.
 */
#ifndef FLATLINE_DRIVER_HEARSAY_H
#define FLATLINE_DRIVER_HEARSAY_H

#include "driver/evidence.h"

/* Into the readings of e's mute servers. After all samples; false: no memory, or the run cannot be
 * read. */
bool hearsay_take(struct evidence *e, struct run_reader *run);

#endif
