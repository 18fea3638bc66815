#include "stress-client/peer_room.h"

#include "common/base/rng.h"
#include "common/engine/mem.h"

#include <string.h>

#define ROOM_FIRST 8
#define WINDOW 64

struct speaker {
    uint64_t author, heard_ns;
};

/* Speakers in the order of their coming, and an open table of their places + 1 by author. */
struct peer_room {
    struct speaker *speakers;
    size_t count, room;
    uint32_t *table; /* 2 x room, a power of two */
    uint64_t known;
    char name[];
};

struct peer_room *peer_room_new(const char *name)
{
    size_t size = strlen(name) + 1;
    struct peer_room *room = mem_calloc(MEM_APP, 1, sizeof *room + size);

    if (room != NULL)
        memcpy(room->name, name, size);
    return room;
}

void peer_room_free(struct peer_room *room)
{
    if (room == NULL)
        return;
    mem_free(MEM_APP, room->speakers);
    mem_free(MEM_APP, room->table);
    mem_free(MEM_APP, room);
}

const char *peer_room_name(const struct peer_room *room)
{
    return room->name;
}

/* Where the author stands in the table, or would. */
static uint32_t *slot_of(const struct peer_room *room, uint64_t author)
{
    size_t mask = 2 * room->room - 1, at = (size_t)rng_at(author, 0) & mask;

    while (room->table[at] != 0 && room->speakers[room->table[at] - 1].author != author)
        at = (at + 1) & mask;
    return &room->table[at];
}

static void fill_table(struct peer_room *room)
{
    memset(room->table, 0, 2 * room->room * sizeof *room->table);
    for (size_t i = 0; i < room->count; i++)
        *slot_of(room, room->speakers[i].author) = (uint32_t)(i + 1);
}

static bool grow(struct peer_room *room)
{
    size_t wanted = room->room == 0 ? ROOM_FIRST : 2 * room->room;
    struct speaker *speakers = mem_alloc(MEM_APP, wanted * sizeof *speakers);
    uint32_t *table = mem_alloc(MEM_APP, 2 * wanted * sizeof *table);

    if (speakers == NULL || table == NULL) {
        mem_free(MEM_APP, speakers);
        mem_free(MEM_APP, table);
        return false;
    }
    if (room->count > 0)
        memcpy(speakers, room->speakers, room->count * sizeof *speakers);
    mem_free(MEM_APP, room->speakers);
    mem_free(MEM_APP, room->table);
    room->speakers = speakers;
    room->table = table;
    room->room = wanted;
    fill_table(room);
    return true;
}

/* The place of whoever has been silent for longest, if that is long enough. */
static size_t forget_one(struct peer_room *room, uint64_t now_ns)
{
    size_t oldest = PEER_NO_SPEAKER;

    for (size_t i = 0; i < room->count; i++) {
        uint64_t heard_ns = room->speakers[i].heard_ns;

        if (heard_ns + PEER_FORGET_NS <= now_ns &&
            (oldest == PEER_NO_SPEAKER || heard_ns < room->speakers[oldest].heard_ns))
            oldest = i;
    }
    return oldest;
}

static size_t add(struct peer_room *room, uint64_t author, uint64_t now_ns)
{
    size_t place = room->count == room->room ? forget_one(room, now_ns) : PEER_NO_SPEAKER;

    if (place != PEER_NO_SPEAKER) {
        room->speakers[place] = (struct speaker){author, now_ns};
        fill_table(room);
    } else if (room->count < room->room || grow(room)) {
        place = room->count++;
        *slot_of(room, author) = (uint32_t)(place + 1);
        room->speakers[place] = (struct speaker){author, now_ns};
    } else {
        return PEER_NO_SPEAKER;
    }
    room->known++;
    return place;
}

size_t peer_room_find(const struct peer_room *room, uint64_t author)
{
    uint32_t found = room->room == 0 ? 0 : *slot_of(room, author);

    return found == 0 ? PEER_NO_SPEAKER : found - 1;
}

size_t peer_room_hear(struct peer_room *room, uint64_t author, uint64_t now_ns)
{
    size_t place = peer_room_find(room, author);

    if (place == PEER_NO_SPEAKER)
        return add(room, author, now_ns);
    room->speakers[place].heard_ns = now_ns;
    return place;
}

uint64_t peer_room_known(const struct peer_room *room)
{
    return room->known;
}

uint64_t peer_room_connected(const struct peer_room *room, uint64_t since_ns)
{
    uint64_t count = 0;

    for (size_t i = 0; i < room->count; i++)
        count += room->speakers[i].heard_ns >= since_ns;
    return count;
}

/* --- what a member has had -------------------------------------------------------------------- */

static bool make_windows(struct peer_heard *heard, size_t place)
{
    size_t wanted = heard->count == 0 ? ROOM_FIRST : heard->count;
    struct peer_window *windows;

    if (place < heard->count)
        return true;
    while (wanted <= place)
        wanted *= 2;
    windows = mem_realloc(MEM_APP, heard->windows, wanted * sizeof *windows);
    if (windows == NULL)
        return false;
    memset(windows + heard->count, 0, (wanted - heard->count) * sizeof *windows);
    heard->windows = windows;
    heard->count = wanted;
    return true;
}

enum peer_news peer_heard_take(struct peer_heard *heard, size_t place, uint64_t author,
                               uint64_t sequence)
{
    struct peer_window *w;
    uint64_t behind;

    if (!make_windows(heard, place))
        return PEER_NO_MEMORY;
    w = &heard->windows[place];
    if (w->author != author || w->seen == 0) {
        *w = (struct peer_window){author, sequence, 1};
        return PEER_NEW;
    }
    if (sequence > w->highest) {
        uint64_t ahead = sequence - w->highest;

        w->seen = (ahead < WINDOW ? w->seen << ahead : 0) | 1;
        w->highest = sequence;
        return PEER_NEW;
    }
    behind = w->highest - sequence;
    if (behind >= WINDOW || (w->seen >> behind & 1) != 0)
        return PEER_OLD;
    w->seen |= UINT64_C(1) << behind;
    return PEER_NEW;
}

uint64_t peer_heard_highest(const struct peer_heard *heard, size_t place, uint64_t author)
{
    return place < heard->count && heard->windows[place].author == author
               ? heard->windows[place].highest
               : 0;
}

void peer_heard_free(struct peer_heard *heard)
{
    mem_free(MEM_APP, heard->windows);
    *heard = (struct peer_heard){.windows = NULL};
}
