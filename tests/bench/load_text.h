/* Text that grows, and is written thousands of times a second: no format strings in the hot path.
 * Without memory the program ends: it is a tool of the bench. */
#ifndef FLATLINE_BENCH_LOAD_TEXT_H
#define FLATLINE_BENCH_LOAD_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* All zero is the empty text. */
struct load_text {
    char *bytes;
    size_t size;
    size_t cap;
};

void load_text_free(struct load_text *text);
/* Forgets what it holds, keeps the room. */
void load_text_clear(struct load_text *text);
void load_text_add(struct load_text *text, const char *words);
void load_text_bytes(struct load_text *text, const void *bytes, size_t size);
void load_text_number(struct load_text *text, int64_t number);
void load_text_format(struct load_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
