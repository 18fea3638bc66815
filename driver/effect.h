/*
 * What is seen of a nemesis: from the telemetry pages of its victim and of those at the other end,
 * compared with how they stood right before it was ordered. Nothing is assumed: a command that was
 * acknowledged has no effect yet.
 */
#ifndef FLATLINE_DRIVER_EFFECT_H
#define FLATLINE_DRIVER_EFFECT_H

#include "common/contract/page.h"
#include "driver/nemesis.h"
#include "driver/supervisor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EFFECT_TEXT 200

/* One incarnation that is watched. */
struct effect_mark {
    size_t component;
    int number;
    struct page_cursor cursor; /* its events */
    enum metric metric;
    int64_t value;     /* of the metric; of one that is to stand still, the last one seen */
    int64_t rise;      /* by so much it has to rise */
    uint64_t since_ns; /* it has had that value */
    bool stood;        /* for long enough */
    bool seen;
};

struct effect {
    struct supervisor *supervisor;
    const struct scenario *scenario;
    struct nemesis_stroke stroke;
    uint64_t ordered_ns;
    struct effect_mark *marks; /* room for every component */
    size_t count;
};

/* False: out of memory. supervisor and scenario outlive it. */
bool effect_init(struct effect *e, struct supervisor *supervisor, const struct scenario *scenario);
void effect_release(struct effect *e);

/* Right before the stroke is ordered. False: nobody is there who could show an effect. */
bool effect_begin(struct effect *e, const struct nemesis_stroke *stroke);

/* Whether it was seen by now; then one line in text. */
bool effect_look(struct effect *e, char text[EFFECT_TEXT]);

#endif
