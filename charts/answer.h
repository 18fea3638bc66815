/* A verdict in the words of a chart's title, and the colour that goes with it. */
#ifndef FLATLINE_CHARTS_ANSWER_H
#define FLATLINE_CHARTS_ANSWER_H

#include "charts/facts.h"
#include "charts/palette.h"

#define ANSWER_TEXT 120

/* "flat, 3.1 of 24 MB", "hit its heap cap, 24.0 of 24 MB". Returns out. */
char *answer_format(const struct facts_component *c, char *out, size_t cap);

/* "flat", "hit its heap cap", "not judged". `verdict` may be NULL. Returns out. */
char *answer_words(enum outcome outcome, const struct verdict *verdict, char *out, size_t cap);

/* The words for a component: "flat until lost" is more than its verdict says. */
char *answer_of(const struct facts_component *c, char *out, size_t cap);

enum palette answer_colour(const struct facts_component *c);

#endif
