/*
 * Who was heard in a room, by this process's members of it; and, for each member, which events of
 * each speaker it has had. Both grow with the number of speakers and not with that of events: a
 * speaker that was silent for PEER_FORGET_NS gives up its place to the next newcomer.
 */
#ifndef FLATLINE_CLIENT_PEER_ROOM_H
#define FLATLINE_CLIENT_PEER_ROOM_H

#include "common/base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_FORGET_NS (60 * NS_PER_S)
#define PEER_NO_SPEAKER SIZE_MAX

struct peer_room;

/* NULL: out of memory. */
struct peer_room *peer_room_new(const char *name);
/* Takes NULL. */
void peer_room_free(struct peer_room *room);
const char *peer_room_name(const struct peer_room *room);

/* The author spoke at now_ns: its place, from 0. PEER_NO_SPEAKER: out of memory. */
size_t peer_room_hear(struct peer_room *room, uint64_t author, uint64_t now_ns);

/* Its place if it was ever heard, or PEER_NO_SPEAKER. */
size_t peer_room_find(const struct peer_room *room, uint64_t author);

/* Speakers so far; one that was forgotten and came again counts twice. */
uint64_t peer_room_known(const struct peer_room *room);
/* Of them, those that were heard at since_ns or later. */
uint64_t peer_room_connected(const struct peer_room *room, uint64_t since_ns);

/* What a member has had, by the speakers' places. All zero is nothing. */
struct peer_window {
    uint64_t author, highest;
    uint64_t seen; /* a bit for each number up to `highest`, the lowest bit is its own */
};

struct peer_heard {
    struct peer_window *windows;
    size_t count;
};

enum peer_news { PEER_NEW, PEER_OLD, PEER_NO_MEMORY };

/*
 * Notes an event of the speaker at `place`. PEER_OLD: it has been had, or is 64 or more numbers
 * behind the highest, where nobody can tell any more (the sliding window of RFC 4303,
 * section 3.4.3).
 */
enum peer_news peer_heard_take(struct peer_heard *heard, size_t place, uint64_t author,
                               uint64_t sequence);

/* The highest number that was had of the author, 0 if none was. */
uint64_t peer_heard_highest(const struct peer_heard *heard, size_t place, uint64_t author);

void peer_heard_free(struct peer_heard *heard);

#endif
