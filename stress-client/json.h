/* A JSON emitter: objects, numbers, texts, truth values; two spaces of indentation, or all in a
 * line. */
#ifndef FLATLINE_CLIENT_JSON_H
#define FLATLINE_CLIENT_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    int depth;
    bool filled; /* the object under way has a member */
    bool line;
};

/* The outermost object; json_end closes it, and a newline follows. */
void json_start(struct json *json, FILE *out);
/* The same in one line. */
void json_start_line(struct json *json, FILE *out);

void json_begin(struct json *json, const char *key);
void json_end(struct json *json);

void json_number(struct json *json, const char *key, uint64_t value);
/* With three decimals; finite. */
void json_real(struct json *json, const char *key, double value);
void json_bool(struct json *json, const char *key, bool value);
/* NULL becomes null; bytes that are no UTF-8 become U+FFFD. */
void json_text(struct json *json, const char *key, const char *value);

#endif
