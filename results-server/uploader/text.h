/* A text that grows, and JSON written into it: what a batch is made of, without a tree in between.
 */
#ifndef FLATLINE_UPLOADER_TEXT_H
#define FLATLINE_UPLOADER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is the empty text. */
struct text {
    char *bytes;
    size_t size, cap;
    bool failed; /* there was no memory; what was added since is not in it */
};

/* Empties it and keeps its memory. */
void text_clear(struct text *text);
void text_free(struct text *text);

void text_add(struct text *text, const char *bytes, size_t size);
void text_print(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* null for NULL. What is no well-formed UTF-8 becomes blanks; a zero byte ends it. */
void text_json_string(struct text *text, const char *value);
/* null for what is not finite: JSON has no such number. */
void text_json_real(struct text *text, double value);
/* A blob as a string, in base64 (RFC 4648, section 4). */
void text_json_blob(struct text *text, const void *bytes, size_t size);

#endif
