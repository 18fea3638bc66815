/*
 * How far the server's clock is ahead of ours, by the arithmetic of NTP (RFC 5905, section 8) on
 * exchanges whose request left at t1 and whose answer came at t4, both by our clock, and which the
 * server stamped once in between (t2 = t3):
 *
 *   offset = server - (t1 + t4) / 2        delay = t4 - t1
 *
 * It is right if both ways take equally long. All that is known of an asymmetry is that it cannot
 * be more than the whole round trip, so the offset is wrong by at most delay / 2: that is the error
 * that is told, and the exchange with the shortest round trip the best. Two clocks drift apart, so
 * an old measurement grows worse, by PHI = 15 us a second (the frequency tolerance of RFC 5905,
 * section 11.1), until a newer one is better.
 */
#ifndef FLATLINE_UPLOADER_CLOCK_OFFSET_H
#define FLATLINE_UPLOADER_CLOCK_OFFSET_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: nothing was measured. */
struct clock_offset {
    bool known;
    int64_t offset_ns;    /* server's clock - ours */
    uint64_t error_ns;    /* half the round trip, when it was measured */
    uint64_t measured_ns; /* our clock, half-way */
};

/* Takes an exchange; true: it is better than the best until now, and has become it. An answer that
 * came before its request was sent is ignored. */
bool clock_offset_take(struct clock_offset *best, uint64_t t1, uint64_t server, uint64_t t4);

/* How wrong it can be by now. */
uint64_t clock_offset_error(const struct clock_offset *best, uint64_t now_ns);

/* A moment of the server's clock by ours; 0 if it lies before our clock began. */
uint64_t clock_offset_ours(const struct clock_offset *best, uint64_t server_ns);

#endif
