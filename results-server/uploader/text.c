#include "results-server/uploader/text.h"

#include "common/base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_CAP 4096

void text_clear(struct text *text)
{
    text->size = 0;
    text->failed = false;
}

void text_free(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}

/* Room for so many bytes more; NULL, and failed, if there is none. */
static char *room(struct text *text, size_t size)
{
    size_t cap = text->cap == 0 ? LEAST_CAP : text->cap;
    char *bytes;

    if (text->failed)
        return NULL;
    while (cap - text->size < size)
        cap *= 2;
    if (cap != text->cap) {
        bytes = realloc(text->bytes, cap);
        if (bytes == NULL) {
            text->failed = true;
            return NULL;
        }
        text->bytes = bytes;
        text->cap = cap;
    }
    return text->bytes + text->size;
}

void text_add(struct text *text, const char *bytes, size_t size)
{
    char *to = room(text, size);

    if (to == NULL)
        return;
    memcpy(to, bytes, size);
    text->size += size;
}

void text_print(struct text *text, const char *format, ...)
{
    char line[512];
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof line)
        text->failed = true;
    else
        text_add(text, line, (size_t)size);
}

/* The character at *value, escaped if need be; moves past it. */
static void add_character(struct text *text, const char **value)
{
    unsigned char c = (unsigned char)**value;
    size_t size = c < 0x20 ? 0 : utf8_length(*value);

    if (c == '"' || c == '\\')
        text_add(text, "\\", 1);
    if (c < 0x20)
        text_print(text, "\\u%04x", c);
    else if (size > 0)
        text_add(text, *value, size);
    else
        text_add(text, " ", 1);
    *value += size > 0 ? size : 1;
}

void text_json_string(struct text *text, const char *value)
{
    if (value == NULL) {
        text_add(text, "null", 4);
        return;
    }
    text_add(text, "\"", 1);
    while (*value != '\0')
        add_character(text, &value);
    text_add(text, "\"", 1);
}

void text_json_real(struct text *text, double value)
{
    if (isfinite(value))
        text_print(text, "%.17g", value);
    else
        text_add(text, "null", 4);
}

void text_json_blob(struct text *text, const void *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = bytes;

    text_add(text, "\"", 1);
    for (size_t i = 0; i < size; i += 3) {
        uint32_t three = (uint32_t)from[i] << 16 | (i + 1 < size ? (uint32_t)from[i + 1] << 8 : 0) |
                         (i + 2 < size ? from[i + 2] : 0);
        char four[4] = {digits[three >> 18], digits[three >> 12 & 63],
                        i + 1 < size ? digits[three >> 6 & 63] : '=',
                        i + 2 < size ? digits[three & 63] : '='};

        text_add(text, four, sizeof four);
    }
    text_add(text, "\"", 1);
}
