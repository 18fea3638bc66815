/*
 * Stacks as the tree that d3-flame-graph takes, of one profile or of the difference of two. Pure.
 */
#ifndef FLATLINE_CHARTS_FLAME_TREE_H
#define FLATLINE_CHARTS_FLAME_TREE_H

#include "common/run/stacks.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define FLAME_WHOLE 1000000 /* what each side of a difference sums up to */

struct flame_item {
    const char *frames; /* the stacks' */
    int64_t value;      /* of a difference: the mean of both sides, in millionths of each */
    int64_t change;     /* of a difference: from base to stacks, in millionths; else 0 */
};

/* So ordered that a function's callees lie together. */
struct flame_tree {
    struct flame_item *items;
    size_t count;
    int64_t total; /* of the values */
    bool difference;
};

/*
 * Both must outlive it; base may be NULL. Two profiles are seldom equally long, so a difference is
 * that of shares. False: out of memory.
 */
bool flame_tree_make(struct flame_tree *tree, const struct run_stacks *stacks,
                     const struct run_stacks *base);
void flame_tree_clear(struct flame_tree *tree);

/* n name, v own value, d own change (of a difference), c callees. */
void flame_tree_put_json(const struct flame_tree *tree, FILE *out);

/*
 * Function by function what they have themselves, without their callees: the greatest value, or
 * change, first; `frames` is the name. It has to be freed, the names not. NULL: out of memory.
 */
struct flame_item *flame_tree_sum_leaves(const struct flame_tree *tree, size_t *count);

#endif
