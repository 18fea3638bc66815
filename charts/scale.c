#include "charts/scale.h"

#include "common/base/clock.h"

#include <math.h>
#include <stddef.h>

#define AIR 1.04

struct scale scale_from_zero(double max, int steps)
{
    static const double rounds[] = {1, 2, 2.5, 5, 10};
    double wish = max * AIR / steps;
    struct scale scale = {1, 1};

    if (!(max > 0))
        return scale;
    double power = pow(10, floor(log10(wish)));

    scale.step = 10 * power;
    for (size_t i = sizeof rounds / sizeof rounds[0]; i-- > 0;) {
        if (rounds[i] * power >= wish)
            scale.step = rounds[i] * power;
    }
    scale.top = scale.step * ceil(max * AIR / scale.step);
    return scale;
}

struct time_unit scale_time_unit(uint64_t length_ns)
{
    if (length_ns <= 15 * 60 * NS_PER_S)
        return (struct time_unit){"seconds", (double)NS_PER_S};
    if (length_ns <= 3 * 3600 * NS_PER_S)
        return (struct time_unit){"minutes", 60 * (double)NS_PER_S};
    return (struct time_unit){"hours", 3600 * (double)NS_PER_S};
}
