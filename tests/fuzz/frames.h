/*
 * The inputs of the session targets: HTTP/2 frames one behind the other (RFC 9113, section 4.1), as
 * a peer would send them. A frame of the type FRAMES_ORDER is not sent: it tells the target to do
 * something between two frames. What is no whole frame is sent as it is. frames.c also has
 * libFuzzer's custom mutator, which keeps frames apart and their lengths right most of the time.
 */
#ifndef FLATLINE_TESTS_FUZZ_FRAMES_H
#define FLATLINE_TESTS_FUZZ_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMES_HEAD 9 /* bytes before the payload */
#define FRAMES_ORDER 0xff

/* What all session targets understand; their own orders follow. */
#define FRAMES_ORDER_TABLE(X)                                                            \
    X(TURN) /* some turns of the loop */                                                 \
    X(RAW)  /* sends the payload as it is: torn frames, other protocols */               \
    X(CUT)  /* from now on sends pieces of so many bytes, with a turn behind each */     \
    X(DEAF) /* reads no more of what the engine sends, until told to (argument 0) */     \
    X(WAIT) /* so many milliseconds pass on the engine's clock, but not on its timers */ \
    X(SLOW) /* from now on each look at that clock takes so many microseconds */         \
    X(SHUT) /* sends nothing any more: FIN */                                            \
    X(OWN)  /* the first of the target's own */

#define FRAMES_ORDER_ENUM(name) FRAMES_##name,
enum frames_order { FRAMES_ORDER_TABLE(FRAMES_ORDER_ENUM) FRAMES_ORDERS };
#undef FRAMES_ORDER_ENUM

struct frames {
    const uint8_t *at;
    size_t left;
};

/* `order` is the flags byte, `argument` the stream's number; both 0 unless is_order. */
struct frames_piece {
    const uint8_t *bytes; /* payload of an order; else the whole frame */
    size_t size;
    bool is_order;
    uint8_t order;
    uint32_t argument;
};

/* False: there is nothing left. */
bool frames_next(struct frames *frames, struct frames_piece *piece);

/* Whether what an engine sends is made of whole frames that it may send; false: it is not. All zero
 * at first, but for the preface that is still to come. */
struct frames_check {
    const char *preface; /* of a client; NULL: none */
    uint8_t head[FRAMES_HEAD];
    uint8_t have;
    uint32_t left;       /* of the payload */
    uint64_t counts[10]; /* whole frames by their types */
};
bool frames_check_take(struct frames_check *check, const uint8_t *bytes, size_t size);

#endif
