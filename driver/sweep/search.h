/*
 * The largest number that holds, by galloping up and halving what is left, where whatever holds for
 * a number holds for all below it. Pure: the caller tries what it is told to.
 */
#ifndef FLATLINE_DRIVER_SWEEP_SEARCH_H
#define FLATLINE_DRIVER_SWEEP_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

struct search {
    uint64_t holds; /* the largest that was seen to; 0: none yet */
    uint64_t fails; /* the smallest that was seen not to; above `limit`: none yet */
    uint64_t limit; /* no larger one is tried */
    uint64_t hint;  /* worth trying next; 0: none */
};

/* limit: 1 and up. */
void search_begin(struct search *search, uint64_t limit);

/* What to try next; 0: the answer is search->holds. */
uint64_t search_next(const struct search *search);

/* It held. */
void search_held(struct search *search, uint64_t number);

/* It did not, and nor would `at` have, which is as large or smaller. */
void search_failed(struct search *search, uint64_t number, uint64_t at);

#endif
