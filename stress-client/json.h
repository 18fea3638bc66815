/* A JSON emitter: objects, numbers, texts, truth values, two spaces of indentation. */
#ifndef FLATLINE_CLIENT_JSON_H
#define FLATLINE_CLIENT_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    int depth;
    bool filled; /* the object under way has a member */
};

/* The outermost object; json_end closes it, and a newline follows. */
void json_start(struct json *json, FILE *out);

void json_begin(struct json *json, const char *key);
void json_end(struct json *json);

void json_number(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);
/* NULL becomes null; bytes that are no UTF-8 become U+FFFD. */
void json_text(struct json *json, const char *key, const char *value);

#endif
