#include "driver/delay_line.h"

#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

#define CAPACITY ((size_t)4 << 20)
#define CAPACITY_MAX ((size_t)64 << 20)
#define QUEUE ((size_t)64 << 10) /* in front of a link of limited rate */
#define PACKET 1448              /* what a limited link carries in one go, at least */

struct delay_chunk {
    struct delay_chunk *next;
    uint64_t due_ns;
    size_t begin, end; /* what is left of data */
    unsigned char data[];
};

/* ---- the link ---- */

static uint64_t carry_time_ns(const struct delay_link *link, uint64_t bytes)
{
    return (uint64_t)((u128)bytes * NS_PER_S / link->bytes_per_s);
}

/* When the last of those bytes has left. By the sum since it was idle, so no rounding adds up. */
static uint64_t carry(struct delay_link *link, size_t bytes, uint64_t now_ns)
{
    if (link->bytes_per_s == 0)
        return now_ns;
    if (now_ns >= link->busy_since_ns + carry_time_ns(link, link->busy_bytes)) {
        link->busy_since_ns = now_ns;
        link->busy_bytes = 0;
    }
    link->busy_bytes += bytes;
    return link->busy_since_ns + carry_time_ns(link, link->busy_bytes);
}

static uint64_t travel(struct delay_link *link)
{
    uint64_t jitter = link->jitter_ns < link->delay_ns ? link->jitter_ns : link->delay_ns;

    if (jitter == 0)
        return link->delay_ns;
    return link->delay_ns - jitter + rng_range(&link->rng, 0, 2 * jitter);
}

/* How much has one due time: on a limited link as much as it carries in 1 ms, so that bytes drip.
 */
static size_t packet_size(const struct delay_link *link)
{
    uint64_t per_ms = link->bytes_per_s / 1000;

    if (link->bytes_per_s == 0)
        return SIZE_MAX;
    return per_ms > PACKET ? (size_t)per_ms : PACKET;
}

size_t delay_link_capacity(const struct delay_link *link)
{
    u128 under_way = (u128)link->bytes_per_s * (link->delay_ns + link->jitter_ns) / NS_PER_S;

    if (link->bytes_per_s == 0)
        return CAPACITY;
    /* Chunks of one packet each have their own overhead, hence twice. */
    return under_way > (CAPACITY_MAX - QUEUE) / 2 ? CAPACITY_MAX : 2 * (size_t)under_way + QUEUE;
}

/* ---- the line ---- */

void delay_line_init(struct delay_line *line, struct delay_link *link)
{
    *line = (struct delay_line){.link = link};
}

static size_t weight(size_t bytes)
{
    return sizeof(struct delay_chunk) + bytes;
}

static void drop_first(struct delay_line *line)
{
    struct delay_chunk *chunk = line->first;

    line->first = chunk->next;
    if (line->first == NULL)
        line->last = NULL;
    line->held -= weight(chunk->end);
    line->link->held -= weight(chunk->end);
    free(chunk);
}

void delay_line_clear(struct delay_line *line)
{
    while (line->first != NULL)
        drop_first(line);
    line->end = DELAY_OPEN;
}

void delay_line_hold(struct delay_line *line, uint64_t until_ns)
{
    line->hold_until_ns = until_ns;
}

bool delay_line_is_full(const struct delay_line *line)
{
    return line->held >= delay_link_capacity(line->link);
}

static uint64_t in_order(struct delay_line *line, uint64_t due_ns)
{
    if (due_ns > line->last_due_ns)
        line->last_due_ns = due_ns;
    return line->last_due_ns;
}

static uint64_t schedule(struct delay_line *line, size_t length, uint64_t now_ns)
{
    uint64_t left_ns = carry(line->link, length, now_ns);

    if (left_ns < line->hold_until_ns)
        left_ns = line->hold_until_ns;
    return in_order(line, left_ns + travel(line->link));
}

/* In pieces of at most `most` bytes. NULL: no memory for all of it. */
static struct delay_chunk *copy(const unsigned char *data, size_t length, size_t most,
                                struct delay_chunk **last)
{
    struct delay_chunk *first = NULL, **link = &first;

    for (size_t done = 0, n; done < length; done += n, link = &(*link)->next) {
        n = length - done < most ? length - done : most;
        *link = malloc(weight(n));
        if (*link == NULL)
            break;
        **link = (struct delay_chunk){.end = n};
        memcpy((*link)->data, data + done, n);
        *last = *link;
        if (done + n == length)
            return first;
    }
    while (first != NULL) {
        struct delay_chunk *chunk = first;

        first = chunk->next;
        free(chunk);
    }
    return NULL;
}

bool delay_line_put(struct delay_line *line, const void *data, size_t length, uint64_t now_ns)
{
    struct delay_chunk *last = NULL, *first;

    if (length == 0)
        return true;
    first = copy(data, length, packet_size(line->link), &last);
    if (first == NULL)
        return false;
    for (struct delay_chunk *chunk = first; chunk != NULL; chunk = chunk->next) {
        chunk->due_ns = schedule(line, chunk->end, now_ns);
        line->held += weight(chunk->end);
        line->link->held += weight(chunk->end);
    }
    if (line->last == NULL)
        line->first = first;
    else
        line->last->next = first;
    line->last = last;
    return true;
}

void delay_line_put_end(struct delay_line *line, enum delay_end end, uint64_t now_ns)
{
    line->end = end;
    line->end_due_ns = in_order(line, now_ns + line->link->delay_ns);
}

uint64_t delay_line_due(const struct delay_line *line)
{
    if (line->first != NULL)
        return line->first->due_ns;
    return line->end != DELAY_OPEN ? line->end_due_ns : DELAY_NEVER;
}

int delay_line_gather(const struct delay_line *line, uint64_t now_ns, struct iovec *out, int most)
{
    int count = 0;

    for (struct delay_chunk *chunk = line->first;
         chunk != NULL && chunk->due_ns <= now_ns && count < most; chunk = chunk->next)
        out[count++] = (struct iovec){chunk->data + chunk->begin, chunk->end - chunk->begin};
    return count;
}

void delay_line_take(struct delay_line *line, size_t length)
{
    while (length > 0 && line->first != NULL) {
        struct delay_chunk *chunk = line->first;
        size_t n = chunk->end - chunk->begin;

        if (length < n) {
            chunk->begin += length;
            return;
        }
        length -= n;
        drop_first(line);
    }
}

enum delay_end delay_line_take_end(struct delay_line *line, uint64_t now_ns)
{
    enum delay_end end = line->end;

    if (line->first != NULL || line->end_due_ns > now_ns)
        return DELAY_OPEN;
    line->end = DELAY_OPEN;
    return end;
}
