/*
 * What can befall a fleet besides death, as one table, and the plan of it: a pure function of seed,
 * house and index, so that the same seed gives the same plan whatever the timing of the run.
 *
 * A house is a server with its clients. Its strokes come one after another, so that the effect of
 * each can be told from the others'; all that were chosen take turns, in a seeded order.
 */
#ifndef FLATLINE_DRIVER_NEMESIS_H
#define FLATLINE_DRIVER_NEMESIS_H

#include "common/base/clock.h"
#include "driver/scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Columns: identifier, name, for how long it is held (ms), the loss that it explains to those at
 * the other end (or NULL), what is done, what must be seen of it.
 *
 * A victim frozen for longer than PAGE_STALE_NS has stale samples, so it is not much longer.
 */
#define NEMESIS_TABLE(X)                                                                      \
    X(FREEZE, "freeze", 1200, "loss-timeout", "SIGSTOP, later SIGCONT",                       \
      "its heartbeat stands still, then goes on")                                             \
    X(RESET, "reset", 0, "loss-reset", "its connections end by RST",                          \
      "its clients record loss-reset; of a client: its server counts a reset")                \
    X(GOAWAY, "goaway", 0, "loss-goaway", "a server sends GOAWAY to all and serves new ones", \
      "its clients record loss-goaway")                                                       \
    X(STALL, "slow-reader", 1500, NULL, "its receive windows are held shut",                  \
      "what it is sent stands still, then goes on")                                           \
    X(CANCEL, "cancel", 0, NULL, "a client cancels a stream under way",                       \
      "it and its server count the cancelled calls")                                          \
    X(ABORTIVE, "abortive-close", 1500, NULL, "a client closes its connections by RST",       \
      "its server counts the resets")                                                         \
    X(CERTIFICATE, "new-certificate", 300, "loss-goaway",                                     \
      "a secure server takes another certificate, then sends GOAWAY to all",                  \
      "its clients are shown another one")                                                    \
    X(LATENCY, "latency", 1500, NULL, "the way to a server gets longer, then short again",    \
      "round trips of its clients take as long, then as before")                              \
    X(HALF_OPEN, "half-open", 2600, "loss-timeout",                                           \
      "nothing comes through on a server's connections any more, no end either",              \
      "both ends give them up; its clients connect again")

#define NEMESIS_ENUM(ident, name, hold_ms, loss, deed, effect) NEMESIS_##ident,
enum nemesis { NEMESIS_TABLE(NEMESIS_ENUM) NEMESES };
#undef NEMESIS_ENUM

/* What LATENCY adds to a round trip. */
#define NEMESIS_LATENCY_NS (200 * NS_PER_MS)

/*
 * What both ends need that are to find half-open connections (keepalive.h) within the hold of
 * HALF_OPEN: a PING so often, and so long for its answer, which is longer than a victim is frozen.
 * And a client that was just connecting is to try anew.
 */
#define NEMESIS_CONNECT_TIMEOUT "3s"
#define NEMESIS_KEEPALIVE "500ms"
#define NEMESIS_KEEPALIVE_TIMEOUT "2s"

#define NEMESIS_ALL ((1u << NEMESES) - 1)

/* How long after its hold an effect is waited for; far longer than it takes. */
#define NEMESIS_EFFECT_NS (8 * NS_PER_S)

struct nemesis_info {
    const char *name, *loss, *deed, *effect;
    uint64_t hold_ns;
};

const struct nemesis_info *nemesis_info(enum nemesis nemesis);
/* By name; NEMESES: there is none. */
enum nemesis nemesis_find(const char *name);

/* "all", "none" or "freeze,reset" into a bit for each. False: *why holds what is wrong. */
bool nemesis_parse(const char *list, unsigned *chosen, char *why, size_t cap);

/*
 * Whether component i is one that it can befall, and with an effect that can be seen: at both ends
 * it takes programs of ours.
 */
bool nemesis_befalls(enum nemesis nemesis, const struct scenario *scenario, size_t i);

/* Whether a client sends so much that it soon stands still if its server does not read. */
bool nemesis_sends(const struct component *client);

/* Whether that is a server of ours with clients of ours. */
bool nemesis_has_house(const struct scenario *scenario, size_t i);

/* Whether some of those chosen befall the way between the two, and so need a delay line (lines.h).
 */
bool nemesis_needs_lines(unsigned chosen);

#define NEMESIS_AFTER_LOW_NS (3 * NS_PER_S)
#define NEMESIS_AFTER_HIGH_NS (6 * NS_PER_S)

struct nemesis_plan {
    uint64_t seed;
    unsigned chosen;          /* a bit for each */
    uint64_t low_ns, high_ns; /* between two strokes of a house; low <= high */
    const struct scenario *scenario;
};

struct nemesis_stroke {
    enum nemesis nemesis;
    size_t victim;     /* index of the component */
    uint64_t after_ns; /* the end of the stroke before; the first: the run's beginning */
};

/* Stroke k, from 1, of the house of that server. False: nothing that was chosen befalls it. */
bool nemesis_draw(const struct nemesis_plan *plan, size_t server, unsigned k,
                  struct nemesis_stroke *out);

#endif
