#include "results-server/influx_line.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_ROOM 4096
#define NUMBER_ROOM 32 /* of either kind of number */

void influx_lines_free(struct influx_lines *lines)
{
    free(lines->bytes);
    *lines = (struct influx_lines){0};
}

void influx_lines_clear(struct influx_lines *lines)
{
    lines->size = 0;
    lines->begun = 0;
    lines->fields = false;
    lines->count = 0;
    lines->failed = false;
}

/* Room for so many bytes at the end; NULL: no memory, now or before. */
static char *room_for(struct influx_lines *lines, size_t size)
{
    if (lines->failed)
        return NULL;
    if (lines->cap - lines->size < size) {
        size_t cap = lines->cap == 0 ? LEAST_ROOM : lines->cap;
        char *bytes;

        while (cap - lines->size < size)
            cap *= 2;
        bytes = realloc(lines->bytes, cap);
        if (bytes == NULL) {
            lines->failed = true;
            return NULL;
        }
        lines->bytes = bytes;
        lines->cap = cap;
    }
    return lines->bytes + lines->size;
}

static void add(struct influx_lines *lines, const char *bytes, size_t size)
{
    char *to = room_for(lines, size);

    if (to == NULL)
        return;
    memcpy(to, bytes, size);
    lines->size += size;
}

static void add_char(struct influx_lines *lines, char c)
{
    add(lines, &c, 1);
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == '\x7f';
}

/* A name, or the value of a tag; special: what must be escaped in it. */
static void add_name(struct influx_lines *lines, const char *name, const char *special)
{
    size_t length = strlen(name);
    char *to = room_for(lines, 2 * length), *at = to;

    if (to == NULL)
        return;
    for (size_t i = 0; i < length; i++) {
        char c = is_control(name[i]) ? ' ' : name[i];

        if (c == '\\' && i + 1 == length)
            c = '/';
        if (strchr(special, c) != NULL)
            *at++ = '\\';
        *at++ = c;
    }
    lines->size += (size_t)(at - to);
}

static void add_integer(struct influx_lines *lines, int64_t value)
{
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char digits[NUMBER_ROOM], *at = digits + sizeof digits;

    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--at = '-';
    add(lines, at, (size_t)(digits + sizeof digits - at));
}

void influx_line_begin(struct influx_lines *lines, const char *measurement)
{
    lines->begun = lines->size;
    lines->fields = false;
    add_name(lines, measurement, ", ");
}

void influx_line_tag(struct influx_lines *lines, const char *key, const char *value)
{
    if (value[0] == 0)
        return;
    add_char(lines, ',');
    add_name(lines, key, ",= ");
    add_char(lines, '=');
    add_name(lines, value, ",= ");
}

static void begin_field(struct influx_lines *lines, const char *key)
{
    add_char(lines, lines->fields ? ',' : ' ');
    lines->fields = true;
    add_name(lines, key, ",= ");
    add_char(lines, '=');
}

void influx_line_integer(struct influx_lines *lines, const char *key, int64_t value)
{
    begin_field(lines, key);
    add_integer(lines, value);
    add_char(lines, 'i');
}

void influx_line_real(struct influx_lines *lines, const char *key, double value)
{
    char digits[NUMBER_ROOM];
    int size;

    if (!isfinite(value))
        return;
    begin_field(lines, key);
    size = snprintf(digits, sizeof digits, "%.17g", value);
    add(lines, digits, (size_t)size);
}

void influx_line_text(struct influx_lines *lines, const char *key, const char *value)
{
    begin_field(lines, key);
    add_char(lines, '"');
    for (const char *c = value; *c != 0; c++) {
        if (*c == '"' || *c == '\\')
            add_char(lines, '\\');
        add_char(lines, is_control(*c) ? ' ' : *c);
    }
    add_char(lines, '"');
}

void influx_line_end(struct influx_lines *lines, int64_t time_ns)
{
    if (!lines->fields) {
        lines->size = lines->begun;
        return;
    }
    add_char(lines, ' ');
    add_integer(lines, time_ns);
    add_char(lines, '\n');
    if (!lines->failed)
        lines->count++;
    lines->begun = lines->size;
    lines->fields = false;
}
