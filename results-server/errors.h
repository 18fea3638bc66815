/*
 * What the REST interface refuses, and how: one table. Each answer is
 * {"error": WORD, "message": "what, where, what to do"}; the words are for programs, and stay.
 */
#ifndef FLATLINE_RESULTS_SERVER_ERRORS_H
#define FLATLINE_RESULTS_SERVER_ERRORS_H

#include <stdbool.h>

/* Columns: identifier, word, HTTP status. What the transport refuses by itself (token-wrong,
 * body-too-large and the like) is in http_refusal.h. */
#define ERROR_TABLE(X)                                     \
    X(BAD_JSON, "bad-json", 400)                           \
    X(WRONG_TYPE, "wrong-type", 400)                       \
    X(UNKNOWN_FIELD, "unknown-field", 400)                 \
    X(MISSING_FIELD, "missing-field", 400)                 \
    X(WRONG_VALUE, "wrong-value", 400)                     \
    X(BAD_ID, "bad-id", 400)                               \
    X(BAD_QUERY, "bad-query", 400)                         \
    X(TEST_NOT_STARTED, "test-not-started", 400)           \
    X(TEST_ALREADY_STARTED, "test-already-started", 400)   \
    X(TEST_ALREADY_FINISHED, "test-already-finished", 400) \
    X(NO_SUCH_PATH, "no-such-path", 404)                   \
    X(TEST_NOT_FOUND, "test-not-found", 404)               \
    X(NO_RUN, "no-run", 404)                               \
    X(METHOD_NOT_ALLOWED, "method-not-allowed", 405)       \
    X(TEST_EXISTS, "test-exists", 409)                     \
    X(SIZE_DIFFERS, "size-differs", 409)                   \
    X(NAME_TAKEN, "name-taken", 409)                       \
    X(DATA_MISSING, "data-missing", 409)                   \
    X(PEER_ALREADY_DONE, "peer-already-done", 409)         \
    X(NO_MEMORY, "no-memory", 503)                         \
    X(BUSY, "busy", 503)                                   \
    X(ENDING, "server-ending", 503)                        \
    X(STORE_FAILED, "store-failed", 507)

enum error_kind {
    ERROR_NONE,
#define ERROR_ENUM(ident, word, status) ERROR_##ident,
    ERROR_TABLE(ERROR_ENUM)
#undef ERROR_ENUM
};

#define ERROR_MESSAGE_SIZE 512

struct refusal {
    enum error_kind kind; /* ERROR_NONE: there is none */
    char message[ERROR_MESSAGE_SIZE];
};

/* Fills *refusal; false, so that a check can return it. The message repeats what a peer sent, cut
 * anywhere: it becomes one line of UTF-8, which JSON can hold. */
bool refuse(struct refusal *refusal, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

const char *error_word(enum error_kind kind);
int error_status(enum error_kind kind);

#endif
