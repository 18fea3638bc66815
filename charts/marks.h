/* The faults that a component lived through, laid out on the time axis of its chart. */
#ifndef FLATLINE_CHARTS_MARKS_H
#define FLATLINE_CHARTS_MARKS_H

#include "charts/facts.h"

#define MARKS_FAULTS 40 /* more letters would run into each other */

struct marks {
    bool death[FACTS_COLUMNS]; /* a tick: a peer of this process, or it itself, died here */
    bool away[FACTS_COLUMNS];  /* a bar: it was not ready yet again */
    int deaths;                /* in all */
    int peers;                 /* unstable ones, of which any death is marked */
    int own;                   /* deaths of the component itself, among `deaths` */
    bool shown;                /* few enough to be told apart */
    /* Other faults, of the component or of its server: a letter each, the first of their kind. */
    struct {
        double x;
        const char *kind; /* the run's */
    } faults[MARKS_FAULTS];
    int fault_count; /* of those in faults; 0 if there were too many */
    int fault_total;
};

/*
 * Takes the deaths that chaos ordered of the component's unstable peers (a server's clients, a
 * client's server), and every death of its own but the one at the orderly end.
 */
void marks_take(struct marks *m, const struct facts *f, const struct facts_component *c);

/* One sentence that says what the marks of this chart are. Returns out. */
char *marks_caption(const struct marks *m, const struct facts_component *c, char *out, size_t cap);

/* Another that says what its letters are; "" if there were no other faults. Returns out. */
char *marks_fault_caption(const struct marks *m, const struct facts_component *c, char *out,
                          size_t cap);

#endif
