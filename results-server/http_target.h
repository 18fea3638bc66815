/*
 * What a request asks for (RFC 9112, section 3.2; RFC 3986), taken apart strictly, since segments
 * become names in the store and in messages: whatever is ambiguous is refused instead of mended.
 */
#ifndef FLATLINE_RESULTS_SERVER_HTTP_TARGET_H
#define FLATLINE_RESULTS_SERVER_HTTP_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_SEGMENTS_MAX 8
#define HTTP_QUERY_MAX 8
#define HTTP_TARGET_SIZE 2048

struct http_target {
    size_t segments;
    const char *segment[HTTP_SEGMENTS_MAX];
    size_t queries;
    const char *query_name[HTTP_QUERY_MAX];
    const char *query_value[HTTP_QUERY_MAX]; /* "" without a value */
    char path[HTTP_TARGET_SIZE];             /* as asked for, without the query */
    char text[2 * HTTP_TARGET_SIZE];         /* what the pointers point into */
};

/*
 * "/test/a%2Db?wait=started". Segments are decoded, UTF-8, without control characters and slashes,
 * and none is empty, "." or ".."; one slash at the end is the exception, and means nothing. Query
 * values are decoded likewise, '+' is a blank; a name may come once. False with what is wrong.
 */
bool http_target_parse(struct http_target *target, const char *uri, char *why, size_t cap);

/* NULL if there is none. */
const char *http_target_query(const struct http_target *target, const char *name);

/* Whether text is an id of a test, a peer or a host: [A-Za-z0-9][A-Za-z0-9._-]{0,63}. */
bool http_id_valid(const char *text);

#endif
