#include "driver/sweep/search.h"

#define STRIDE 4

void search_begin(struct search *search, uint64_t limit)
{
    *search = (struct search){.limit = limit, .fails = limit + 1};
}

uint64_t search_next(const struct search *search)
{
    uint64_t next;

    if (search->holds + 1 >= search->fails)
        return 0;
    if (search->hint > search->holds && search->hint < search->fails)
        return search->hint;
    if (search->fails <= search->limit)
        return search->holds + (search->fails - search->holds) / 2;
    next = search->holds == 0 ? 1 : search->holds * STRIDE;
    return next < search->limit ? next : search->limit;
}

void search_held(struct search *search, uint64_t number)
{
    search->hint = 0;
    if (number > search->holds)
        search->holds = number;
}

void search_failed(struct search *search, uint64_t number, uint64_t at)
{
    if (at < search->fails)
        search->fails = at;
    /* What broke off on the way up most likely holds for one less. */
    search->hint = at < number ? at - 1 : 0;
}
