/* The numbers of a verdict in words, the same in every report. */
#ifndef FLATLINE_RUN_VERDICT_NUMBERS_H
#define FLATLINE_RUN_VERDICT_NUMBERS_H

#include "common/run/verdict.h"

#define VERDICT_NUMBER 48
#define VERDICT_NUMBERS 320

/* "1.5 MB", "2.0 KB/s", "250 ms", "3"; "-" for NaN. Returns out, of VERDICT_NUMBER bytes. */
char *verdict_number(double value, const char *unit, char *out);

/*
 * "2.0 KB/s (1.5 KB/s to 2.5 KB/s), limit 1.0 KB/s, could have seen 300 B/s": what there is of it.
 * "" if there is nothing that the text of a verdict does not say by itself: neither interval nor
 * smallest effect. Returns out, of VERDICT_NUMBERS bytes.
 */
char *verdict_numbers(const struct verdict *v, char *out);

#endif
