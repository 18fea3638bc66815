/*
 * What a peer may ask of us that is no work: a bucket of GUARD_BURST frames, refilled at GUARD_RATE
 * a second (RFC 9113, section 10.5: an endpoint that does not watch for that is open to denial of
 * service). Spent on SETTINGS, PRIORITY, empty DATA, and on each stream that a client makes its
 * server reset; not on PING, which gRPC clients send with every round trip while data flows. One
 * for a connection. The table of attacks is in docs/attacks.md.
 */
#ifndef FLATLINE_ENGINE_GUARD_H
#define FLATLINE_ENGINE_GUARD_H

#include "common/base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_BURST 1000u
#define GUARD_RATE 100u

/* A header list that grows beyond so many bytes (RFC 9113, section 6.5.2, for how they count) ends
 * the connection; below it, and above HEAD_LIST_MAX, the request is refused. */
#define GUARD_LIST_MAX (64u << 10)

/* A server's frames that wait for the peer to read: three for each stream that it may open, a
 * thousand answered PINGs and SETTINGS, nghttp2's own limit, and some. Beyond, it does not read. */
#define GUARD_QUEUE_MAX 2048u

/* Of a loop's turn for unpacking messages, whoever sends them (loop_internal.h): one of 4 MiB takes
 * some 4 ms. */
#define GUARD_WORK_NS (20 * NS_PER_MS)
#define GUARD_SLICE_NS (2 * NS_PER_MS)

/*
 * Messages under assembly, of all connections of a loop, may have a part of the heap cap
 * (RLIMIT_DATA), or so much where there is none: a client may leave each of its streams in the
 * midst of one. Those up to GUARD_HELD_SMALL do not count: they cost hardly more than their
 * streams.
 */
#define GUARD_HELD_PART 4
#define GUARD_HELD_UNCAPPED ((size_t)256 << 20)
#define GUARD_HELD_SMALL 4096u

/* The limit by these, for this process as it is now. */
size_t guard_held_max(void);

/* All zero at first. */
struct guard {
    uint64_t refilled_ns;
    uint32_t spent;
};

/* False: there is none left. */
bool guard_spend(struct guard *guard, uint64_t now_ns);

#endif
