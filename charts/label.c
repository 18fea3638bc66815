#include "charts/label.h"

#define LABELS_MAX 16

/* Labels that touch: they move as one. `sum` is of the wished positions of its first label. */
struct block {
    size_t first, count;
    double sum;
};

static double clamp(double value, double low, double high)
{
    if (value > high)
        value = high;
    return value < low ? low : value;
}

static void sort_by_position(size_t *order, const double *y, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t k = i;

        for (; k > 0 && y[order[k - 1]] > y[i]; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
}

/*
 * Pool adjacent violators: with the gaps taken out (label i wishes y - i * gap) it is a monotone
 * regression, whose least-squares answer is the mean of each block.
 */
void label_spread(double *y, size_t count, double gap, double low, double high)
{
    struct block blocks[LABELS_MAX];
    size_t order[LABELS_MAX], used = 0;

    if (count > LABELS_MAX)
        count = LABELS_MAX;
    if (count == 0)
        return;
    if (gap * (double)(count - 1) > high - low)
        gap = (high - low) / (double)(count - 1);
    sort_by_position(order, y, count);
    for (size_t i = 0; i < count; i++) {
        blocks[used++] = (struct block){i, 1, y[order[i]] - gap * (double)i};
        while (used > 1) {
            struct block *a = &blocks[used - 2], *b = &blocks[used - 1];

            if (a->sum / (double)a->count <= b->sum / (double)b->count)
                break;
            a->count += b->count;
            a->sum += b->sum;
            used--;
        }
    }
    for (size_t k = 0; k < used; k++) {
        double at = blocks[k].sum / (double)blocks[k].count;

        at = clamp(at, low, high - gap * (double)(count - 1));
        for (size_t i = blocks[k].first; i < blocks[k].first + blocks[k].count; i++)
            y[order[i]] = at + gap * (double)i;
    }
}
