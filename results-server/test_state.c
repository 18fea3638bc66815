#include "results-server/test_state.h"

static const char *const words[TEST_STATES] = {
#define TEST_STATE_WORD(ident, word) [TEST_##ident] = (word),
    TEST_STATE_TABLE(TEST_STATE_WORD)
#undef TEST_STATE_WORD
};

static const struct {
    const char *what;
    enum error_kind refusal[TEST_STATES];
} events[TEST_EVENTS] = {
#define TEST_EVENT_ROW(ident, what, created, started, finished) \
    [TEST_EVENT_##ident] = {what, {ERROR_##created, ERROR_##started, ERROR_##finished}},
    TEST_EVENT_TABLE(TEST_EVENT_ROW)
#undef TEST_EVENT_ROW
};

const char *test_state_word(enum test_state state)
{
    return words[state];
}

bool test_state_allows(enum test_state state, enum test_event event, const char *test,
                       struct refusal *refusal)
{
    static const char *const remedies[TEST_STATES] = {
        [TEST_CREATED] = "is not started: PUT /test/ID/start, or GET /test/ID?wait=started",
        [TEST_STARTED] = "is started already",
        [TEST_FINISHED] = "is finished",
    };
    enum error_kind kind = events[event].refusal[state];

    return kind == ERROR_NONE || refuse(refusal, kind, "cannot %s: test %s %s", events[event].what,
                                        test, remedies[state]);
}
