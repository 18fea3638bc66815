/*
 * What the server knows of its tests by heart: what was committed, and who was heard last. Made
 * from the store at the start, and kept in step with it: changed only after a commit. It has no
 * lock of its own; the app's guards it. Times are of the server's clock.
 */
#ifndef FLATLINE_RESULTS_SERVER_TEST_MODEL_H
#define FLATLINE_RESULTS_SERVER_TEST_MODEL_H

#include "results-server/body_check.h"
#include "results-server/test_state.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEST_HOSTS_MOST 100000

struct test_peer {
    char name[BODY_ID_SIZE];
    uint64_t batches, points;
    uint64_t last_ns; /* 0: not heard */
    int64_t rank;     /* of the host of this name; -1: none */
    json_t *result;   /* the body; NULL: not done */
};

struct test_host {
    json_t *entry; /* NULL: no host of this rank has come */
    uint64_t last_ns;
    struct test_peer *peer; /* of the host's name; NULL: none has posted */
    bool lost;              /* for now */
    bool told_lost;         /* as the sinks were told */
};

struct test {
    char id[BODY_ID_SIZE];
    bool begun;   /* as it was created */
    int64_t size; /* 0: not said */
    uint64_t created_ns, created_wall_ns;
    uint64_t started_ns, finished_ns; /* 0: not yet */
    json_t *finish;                   /* the body that ended it; NULL */
    struct test_host *hosts;          /* by rank */
    size_t host_room, hosts_present;
    struct test_peer **peers; /* in the order in which they came */
    size_t peer_count, peer_room;
    void *peer_tree;
};

struct tests; /* all of them */

struct tests *tests_new(void);
void tests_free(struct tests *tests);

size_t tests_count(const struct tests *tests);
/* In the order in which they were created. */
struct test *tests_at(const struct tests *tests, size_t index);
/* NULL: there is none. */
struct test *tests_find(const struct tests *tests, const char *id);
/* NULL: no memory. */
struct test *tests_add(struct tests *tests, const char *id);

enum test_state test_state_of(const struct test *test);
/* How many hosts it has to have: what was said at its creation, or by its hosts; 0: unknown. */
int64_t test_size(const struct test *test);

struct test_peer *test_find_peer(const struct test *test, const char *name);
/* Finds or adds; NULL: no memory. */
struct test_peer *test_peer(struct test *test, const char *name);

/* Puts a host's entry (a new reference is taken) at its rank; false: no memory. */
bool test_put_host(struct test *test, json_t *entry, uint64_t now_ns);

/* The peer said something. */
void test_heard(struct test *test, struct test_peer *peer, uint64_t now_ns);

#define TEST_HOST_STATE_TABLE(X) \
    X(PRESENT, "present")        \
    X(READY, "ready")            \
    X(RUNNING, "running")        \
    X(DONE, "done")              \
    X(LOST, "lost")

enum test_host_state {
#define TEST_HOST_STATE_ENUM(ident, word) TEST_HOST_##ident,
    TEST_HOST_STATE_TABLE(TEST_HOST_STATE_ENUM)
#undef TEST_HOST_STATE_ENUM
};

enum test_host_state test_host_state(const struct test *test, const struct test_host *host);
const char *test_host_state_word(enum test_host_state state);
const char *test_host_name(const struct test_host *host);

/* One of its hosts (of its peers, where it has no hosts) is done, or it is finished: the others
 * stop. */
bool test_ending(const struct test *test);

/* Looks who was not heard for timeout_ns; since_ns: no silence counts before it. True if somebody
 * is lost now who was not, or the other way round, since the last look. */
bool test_look_for_lost(struct test *test, uint64_t now_ns, uint64_t since_ns, uint64_t timeout_ns);

/* What a long poll waits for. */
#define TEST_WAIT_TABLE(X)                                           \
    X(TOPOLOGY, "topology", "every host has come")                   \
    X(READY, "ready", "every host is ready")                         \
    X(STARTED, "started", "it is started")                           \
    X(DONE, "done", "every host is done or lost, or it is finished") \
    X(FINISHED, "finished", "it is finished")

enum test_wait {
#define TEST_WAIT_ENUM(ident, word, text) TEST_WAIT_##ident,
    TEST_WAIT_TABLE(TEST_WAIT_ENUM)
#undef TEST_WAIT_ENUM
        TEST_WAITS
};

/* TEST_WAITS: there is no such word. */
enum test_wait test_wait_parse(const char *word);
bool test_wait_over(const struct test *test, enum test_wait wait);

#endif
