/*
 * Who takes part in a run on many hosts, as the results server tells all of them: what each says of
 * itself, by rank.
 */
#ifndef FLATLINE_DRIVER_HOST_TOPOLOGY_H
#define FLATLINE_DRIVER_HOST_TOPOLOGY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct topology_host {
    const char *name, *address; /* address: IPv4 */
    const char *ca;             /* PEM, what its servers show; NULL: none */
    const json_t *components;   /* what it runs: an array of their names */
};

struct topology {
    json_t *root; /* owns all text */
    size_t count;
    struct topology_host hosts[]; /* by rank, all there */
};

/*
 * {"hosts": [{"rank", "name", "address", "components", ...}]}, with each rank below `size` once and
 * no name twice. NULL: *error holds one line.
 */
struct topology *topology_new(const char *json, size_t size, char *error, size_t cap);
void topology_free(struct topology *t);

/* The i-th component that a host says it runs, or NULL. */
const char *topology_component(const struct topology *t, size_t rank, size_t i);

/* What a host says of itself, for the caller to free: names of components, and PEM. NULL: out of
 * memory. */
char *topology_describe(const char *const *components, size_t count, const char *ca);

#endif
