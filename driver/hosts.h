/*
 * How the hosts of a run bear on its components. Each host has a share of the run, with an end of
 * its own; a host that is lost takes its components along, and leaves those of other hosts without
 * whom they talked to. What comes after that says nothing about them: the finding is the host.
 */
#ifndef FLATLINE_DRIVER_HOSTS_H
#define FLATLINE_DRIVER_HOSTS_H

#include "driver/evidence.h"

/* Fills in what the evidence knows of hosts; its components must know their peers. False: no
 * memory, or the run cannot be read. */
bool hosts_take(struct evidence *e, struct run_reader *run);
void hosts_free(struct evidence *e);

/* Why nothing can be said of a component, if that is a host's doing ("host n2 was lost", "it runs
 * on another host"), into out; NULL if it is not. */
const char *hosts_excuse(const struct evidence_component *c, char *out, size_t cap);

#endif
