/* Numbers as people write them: "60s", "500ms", "400M", "1K". */
#ifndef FLATLINE_BASE_UNITS_H
#define FLATLINE_BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * All parsers take the whole string, no sign, no blanks; false on anything else or on overflow, and
 * then *out is untouched.
 */

/* Decimal digits only. */
bool units_parse_u64(const char *text, uint64_t *out);

/* ns; suffix ns, us, ms, s, m, h; a bare number is seconds; a fraction is allowed ("1.5s"). */
bool units_parse_duration(const char *text, uint64_t *ns);

/* Bytes; suffix K, M, G (powers of 1024), an optional trailing "B" or "iB"; a bare number is bytes.
 */
bool units_parse_size(const char *text, uint64_t *bytes);

/* The shortest exact-looking form, such as "1.5 MB" (1 MB = 1024 * 1024 bytes) or "250 ms". Returns
 * out. */
char *units_format_size(uint64_t bytes, char *out, size_t cap);
char *units_format_duration(uint64_t ns, char *out, size_t cap);

#endif
