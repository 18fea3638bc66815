/* Time. Everything measured is CLOCK_MONOTONIC in nanoseconds; the wall clock only anchors a run.
 */
#ifndef FLATLINE_BASE_CLOCK_H
#define FLATLINE_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

/* CLOCK_MONOTONIC, ns. Comparable between processes of one host and one boot. */
uint64_t clock_now_ns(void);

/* CLOCK_REALTIME, ns since the epoch. */
uint64_t clock_wall_ns(void);

/* CPU time (user + system) of the calling process, ns. */
uint64_t clock_cpu_ns(void);

#endif
