/* How unlike two names are: for "did you mean". */
#ifndef FLATLINE_BASE_NEAR_H
#define FLATLINE_BASE_NEAR_H

/* Levenshtein distance of the first NEAR_LENGTH characters. */
#define NEAR_LENGTH 64
unsigned near_distance(const char *a, const char *b);

#endif
