/* What the transport refuses by itself, before a handler is asked: one table. */
#ifndef FLATLINE_RESULTS_SERVER_HTTP_REFUSAL_H
#define FLATLINE_RESULTS_SERVER_HTTP_REFUSAL_H

/* Columns: identifier, status, the same as a status line has it, word, what is told unless more is
 * known. */
#define HTTP_REFUSAL_TABLE(X)                                                                \
    X(TOKEN, 401, "401 Unauthorized", "token-wrong",                                         \
      "send the server's token: Authorization: Bearer TOKEN")                                \
    X(HOST, 403, "403 Forbidden", "host-wrong",                                              \
      "without a token only an address or localhost may be asked for")                       \
    X(ORIGIN, 403, "403 Forbidden", "origin-wrong",                                          \
      "without a token no page of another server may ask")                                   \
    X(PATH, 400, "400 Bad Request", "path-malformed", "the path is none")                    \
    X(REQUEST, 400, "400 Bad Request", "request-malformed", "the request is none")           \
    X(CODING, 501, "501 Not Implemented", "coding-unknown",                                  \
      "the only Transfer-Encoding known here is chunked")                                    \
    X(BODY_SIZE, 413, "413 Content Too Large", "body-too-large",                             \
      "the body is larger than the server takes; send less at a time")                       \
    X(BODY_TIME, 408, "408 Request Timeout", "body-too-slow",                                \
      "the body of the request came too slowly")                                             \
    X(BUSY, 503, "503 Service Unavailable", "busy",                                          \
      "too many large requests at a time; send again later")                                 \
    X(ENDING, 503, "503 Service Unavailable", "server-ending", "the server ends; ask again") \
    X(INTERNAL, 500, "500 Internal Server Error", "internal", "the server has no answer")

enum http_refusal {
    HTTP_REFUSAL_NONE,
#define HTTP_REFUSAL_ENUM(ident, status, line, word, text) HTTP_REFUSAL_##ident,
    HTTP_REFUSAL_TABLE(HTTP_REFUSAL_ENUM)
#undef HTTP_REFUSAL_ENUM
};

struct http_refusal_row {
    int status;
    const char *line, *word, *text;
};

const struct http_refusal_row *http_refusal_row(enum http_refusal refusal);

#endif
