#include "common/base/utf8.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The second byte of a character decides what is overlong, a surrogate, or beyond U+10FFFF. */
static bool is_second(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xc2: /* up to U+009F: control characters */
        return second >= 0xa0 && second <= 0xbf;
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return second >= 0x80 && second <= 0xbf;
    }
}

size_t utf8_length(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    size_t length = *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : 4;

    if (*c < 0x80)
        return *c >= 0x20 && *c != 0x7f;
    if (*c < 0xc2 || *c > 0xf4 || !is_second(c[0], c[1]))
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    }
    /* U+FFFE and U+FFFF: no characters, says XML 1.0, section 2.2. */
    return c[0] == 0xef && c[1] == 0xbf && c[2] >= 0xbe ? 0 : length;
}

void utf8_clean_here(char *text)
{
    while (*text != '\0') {
        size_t length = utf8_length(text);

        if (length == 0)
            *text = ' ';
        text += length == 0 ? 1 : length;
    }
}

char *utf8_clean(const char *text)
{
    char *copy = strdup(text);

    if (copy != NULL)
        utf8_clean_here(copy);
    return copy;
}
