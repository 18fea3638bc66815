/*
 * All that belongs to flatline.v1.Relay and to no single loop: the hub, the event database if there
 * is to be one, and what is said of both.
 */
#ifndef FLATLINE_STRESS_SERVER_BROKER_H
#define FLATLINE_STRESS_SERVER_BROKER_H

#include "common/contract/metric.h"
#include "common/events/event_db.h"
#include "stress-server/relay.h"

#include <stdbool.h>
#include <stddef.h>

struct broker;

/* NULL: out of memory. */
struct broker *broker_new(const struct relay_config *config);

/* From now on each event that is taken becomes a row; before any loop runs. The rest as in
 * event_db.h. */
bool broker_open_db(struct broker *broker, const struct event_db_config *config, char *error,
                    size_t cap);

struct relay *broker_relay(struct broker *broker);

/* Nothing without a database. From any thread; so is the next. */
void broker_record(struct broker *broker, const struct event_row *row);

/* One line that says why the database cannot be written any more; NULL: it can, or there is none.
 */
const char *broker_failure(struct broker *broker);

void broker_add_metrics(struct broker *broker, struct metric_values *metrics);

/* After all loops: says in the log what became of the events, if there were any. False with *error:
 * not all of them are in the database. Takes NULL. */
bool broker_free(struct broker *broker, char *error, size_t cap);

#endif
