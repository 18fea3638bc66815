/* The part of the command line that makes the client an author or a subscriber of events. */
#ifndef FLATLINE_CLIENT_RELAY_OPTIONS_H
#define FLATLINE_CLIENT_RELAY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* UINT64_MAX: not given. */
struct relay_options {
    const char *publish; /* topic; NULL: no author */
    uint64_t events, authors, event_size;
    bool stream, connection_per_event;
    const char *event_log;
    const char *subscribe; /* topic; NULL: no subscriber */
    uint64_t subscribers, expect, idle_ns;
    const char *event_db;
};

/* Nothing given. */
void relay_options_init(struct relay_options *options);

/* Whether the client is an author or a subscriber. */
bool relay_options_used(const struct relay_options *options);

/* Whether a broker takes it: 1 to EVENT_TOPIC_MAX bytes of UTF-8. */
bool relay_topic_is_valid(const char *text);

/* What is wrong with them as a whole, one line; NULL: nothing. */
const char *relay_options_check(const struct relay_options *options);

/* Fills in what was not given. */
void relay_options_set_defaults(struct relay_options *options);

#endif
