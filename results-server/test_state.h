/* The life of a test, as a table: what may befall it in which state. */
#ifndef FLATLINE_RESULTS_SERVER_TEST_STATE_H
#define FLATLINE_RESULTS_SERVER_TEST_STATE_H

#include "results-server/errors.h"

#include <stdbool.h>

#define TEST_STATE_TABLE(X) \
    X(CREATED, "created")   \
    X(STARTED, "started")   \
    X(FINISHED, "finished")

enum test_state {
#define TEST_STATE_ENUM(ident, word) TEST_##ident,
    TEST_STATE_TABLE(TEST_STATE_ENUM)
#undef TEST_STATE_ENUM
        TEST_STATES
};

/* Columns: what befalls it, how that is called in a refusal, and what comes of it when the test is
 * created, started, finished: NONE (it may), or the refusal. */
#define TEST_EVENT_TABLE(X)                                                            \
    X(START, "start", NONE, NONE, TEST_ALREADY_FINISHED)                               \
    X(ENTRY, "change its topology", NONE, TEST_ALREADY_STARTED, TEST_ALREADY_FINISHED) \
    X(OFFSET, "change a clock's offset", NONE, NONE, TEST_ALREADY_FINISHED)            \
    X(PREAMBLE, "post the circumstances of a run", NONE, NONE, TEST_ALREADY_FINISHED)  \
    X(BATCH, "post metrics", TEST_NOT_STARTED, NONE, TEST_ALREADY_FINISHED)            \
    X(RESULT, "post results", NONE, NONE, TEST_ALREADY_FINISHED)                       \
    X(FINISH, "finish", NONE, NONE, TEST_ALREADY_FINISHED)

enum test_event {
#define TEST_EVENT_ENUM(ident, what, created, started, finished) TEST_EVENT_##ident,
    TEST_EVENT_TABLE(TEST_EVENT_ENUM)
#undef TEST_EVENT_ENUM
        TEST_EVENTS
};

const char *test_state_word(enum test_state state);

/* False: it may not, with the refusal, which names the test. */
bool test_state_allows(enum test_state state, enum test_event event, const char *test,
                       struct refusal *refusal);

#endif
