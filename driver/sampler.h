/*
 * Looks at every process at absolute times, so that a late look does not shift the next ones; how
 * late it was is recorded with it. Commits run.db once a second.
 */
#ifndef FLATLINE_DRIVER_SAMPLER_H
#define FLATLINE_DRIVER_SAMPLER_H

#include "driver/supervisor.h"

struct sampler;

struct sampler_settings {
    struct supervisor *supervisor;
    const struct scenario *scenario;
    struct run_writer *writer;
    uint64_t interval_ns;
    /* run.db can no longer be written (run_writer_error says why). Called once. */
    void (*store_failed)(void *user);
    void *user;
};

/* settings are copied. NULL: *error holds one line. */
struct sampler *sampler_new(struct ev_loop *loop, const struct sampler_settings *settings,
                            char *error, size_t cap);
void sampler_free(struct sampler *sampler);

/* The first look comes one interval from now. */
void sampler_start(struct sampler *sampler);
void sampler_stop(struct sampler *sampler);

struct sampler_totals {
    uint64_t calls;         /* done by clients, their dead incarnations included */
    unsigned recoveries;    /* restarted victims that got a message again */
    double share;           /* the highest data / cap at the last look */
    const char *share_name; /* whose; NULL before the first look */
    uint64_t worst_late_ns; /* of all looks */
};

const struct sampler_totals *sampler_totals(const struct sampler *sampler);

#endif
