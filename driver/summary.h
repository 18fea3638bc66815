/*
 * The numbers that reports show: a row for each component, and rows that stand for several. Memory
 * is the highest of a row's members, all else their sum.
 */
#ifndef FLATLINE_DRIVER_SUMMARY_H
#define FLATLINE_DRIVER_SUMMARY_H

#include "common/run/verdict.h"
#include "driver/evidence.h"

struct summary_row {
    const struct evidence_component *first; /* of its members */
    size_t members, failed, doubtful;
    size_t lost;      /* members whose host broke off */
    size_t elsewhere; /* that run on another host, whose share this is not */
    size_t
        telling; /* members that tell of their traffic: of none calls, rate, losses mean nothing */
    int64_t live_last, live_peak, data_peak; /* bytes; -1: never seen */
    double share;                            /* of the cap, by data_peak; 0 to 1 */
    int64_t calls;
    double rate; /* messages, both ways, a second of life */
    uint64_t kills, back, losses;
};

struct summary {
    struct summary_row *rows; /* one for each component, in the order of the run */
    size_t count;
    struct summary_row total; /* `first` is the component with the highest share */
};

/* e must outlive the summary. NULL: out of memory. */
struct summary *summary_new(const struct evidence *e, const struct verdict_list *verdicts);
void summary_free(struct summary *s);

/* Adds a row to one that stands for several; all zero with the three memory values -1 is none yet.
 */
void summary_add(struct summary_row *sum, const struct summary_row *row);

#define SUMMARY_ROW_NONE ((struct summary_row){.live_last = -1, .live_peak = -1, .data_peak = -1})

#endif
