#include "common/base/due_heap.h"

#include <stdlib.h>

void due_heap_release(struct due_heap *heap)
{
    free(heap->items);
    *heap = (struct due_heap){0};
}

bool due_heap_reserve(struct due_heap *heap, size_t count)
{
    struct due **items;
    size_t room = heap->room == 0 ? 16 : heap->room;

    if (count <= heap->room)
        return true;
    while (room < count)
        room *= 2;
    items = realloc(heap->items, room * sizeof *items);
    if (items == NULL)
        return false;
    heap->items = items;
    heap->room = room;
    return true;
}

static void place(struct due_heap *heap, struct due *due, size_t at)
{
    heap->items[at - 1] = due;
    due->place = at;
}

static void rise(struct due_heap *heap, struct due *due)
{
    size_t at = due->place;

    for (; at > 1 && heap->items[at / 2 - 1]->at_ns > due->at_ns; at /= 2)
        place(heap, heap->items[at / 2 - 1], at);
    place(heap, due, at);
}

static void sink(struct due_heap *heap, struct due *due)
{
    size_t at = due->place, child;

    for (; (child = 2 * at) <= heap->count; at = child) {
        child += child < heap->count && heap->items[child]->at_ns < heap->items[child - 1]->at_ns;
        if (heap->items[child - 1]->at_ns >= due->at_ns)
            break;
        place(heap, heap->items[child - 1], at);
    }
    place(heap, due, at);
}

static void take_out(struct due_heap *heap, struct due *due)
{
    struct due *last = heap->items[--heap->count];
    size_t at = due->place;

    due->place = 0;
    if (last == due)
        return;
    place(heap, last, at);
    rise(heap, last);
    sink(heap, last);
}

void due_heap_set(struct due_heap *heap, struct due *due, uint64_t at_ns)
{
    due->at_ns = at_ns;
    if (at_ns == UINT64_MAX) {
        if (due->place != 0)
            take_out(heap, due);
        return;
    }
    if (due->place == 0)
        place(heap, due, ++heap->count);
    rise(heap, due);
    sink(heap, due);
}

struct due *due_heap_first(const struct due_heap *heap)
{
    return heap->count == 0 ? NULL : heap->items[0];
}
