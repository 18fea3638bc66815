/* Who may ask: the token, and requests that mean two things to two readers. Pure, but for reading
 * the token's file. */
#ifndef FLATLINE_RESULTS_SERVER_HTTP_GUARD_H
#define FLATLINE_RESULTS_SERVER_HTTP_GUARD_H

#include "results-server/http_refusal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_token;

/*
 * The first line of the file: 8 to 512 visible ASCII characters. Warns if others than its owner may
 * read it. NULL with one line in why, and in *usage whether the content is at fault rather than the
 * environment. The token itself is not kept, only its SHA-256, and is in no message.
 */
struct http_token *http_token_read(const char *path, bool *usage, char *why, size_t cap);
void http_token_free(struct http_token *token);

/* Whether an Authorization header ("Bearer TOKEN", or NULL) has it; takes as long for every wrong
 * one. */
bool http_token_fits(const struct http_token *token, const char *authorization);

/* The headers that say where a body ends, and for whom the request is. */
struct http_framing {
    unsigned lengths, codings, hosts;
    bool chunked;     /* the only coding there is */
    bool unprintable; /* a control character in a header, or a name that is none */
    bool has_length;
    uint64_t length;
    const char *host, *origin;
};

/* Takes in one header; values may hold NULs. The pointers are kept. */
void http_framing_take(struct http_framing *framing, const char *name, size_t name_size,
                       const char *value, size_t value_size);

/*
 * What to refuse the request with if it can be read in more ways than one (RFC 9112, section 6.3),
 * and the text for it, or NULL for the usual one. A request with both lengths, or two, may hide
 * another one from a proxy.
 */
enum http_refusal http_framing_check(const struct http_framing *framing, const char **why);

/*
 * Without a token only loopback is served, but any page in a browser here can reach that: by
 * asking across origins, or by a name of its own that leads to 127.0.0.1. So the host asked for
 * must be an address or localhost, and a page that asks must come from here.
 */
bool http_host_is_local(const char *host);
bool http_origin_is_host(const char *origin, const char *host);

#endif
