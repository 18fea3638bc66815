/* What is seen of the nemeses that befall the way between a server and its clients (effect.h). */
#ifndef FLATLINE_DRIVER_EFFECT_LINE_H
#define FLATLINE_DRIVER_EFFECT_LINE_H

#include "driver/effect.h"

/* Clients whose round trips get as long as the way, and short again. */
void effect_begin_latency(struct effect *e);
bool effect_look_for_latency(struct effect *e, char text[EFFECT_TEXT]);

/* Clients that give their connection up and make another; the server has no more of them than
 * before. */
void effect_begin_half_open(struct effect *e);
bool effect_look_for_half_open(struct effect *e, char text[EFFECT_TEXT]);

#endif
