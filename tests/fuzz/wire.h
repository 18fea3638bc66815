/*
 * What the session targets put below the engine: its real server or client, but over a pair of
 * sockets without a network, and with a clock that stands still until told otherwise, so that an
 * input does the same each time. Linked with WIRE_LINK of the Makefile.inc, which takes socket,
 * bind, connect, accept4 and clock_now_ns away from the engine. libev's timers go by the real
 * clock: a deadline shorter than an input may end its call earlier or later.
 */
#ifndef FLATLINE_TESTS_FUZZ_WIRE_H
#define FLATLINE_TESTS_FUZZ_WIRE_H

#include "common/engine/loop.h"
#include "common/engine/mem.h"
#include "tests/fuzz/frames.h"
#include "tests/fuzz/require.h"
struct wire {
    struct engine_loop *loop;
    int fd; /* our end; -1: closed */
    bool deaf, over;
    size_t cut;   /* bytes that are sent at a time; 0: all */
    size_t heard; /* bytes that came */
    struct frames_check check;
};

/* Our end of a connection to the server that last began to listen. */
void wire_dial(struct wire *wire);

/* Our end of the connection that a client last began to set up. */
void wire_answer(struct wire *wire);

/* So many turns of the loop; what the engine sends meanwhile is read and looked at. */
void wire_turn(struct wire *wire, unsigned turns);

/* Plays an input: sends its frames, obeys its orders; those of the target go to obey(user). */
typedef void (*wire_obey_fn)(void *user, unsigned order, uint32_t argument);
void wire_play(struct wire *wire, const uint8_t *data, size_t size, wire_obey_fn obey, void *user);

/* Closes our end, and gives the engine the turns that it needs to see that. */
void wire_close(struct wire *wire);

/* Live bytes of each zone of the engine's, to be the same before and after an input. */
struct wire_zones {
    int64_t live[MEM_ZONES];
};
struct wire_zones wire_zones(void);
void wire_check_zones(const struct wire_zones *before);

/* Once a call has ended, or when the loop is freed, nothing of these may differ. */
void wire_check_balance(const struct engine_stats *stats);

/* For the first input: allocators, signals, and no log. */
void wire_begin(void);

#endif
