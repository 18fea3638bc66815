#include "charts/flame_tree.h"

#include "common/base/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 256      /* jemalloc keeps 128 frames, perf 127 */
#define REPLACEMENT 0xfffd /* of what is no UTF-8 (Unicode, section 23.8) */
#define SHARE_MOST 1000000000000

struct frame {
    const char *name;
    size_t length;
};

/* Between the frames of a stack nothing sorts lower than their end: so a function's callees lie
 * together. */
static int compare_stacks(const void *a, const void *b)
{
    const char *x = ((const struct flame_item *)a)->frames;
    const char *y = ((const struct flame_item *)b)->frames;

    while (*x != '\0' && *x == *y) {
        x++;
        y++;
    }
    int left = *x == ';' ? 1 : (unsigned char)*x;
    int right = *y == ';' ? 1 : (unsigned char)*y;

    return left - right;
}

/* In millionths of the whole, which frees may have made as small as they like. */
static int64_t share(int64_t part, int64_t whole)
{
    double parts = whole == 0 ? 0. : (double)part * FLAME_WHOLE / (double)whole + 0.5;

    return parts > SHARE_MOST ? SHARE_MOST : parts < -SHARE_MOST ? -SHARE_MOST : (int64_t)parts;
}

static void take(struct flame_tree *tree, const struct run_stacks *stacks, bool base)
{
    for (size_t i = 0; i < stacks->count; i++) {
        struct flame_item *item = &tree->items[tree->count++];
        int64_t part = stacks->items[i].bytes;

        *item = (struct flame_item){.frames = stacks->items[i].frames, .value = part};
        if (!tree->difference)
            continue;
        part = share(part, stacks->total);
        item->value = part;
        item->change = base ? -part : part;
    }
}

/* Equal stacks of the two sides become one. */
static void join(struct flame_tree *tree)
{
    size_t kept = 0;

    for (size_t i = 0; i < tree->count; i++) {
        struct flame_item *last = kept > 0 ? &tree->items[kept - 1] : NULL;

        if (last != NULL && strcmp(last->frames, tree->items[i].frames) == 0) {
            last->value += tree->items[i].value;
            last->change += tree->items[i].change;
        } else {
            tree->items[kept++] = tree->items[i];
        }
    }
    tree->count = kept;
}

bool flame_tree_make(struct flame_tree *tree, const struct run_stacks *stacks,
                     const struct run_stacks *base)
{
    size_t room = stacks->count + (base != NULL ? base->count : 0);

    *tree = (struct flame_tree){.difference = base != NULL};
    tree->items = calloc(room > 0 ? room : 1, sizeof *tree->items);
    if (tree->items == NULL)
        return false;
    take(tree, stacks, false);
    if (base != NULL)
        take(tree, base, true);
    if (tree->count > 0)
        qsort(tree->items, tree->count, sizeof *tree->items, compare_stacks);
    join(tree);
    for (size_t i = 0; i < tree->count; i++) {
        if (tree->difference)
            tree->items[i].value = (tree->items[i].value + 1) / 2;
        tree->total += tree->items[i].value;
    }
    return true;
}

void flame_tree_clear(struct flame_tree *tree)
{
    free(tree->items);
    *tree = (struct flame_tree){0};
}

static size_t split(const char *frames, struct frame *out)
{
    size_t depth = 0;

    while (depth < DEPTH_MAX) {
        size_t length = strcspn(frames, ";");

        out[depth++] = (struct frame){frames, length};
        if (frames[length] == '\0')
            break;
        frames += length + 1;
    }
    return depth;
}

static void put_json_name(FILE *out, const struct frame *frame)
{
    putc('"', out);
    for (size_t i = 0, length; i < frame->length; i += length) {
        const char *at = frame->name + i;

        length = utf8_length(at);
        /* '<' as well: no name may end the script. */
        if (*at == '"' || *at == '\\' || *at == '<' || length == 0) {
            fprintf(out, "\\u%04x", length > 0 || (unsigned char)*at < ' ' ? *at : REPLACEMENT);
            length = 1;
        } else {
            fwrite(at, 1, length, out);
        }
    }
    putc('"', out);
}

static size_t common_depth(const struct frame *a, size_t a_depth, const struct frame *b,
                           size_t b_depth)
{
    size_t depth = 0;

    while (depth < a_depth && depth < b_depth && a[depth].length == b[depth].length &&
           memcmp(a[depth].name, b[depth].name, a[depth].length) == 0)
        depth++;
    return depth;
}

static void put_numbers(const struct flame_tree *tree, const struct flame_item *own, FILE *out)
{
    fprintf(out, ",\"v\":%" PRId64, own != NULL ? own->value : 0);
    if (tree->difference && own != NULL && own->change != 0)
        fprintf(out, ",\"d\":%" PRId64, own->change);
    fputs(",\"c\":[", out);
}

void flame_tree_put_json(const struct flame_tree *tree, FILE *out)
{
    struct frame open[DEPTH_MAX], next[DEPTH_MAX];
    size_t depth = 0;

    fputs("{\"n\":\"all\",\"v\":0,\"c\":[", out);
    for (size_t i = 0; i < tree->count; i++) {
        size_t next_depth = split(tree->items[i].frames, next);
        size_t shared = common_depth(open, depth, next, next_depth);
        bool beside = depth > shared; /* of a callee that is already there */

        for (; depth > shared; depth--)
            fputs("]}", out);
        for (; depth < next_depth; depth++) {
            bool leaf = depth + 1 == next_depth;

            fputs(depth == shared && beside ? ",{\"n\":" : "{\"n\":", out);
            put_json_name(out, &next[depth]);
            put_numbers(tree, leaf ? &tree->items[i] : NULL, out);
            open[depth] = next[depth];
        }
    }
    for (; depth > 0; depth--)
        fputs("]}", out);
    fputs("]}", out);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct flame_item *)a)->frames, ((const struct flame_item *)b)->frames);
}

static int compare_weights(const void *a, const void *b)
{
    const struct flame_item *x = a, *y = b;
    int64_t left = x->change != 0 || y->change != 0 ? llabs(x->change) : x->value;
    int64_t right = x->change != 0 || y->change != 0 ? llabs(y->change) : y->value;

    if (left != right)
        return left < right ? 1 : -1;
    return compare_names(a, b);
}

struct flame_item *flame_tree_sum_leaves(const struct flame_tree *tree, size_t *count)
{
    struct flame_item *items = calloc(tree->count + 1, sizeof *items);
    struct flame_tree leaves = {.items = items, .count = tree->count};

    if (items == NULL)
        return NULL;
    for (size_t i = 0; i < tree->count; i++) {
        const char *last = strrchr(tree->items[i].frames, ';');

        items[i] = tree->items[i];
        if (last != NULL)
            items[i].frames = last + 1;
    }
    qsort(items, tree->count, sizeof *items, compare_names);
    join(&leaves);
    qsort(items, leaves.count, sizeof *items, compare_weights);
    *count = leaves.count;
    return items;
}
