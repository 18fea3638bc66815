/*
 * flatline.v1.Event in place: a broker reads who sent what from the bytes that it hands on, and an
 * author writes them straight into its buffer.
 */
#ifndef FLATLINE_PROTO_EVENT_H
#define FLATLINE_PROTO_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_TOPIC_MAX 255           /* bytes */
#define EVENT_KIND_MAX 31             /* bytes */
#define EVENT_BODY_MAX (63u << 10)    /* of ours */
#define EVENT_MAX (64u << 10)         /* bytes of a message */
#define EVENT_HEAD_MAX (300 + 7 * 12) /* what stands before the body: two texts and five fields */

struct event_view {
    const char *topic; /* not terminated; points into the message */
    size_t topic_size;
    uint64_t author, sequence, sent_ns;
    size_t body_size;
    const char *kind; /* as topic; empty: none */
    size_t kind_size;
    uint64_t due_ns; /* 0: by no schedule */
};

/* False: the bytes are no Event. Fields that are not known are passed over. */
bool event_read(const uint8_t *data, size_t size, struct event_view *view);

/* Writes all but the body's bytes, view->body_size of which are to follow; returns how many, at
 * most EVENT_HEAD_MAX. The topic is at most EVENT_TOPIC_MAX bytes, the kind EVENT_KIND_MAX. */
size_t event_put_head(uint8_t *out, const struct event_view *view);

#endif
