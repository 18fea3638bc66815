#include "driver/place.h"

#include <string.h>

static const char *const names[PLACES] = {
#define PLACE_ROW(ident, name, text) [PLACE_##ident] = (name),
    PLACE_TABLE(PLACE_ROW)
#undef PLACE_ROW
};

const char *place_name(enum place place)
{
    return names[place];
}

enum place place_find(const char *name)
{
    int i = 0;

    while (i < PLACES && strcmp(names[i], name) != 0)
        i++;
    return (enum place)i;
}

/* How many components before i have the same server; of a server, how many servers there are. */
static int number_among_its_like(const struct scenario *s, size_t i)
{
    int number = 0;

    for (size_t k = 0; k < i; k++)
        number += s->components[k].server == s->components[i].server &&
                  s->components[k].peer == s->components[i].peer;
    return number;
}

static int spread(const struct scenario *s, size_t i, int size)
{
    const struct component *c = &s->components[i];
    int number = number_among_its_like(s, i);

    if (c->server || c->peer < 0 || size == 1)
        return number % size;
    return (s->components[c->peer].host + 1 + number % (size - 1)) % size;
}

void place_components(struct scenario *s, enum place place, int rank, int size)
{
    /* The servers come first, so that a client's is placed before it. */
    for (size_t i = 0; i < s->count; i++) {
        s->components[i].host = place == PLACE_SPREAD ? spread(s, i, size) : rank;
        s->components[i].elsewhere = s->components[i].host != rank;
    }
}

int place_find_idle(const struct scenario *s, enum place place, int size)
{
    for (int host = 0; place == PLACE_SPREAD && host < size; host++) {
        bool idle = true;

        for (size_t i = 0; i < s->count; i++)
            idle = idle && s->components[i].host != host;
        if (idle)
            return host;
    }
    return -1;
}

size_t place_count_own(const struct scenario *s)
{
    size_t own = 0;

    for (size_t i = 0; i < s->count; i++)
        own += !s->components[i].elsewhere;
    return own;
}

void place_address(struct scenario *s, int host, const char *address)
{
    for (size_t i = 0; i < s->count; i++) {
        struct component *c = &s->components[i];
        const struct component *listener = c->server || c->peer < 0 ? c : &s->components[c->peer];

        if (listener->host == host)
            c->address = address;
    }
}
