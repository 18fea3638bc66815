/*
 * The charts of `driver throughput`. throughput.svg: how many events a second arrive, against the
 * number of clients, a line for each latency with the spread of its runs. latency.svg: how late,
 * how evenly, and how many never; a row for each role.
 */
#ifndef FLATLINE_CHARTS_SWEEP_THROUGHPUT_H
#define FLATLINE_CHARTS_SWEEP_THROUGHPUT_H

#include <stdbool.h>
#include <stddef.h>

/* In this order everywhere: who is looked at. */
#define THROUGHPUT_CHART_AUTHOR 0
#define THROUGHPUT_CHART_BROKER 1
#define THROUGHPUT_CHART_SUBSCRIBER 2
#define THROUGHPUT_CHART_ROLES 3

struct throughput_chart_role {
    double rate, rate_low, rate_high; /* events a second: mean, least and greatest of the runs */
    bool known;                       /* something came through, so that there are times */
    double mean, std;                 /* of the times from sent to there, ms */
    double missing;                   /* events that never came through, of all runs */
};

struct throughput_chart_cell {
    double latency_ms, clients;
    struct throughput_chart_role roles[THROUGHPUT_CHART_ROLES];
};

struct throughput_chart {
    const struct throughput_chart_cell *cells; /* all of a latency together */
    size_t count;
    const char *caption; /* one line: what was measured */
};

/* False: *error holds one line. */
bool throughput_charts_render(const char *dir, const struct throughput_chart *chart, char *error,
                              size_t cap);

#endif
