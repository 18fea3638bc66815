/* The options of a run that reports to a results server, perhaps as one of many hosts. */
#ifndef FLATLINE_DRIVER_CLI_HOST_OPTIONS_H
#define FLATLINE_DRIVER_CLI_HOST_OPTIONS_H

#include "common/base/options.h"
#include "driver/options.h"

option_apply_fn host_options_set_report_to, host_options_set_test, host_options_set_place,
    host_options_set_name, host_options_set_address, host_options_set_rank, host_options_set_hosts;

/*
 * What was not said: rank and size by the launcher, the name of this host, and the rest by default.
 * False: *error holds one line; nothing is refused where the run reports to nobody and none of this
 * was given.
 */
bool host_options_settle(struct host_orders *orders, char *error, size_t cap);

/* The seed of all hosts, where none was given: the same for whoever takes part in that test. */
uint64_t host_options_seed(const struct host_orders *orders);

/*
 * Once the scenario is known: what this host runs of it, and where its servers listen. *seed
 * becomes this host's own where each runs a fleet by itself. False: *error holds one line.
 */
bool host_options_place(struct options *options, char *error, size_t cap);

#endif
