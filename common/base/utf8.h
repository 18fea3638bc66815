/* Text from anywhere (names, last words, command lines) on its way into a format that is strict. */
#ifndef FLATLINE_BASE_UTF8_H
#define FLATLINE_BASE_UTF8_H

#include <stddef.h>

/*
 * The bytes of the character at text: well-formed UTF-8 (RFC 3629, section 4), no control character
 * and none that XML forbids. 0 if it is none of these; text is not at its end.
 */
size_t utf8_length(const char *text);

/* Makes every byte that is part of no such character a blank. */
void utf8_clean_here(char *text);
/* A copy of which that was done; NULL: no memory. */
char *utf8_clean(const char *text);

#endif
