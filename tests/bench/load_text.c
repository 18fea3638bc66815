#include "tests/bench/load_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_ROOM 256
#define NUMBER_ROOM 24

void load_text_free(struct load_text *text)
{
    free(text->bytes);
    *text = (struct load_text){0};
}

void load_text_clear(struct load_text *text)
{
    text->size = 0;
}

static char *room_for(struct load_text *text, size_t size)
{
    if (text->cap - text->size < size) {
        size_t cap = text->cap == 0 ? LEAST_ROOM : text->cap;

        while (cap - text->size < size)
            cap *= 2;
        text->bytes = realloc(text->bytes, cap);
        if (text->bytes == NULL) {
            perror("results_load");
            exit(3);
        }
        text->cap = cap;
    }
    return text->bytes + text->size;
}

void load_text_bytes(struct load_text *text, const void *bytes, size_t size)
{
    memcpy(room_for(text, size), bytes, size);
    text->size += size;
}

void load_text_add(struct load_text *text, const char *words)
{
    load_text_bytes(text, words, strlen(words));
}

void load_text_number(struct load_text *text, int64_t number)
{
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    char digits[NUMBER_ROOM];
    char *at = digits + sizeof digits;

    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        *--at = '-';
    load_text_bytes(text, at, (size_t)(digits + sizeof digits - at));
}

void load_text_format(struct load_text *text, const char *format, ...)
{
    va_list args, again;
    int size;

    va_start(args, format);
    va_copy(again, args);
    size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size > 0) {
        vsnprintf(room_for(text, (size_t)size + 1), (size_t)size + 1, format, again);
        text->size += (size_t)size;
    }
    va_end(again);
}
