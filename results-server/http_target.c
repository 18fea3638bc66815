#include "results-server/http_target.h"

#include "common/base/utf8.h"

#include <stdio.h>
#include <string.h>

#define ID_MAX 64

static bool refuse(char *why, size_t cap, const char *text)
{
    snprintf(why, cap, "%s", text);
    return false;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes the bytes before `end` to *to, and ends them with a NUL. False: a bad escape, or one of a
 * NUL, which would hide what follows. */
static bool decode(char **to, const char *from, const char *end, bool plus_is_blank)
{
    for (; from < end; from++) {
        char c = *from;

        if (c == '%') {
            int high = end - from > 2 ? hex_digit(from[1]) : -1;
            int low = high < 0 ? -1 : hex_digit(from[2]);

            if (low < 0 || (high == 0 && low == 0)) {
                return false;
            }
            c = (char)(high << 4 | low);
            from += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        *(*to)++ = c;
    }
    *(*to)++ = '\0';
    return true;
}

/* Whether all of it is UTF-8 without control characters. */
static bool is_clean(const char *text)
{
    while (*text != '\0') {
        size_t length = utf8_length(text);

        if (length == 0 || (unsigned char)*text < 0x20) {
            return false;
        }
        text += length;
    }
    return true;
}

static bool add_segment(struct http_target *target, char **to, const char *from, const char *end,
                        char *why, size_t cap)
{
    const char *segment = *to;

    if (target->segments == HTTP_SEGMENTS_MAX) {
        return refuse(why, cap, "the path has too many segments");
    }
    if (!decode(to, from, end, false)) {
        return refuse(why, cap, "the path has a bad escape: two hex digits follow a %, not 00");
    }
    if (!is_clean(segment)) {
        return refuse(why, cap, "the path is no UTF-8, or has control characters");
    }
    if (*segment == '\0' || strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0 ||
        strpbrk(segment, "/\\") != NULL) {
        return refuse(why, cap, "the path has an empty segment, '.', '..' or an escaped slash");
    }
    target->segment[target->segments++] = segment;
    return true;
}

static bool parse_path(struct http_target *target, char **to, const char *from, const char *end,
                       char *why, size_t cap)
{
    while (from < end) {
        const char *slash = memchr(from + 1, '/', (size_t)(end - from - 1));
        const char *stop = slash == NULL ? end : slash;

        from++;
        if (from == end) {
            break; /* the slash at the end, or the only one */
        }
        if (!add_segment(target, to, from, stop, why, cap)) {
            return false;
        }
        from = stop;
    }
    return true;
}

static bool add_query(struct http_target *target, char **to, const char *from, const char *end,
                      char *why, size_t cap)
{
    const char *equals = memchr(from, '=', (size_t)(end - from));
    const char *name = *to;
    const char *value;

    if (target->queries == HTTP_QUERY_MAX) {
        return refuse(why, cap, "the query has too many parts");
    }
    if (!decode(to, from, equals == NULL ? end : equals, true)) {
        return refuse(why, cap, "the query has a bad escape");
    }
    value = *to;
    if (!decode(to, equals == NULL ? end : equals + 1, end, true)) {
        return refuse(why, cap, "the query has a bad escape");
    }
    if (!is_clean(name) || !is_clean(value)) {
        return refuse(why, cap, "the query is no UTF-8, or has control characters");
    }
    if (http_target_query(target, name) != NULL) {
        return refuse(why, cap, "the query has a name twice");
    }
    target->query_name[target->queries] = name;
    target->query_value[target->queries++] = value;
    return true;
}

static bool parse_query(struct http_target *target, char **to, const char *from, char *why,
                        size_t cap)
{
    while (*from != '\0') {
        const char *end = from + strcspn(from, "&");

        if (end > from && !add_query(target, to, from, end, why, cap)) {
            return false;
        }
        from = *end == '\0' ? end : end + 1;
    }
    return true;
}

bool http_target_parse(struct http_target *target, const char *uri, char *why, size_t cap)
{
    const char *end = uri + strcspn(uri, "?");
    char *to = target->text;

    target->segments = 0;
    target->queries = 0;
    target->path[0] = '\0';
    /* Decoding makes nothing longer, but each part gets a NUL: a query of names without values two
     * for every three bytes. */
    if (strlen(uri) >= HTTP_TARGET_SIZE) {
        return refuse(why, cap, "the path and its query are too long");
    }
    for (const char *c = uri; *c != '\0'; c++) {
        if (*c <= 0x20 || *c >= 0x7f) {
            return refuse(why, cap, "the path has bytes that must be escaped");
        }
    }
    if (*uri != '/') {
        return refuse(why, cap, "the path does not begin with a slash");
    }
    if (memchr(uri, '#', (size_t)(end - uri)) != NULL) {
        return refuse(why, cap, "the path has a fragment");
    }
    snprintf(target->path, sizeof(target->path), "%.*s", (int)(end - uri), uri);
    return parse_path(target, &to, uri, end, why, cap) &&
           parse_query(target, &to, *end == '\0' ? end : end + 1, why, cap);
}

const char *http_target_query(const struct http_target *target, const char *name)
{
    for (size_t i = 0; i < target->queries; i++) {
        if (strcmp(target->query_name[i], name) == 0) {
            return target->query_value[i];
        }
    }
    return NULL;
}

bool http_id_valid(const char *text)
{
    size_t length = strlen(text);

    if (length == 0 || length > ID_MAX || !is_alnum(text[0])) {
        return false;
    }
    for (size_t i = 1; i < length; i++) {
        if (!is_alnum(text[i]) && strchr("._-", text[i]) == NULL) {
            return false;
        }
    }
    return true;
}
