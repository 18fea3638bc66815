/* Who of a test's hosts is not where all are waited for. */
#ifndef FLATLINE_UPLOADER_ROLL_H
#define FLATLINE_UPLOADER_ROLL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * `hosts` is that of GET /test/ID. How many of the ranks below `size` are not in it, or with
 * `ready` not marked as ready; *out names them: "ranks 1, 3 of 4".
 */
uint64_t roll_missing(const json_t *hosts, uint64_t size, bool ready, char *out, size_t cap);

/* The hosts and peers that have ended, as far as they fit: "n2 (fail: busy port)"; "" for none.
 * `view` is the whole answer; `but` is not named. */
void roll_ended(const json_t *view, const char *but, char *out, size_t cap);

#endif
