/*
 * What the charts and the page tell of a run, gathered in one pass over its samples: for each
 * component its series, its peaks, its deaths, its verdict.
 */
#ifndef FLATLINE_CHARTS_FACTS_H
#define FLATLINE_CHARTS_FACTS_H

#include "charts/downsample.h"
#include "charts/scale.h"
#include "common/run/reader.h"
#include "common/run/verdict.h"

#include <stdio.h>

/*
 * The lines of a chart, from the back to the front: identifier (a colour of the palette too), name,
 * metric, and the metric that stands in where a process does not publish that one.
 */
#define SERIES_TABLE(X)                       \
    X(DATA, "data", DATA, DATA)               \
    X(MAPPED, "mapped", JE_MAPPED, JE_MAPPED) \
    X(RESIDENT, "resident", JE_RESIDENT, RSS) \
    X(ACTIVE, "active", JE_ACTIVE, JE_ACTIVE) \
    X(LIVE, "live", LIVE, LIVE)

#define SERIES_ENUM(ident, name, metric, instead) SERIES_##ident,
enum series { SERIES_TABLE(SERIES_ENUM) SERIES_COUNT };
#undef SERIES_ENUM

const char *series_name(enum series series);

#define FACTS_COLUMNS 600 /* of pixels: also of the marks */
#define FACTS_MB 1048576.0

struct facts_component {
    const struct run_component_row *row;
    const struct run_host_row *host; /* NULL: the run has one */
    struct run_phase phase;          /* of its host */
    const struct run_host_row *loss; /* that broke off: its own, or of whom it talks to; or NULL */
    bool lost;                       /* with its own host */
    enum outcome outcome;
    const struct verdict *verdict;           /* the worst one's row; NULL: not judged */
    bool charted;                            /* stable, or failed */
    struct downsample *series[SERIES_COUNT]; /* in MB; NULL unless charted */
    double peak[SERIES_COUNT];               /* bytes; NaN: never measured */
    /* Its own deaths. */
    int incarnations, kills, recoveries;
    int64_t calls, losses, errors; /* over all incarnations */
};

struct facts {
    struct run_reader *run;
    const struct run_info *info;
    const struct verdict_list *verdicts;
    const struct run_host_row *hosts; /* none: the run has one */
    size_t host_count;
    size_t charted_each; /* so many stable components of each host are charted at most */
    struct facts_component *components;
    size_t count;
    enum outcome outcome; /* of the whole run */
    const struct verdict *verdict;
    int kills, recoveries;
    /* The time axis: x = (time - origin_ns) / unit.ns, over [x0, x1]. */
    uint64_t origin_ns;
    bool origin_is_ready; /* else nothing was ever ready and the origin is the start */
    struct time_unit unit;
    double x0, x1;
};

/* NULL: *error holds one line. Both arguments must outlive the facts. */
struct facts *facts_new(struct run_reader *run, const struct verdict_list *verdicts, char *error,
                        size_t cap);
void facts_free(struct facts *f);

/* A time on the axis. */
double facts_x(const struct facts *f, uint64_t time_ns);

/* The share of its cap that a component used at most, from 0 to 1; 0 if it is not known. */
double facts_share(const struct facts_component *c);

/*
 * The charted ones in the order in which a reader wants them: failed, then inconclusive, then the
 * others; in the order of the run among equals. Returns an array of *count pointers, to be freed.
 */
const struct facts_component **facts_order(const struct facts *f, bool charted_only, size_t *count);

#endif
