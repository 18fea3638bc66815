/* What is watched for an effect (effect.h), for those who look: one mark for each component. */
#ifndef FLATLINE_DRIVER_EFFECT_MARKS_H
#define FLATLINE_DRIVER_EFFECT_MARKS_H

#include "driver/effect.h"

#define EFFECT_EVENTS 64
/* So many looks empty a page's ring; a child that goes on making events holds nobody up. */
#define EFFECT_LOOKS (PAGE_EVENTS / EFFECT_EVENTS)

const struct component *effect_component(const struct effect *e, size_t i);

/* A mark on a component that is up and has a page; NULL: there is nothing to watch. */
struct effect_mark *effect_add_mark(struct effect *e, size_t component);

/* What the incarnation that was marked publishes, until the next call; false if it is no more. */
bool effect_read_page(const struct effect *e, const struct effect_mark *mark,
                      const struct page_snapshot **out);

/* Its events since the last call, up to EFFECT_EVENTS of them; returns how many. */
size_t effect_take_events(const struct effect *e, struct effect_mark *mark,
                          struct page_event events[EFFECT_EVENTS]);

/* Marks on the clients of the victim, with all events taken that there were. */
void effect_mark_clients(struct effect *e);

/* Whether that many marks are half of all, or more, and not none. */
bool effect_is_most(const struct effect *e, size_t seen);

#endif
