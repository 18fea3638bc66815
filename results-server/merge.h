/*
 * Puts the shares of several hosts together into one run.db: their rows as they were written,
 * renumbered, named HOST.NAME, and shifted to the results server's clock. What gate, charts and
 * report make of one host's run they make of it, too.
 *
 * A host's rows may stop at any point (it died): what came is merged. A component that runs
 * elsewhere (component.host is another rank) is a reference only: the row of the host that runs it
 * stands, if that ever sent one.
 */
#ifndef FLATLINE_RESULTS_SERVER_MERGE_H
#define FLATLINE_RESULTS_SERVER_MERGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct merge;

struct merge_host {
    int rank;
    const char *name, *address;
    int64_t offset_ns; /* the server's clock less the host's */
    int64_t offset_error_ns;
    bool lost;           /* its driver did not say how it ended */
    int64_t last_ns;     /* when it was heard last, on the server's clock; 0: never */
    int status;          /* of its driver; -1: not known */
    const char *verdict; /* of its driver on its share; NULL: not known */
    const char *reason;  /* or NULL */
};

struct merge_tally {
    uint64_t rows;     /* taken, of all hosts */
    uint64_t left_out; /* of these: not what a row of a run is, or about an unknown process */
};

/*
 * Begins the file `path`, which must not exist. `size` is how many hosts there were to be, `place`
 * how components were placed ("" if that is not known). NULL: *error holds one line.
 */
struct merge *merge_new(const char *path, unsigned size, const char *place, char *error,
                        size_t cap);

/* All hosts come before the batches. False: merge_error. */
bool merge_host(struct merge *m, const struct merge_host *host);

/* The `tables` (NULL: none) of a batch of that host, in the order in which it numbered them; when
 * it came, on the server's clock. */
bool merge_tables(struct merge *m, int rank, uint64_t received_ns, const json_t *tables);

/* Writes what can only be written at the end, and closes the file. False: merge_error. */
bool merge_finish(struct merge *m, struct merge_tally *tally);

const char *merge_error(const struct merge *m);

/* The file stays; whoever gives up removes it. NULL is ignored. */
void merge_free(struct merge *m);

#endif
