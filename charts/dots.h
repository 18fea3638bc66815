/* What a component held at rest, checkpoint by checkpoint, on its chart. */
#ifndef FLATLINE_CHARTS_DOTS_H
#define FLATLINE_CHARTS_DOTS_H

#include "charts/facts.h"

#include <stdio.h>

#define DOTS_MAX 60 /* more would be a line */

struct dots {
    struct {
        double x, mb;
    } at[DOTS_MAX];
    size_t count;              /* 0 if there were too many */
    const char *coverage;      /* how much of live bytes is counted */
    const struct verdict *fit; /* of the rule that reads them; NULL: none was judged */
};

/* The valid readings at rest of a component. False if the run cannot be read. */
bool dots_take(struct dots *d, const struct facts *f, const struct facts_component *c);

/* One sentence that says what the dots are, and how they lie; "" without any. Returns out. */
char *dots_caption(const struct dots *d, char *out, size_t cap);

#endif
