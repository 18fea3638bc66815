#include "stress-client/relay_options.h"

#include "common/base/utf8.h"
#include "proto/event.h"

#include <stddef.h>
#include <string.h>

#define GIVEN(number) ((number) != UINT64_MAX)
#define EVENT_SIZE 256
#define MEMBERS_MAX 60000 /* connections to one port that there are local ports for */

void relay_options_init(struct relay_options *o)
{
    *o = (struct relay_options){
        .events = UINT64_MAX,
        .authors = UINT64_MAX,
        .event_size = UINT64_MAX,
        .subscribers = UINT64_MAX,
        .expect = UINT64_MAX,
        .idle_ns = UINT64_MAX,
    };
}

bool relay_options_used(const struct relay_options *o)
{
    return o->publish != NULL || o->subscribe != NULL;
}

/* A protobuf string is UTF-8. */
bool relay_topic_is_valid(const char *text)
{
    size_t size = strlen(text), n = 1;

    for (const char *at = text; *at != '\0' && n > 0; at += n)
        n = utf8_length(at);
    return size > 0 && size <= EVENT_TOPIC_MAX && n > 0;
}

static const char *check_author(const struct relay_options *o)
{
    uint64_t authors = GIVEN(o->authors) ? o->authors : 1;

    if (!relay_topic_is_valid(o->publish))
        return "--publish: a topic is 1 to 255 bytes of text";
    if (!GIVEN(o->events) || o->events == 0)
        return "--publish needs --events N, 1 or more";
    if (authors == 0 || authors > MEMBERS_MAX)
        return "--authors: 1 to 60000";
    if (authors > o->events)
        return "--authors: more of them than --events";
    if (GIVEN(o->event_size) && o->event_size > EVENT_BODY_MAX)
        return "--event-size: at most 63K";
    if (o->stream && o->connection_per_event)
        return "--publish-stream contradicts --connection-per-event";
    return NULL;
}

static const char *check_subscriber(const struct relay_options *o)
{
    if (!relay_topic_is_valid(o->subscribe))
        return "--subscribe: a topic is 1 to 255 bytes of text";
    if (o->subscribers == 0 || (GIVEN(o->subscribers) && o->subscribers > MEMBERS_MAX))
        return "--subscribers: 1 to 60000";
    if (o->expect == 0)
        return "--expect: 1 or more; without it the subscribers stay until SIGTERM";
    if (o->idle_ns == 0)
        return "--idle-timeout must be longer than 0";
    return NULL;
}

const char *relay_options_check(const struct relay_options *o)
{
    bool author = GIVEN(o->events) || GIVEN(o->authors) || GIVEN(o->event_size) || o->stream ||
                  o->connection_per_event || o->event_log != NULL;
    bool subscriber =
        GIVEN(o->subscribers) || GIVEN(o->expect) || GIVEN(o->idle_ns) || o->event_db != NULL;

    if (o->publish != NULL && o->subscribe != NULL)
        return "--publish contradicts --subscribe: one client is one of the two";
    if (author && o->publish == NULL)
        return "--events, --authors, --event-size, --event-log, --publish-stream and "
               "--connection-per-event need --publish";
    if (subscriber && o->subscribe == NULL)
        return "--subscribers, --expect, --idle-timeout and --event-db need --subscribe";
    if (o->publish != NULL)
        return check_author(o);
    return o->subscribe != NULL ? check_subscriber(o) : NULL;
}

static void set_default(uint64_t *number, uint64_t value)
{
    if (!GIVEN(*number))
        *number = value;
}

void relay_options_set_defaults(struct relay_options *o)
{
    set_default(&o->events, 0);
    set_default(&o->authors, 1);
    set_default(&o->event_size, EVENT_SIZE);
    set_default(&o->subscribers, 1);
    set_default(&o->expect, 0);
    set_default(&o->idle_ns, 0);
}
