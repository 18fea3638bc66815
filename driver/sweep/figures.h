/*
 * What one run of `driver throughput` measured: a pure function of its folder (author.log,
 * broker.db and subscriber.db).
 */
#ifndef FLATLINE_DRIVER_SWEEP_FIGURES_H
#define FLATLINE_DRIVER_SWEEP_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From when an event is sent until ... Columns: identifier, name, file. */
#define ROLE_TABLE(X)                                                                 \
    X(AUTHOR, "author", "author.log")            /* ... its author has the receipt */ \
    X(BROKER, "broker", "broker.db")             /* ... it is at the broker */        \
    X(SUBSCRIBER, "subscriber", "subscriber.db") /* ... it is at a subscriber */

#define ROLE_ENUM(ident, name, file) ROLE_##ident,
enum role { ROLE_TABLE(ROLE_ENUM) ROLES };
#undef ROLE_ENUM

const char *role_name(enum role role);
const char *role_file(enum role role);

/* Times, ms, in order of the file; grows. */
struct times {
    double *ms;
    size_t count, room;
};

/* of one run and role */
struct figure {
    size_t count;             /* events that came through; for subscribers, deliveries */
    size_t missing;           /* that were to and did not */
    double events_per_second; /* from the first sent to the last come through; 0: none did */
};

/* What every run of a sweep was to do. */
struct figures_plan {
    uint64_t events, subscribers;
};

/*
 * Reads a run; the times of each role are appended to times[], where that is not NULL. False:
 * *error holds one line (a file is missing, damaged, or its writer did not come to its end).
 */
bool figures_read(const char *dir, const struct figures_plan *plan, struct figure figures[ROLES],
                  struct times times[ROLES], char *error, size_t cap);

void times_free(struct times *times);

struct spread {
    size_t count;
    double min, max, mean, std, median, p99;
};

/*
 * Sorts the times. std is of a sample (n - 1; 0 for one), median the mean of the middle two where
 * their number is even, p99 the least that 99 % are not above (nearest rank). All zero for none.
 */
struct spread times_spread(struct times *times);

#endif
