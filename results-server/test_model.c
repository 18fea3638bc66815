#include "results-server/test_model.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct tests {
    struct test **list;
    size_t count, room;
    void *tree;
};

/* ---- lists that grow, trees that find ---- */

static bool make_room(void **list, size_t *room, size_t wanted, size_t each)
{
    size_t more = *room == 0 ? 8 : *room;
    void *bigger;

    while (more < wanted)
        more *= 2;
    if (more == *room)
        return true;
    bigger = reallocarray(*list, more, each);
    if (bigger == NULL)
        return false;
    memset((char *)bigger + *room * each, 0, (more - *room) * each);
    *list = bigger;
    *room = more;
    return true;
}

static int compare_tests(const void *a, const void *b)
{
    return strcmp(((const struct test *)a)->id, ((const struct test *)b)->id);
}

static int compare_peers(const void *a, const void *b)
{
    return strcmp(((const struct test_peer *)a)->name, ((const struct test_peer *)b)->name);
}

static void keep(void *node)
{
    (void)node;
}

/* ---- all tests ---- */

static void free_test(struct test *test)
{
    tdestroy(test->peer_tree, keep);
    for (size_t i = 0; i < test->peer_count; i++) {
        json_decref(test->peers[i]->result);
        free(test->peers[i]);
    }
    for (size_t i = 0; i < test->host_room; i++)
        json_decref(test->hosts[i].entry);
    json_decref(test->finish);
    free(test->peers);
    free(test->hosts);
    free(test);
}

struct tests *tests_new(void)
{
    return calloc(1, sizeof(struct tests));
}

void tests_free(struct tests *tests)
{
    if (tests == NULL)
        return;
    tdestroy(tests->tree, keep);
    for (size_t i = 0; i < tests->count; i++)
        free_test(tests->list[i]);
    free(tests->list);
    free(tests);
}

size_t tests_count(const struct tests *tests)
{
    return tests->count;
}

struct test *tests_at(const struct tests *tests, size_t index)
{
    return tests->list[index];
}

struct test *tests_find(const struct tests *tests, const char *id)
{
    struct test key;
    struct test **found;

    if (strlen(id) >= sizeof key.id)
        return NULL;
    strcpy(key.id, id);
    found = tfind(&key, &tests->tree, compare_tests);
    return found == NULL ? NULL : *found;
}

struct test *tests_add(struct tests *tests, const char *id)
{
    struct test *test = calloc(1, sizeof *test);

    if (test == NULL)
        return NULL;
    strncpy(test->id, id, sizeof test->id - 1);
    if (!make_room((void **)&tests->list, &tests->room, tests->count + 1, sizeof *tests->list) ||
        tsearch(test, &tests->tree, compare_tests) == NULL) {
        free(test);
        return NULL;
    }
    tests->list[tests->count++] = test;
    return test;
}

/* ---- one test ---- */

enum test_state test_state_of(const struct test *test)
{
    if (test->finished_ns != 0)
        return TEST_FINISHED;
    return test->started_ns != 0 ? TEST_STARTED : TEST_CREATED;
}

int64_t test_size(const struct test *test)
{
    for (size_t i = 0; test->size == 0 && i < test->host_room; i++) {
        if (test->hosts[i].entry != NULL)
            return json_integer_value(json_object_get(test->hosts[i].entry, "size"));
    }
    return test->size;
}

struct test_peer *test_find_peer(const struct test *test, const char *name)
{
    struct test_peer key;
    struct test_peer **found;

    if (strlen(name) >= sizeof key.name)
        return NULL;
    strcpy(key.name, name);
    found = tfind(&key, &test->peer_tree, compare_peers);
    return found == NULL ? NULL : *found;
}

const char *test_host_name(const struct test_host *host)
{
    return json_string_value(json_object_get(host->entry, "name"));
}

/* Host and peer of one name find each other, whichever comes first. */
static void introduce(struct test *test, struct test_host *host, struct test_peer *peer)
{
    if (host->entry == NULL || strcmp(test_host_name(host), peer->name) != 0)
        return;
    host->peer = peer;
    peer->rank = host - test->hosts;
    if (peer->last_ns > host->last_ns)
        host->last_ns = peer->last_ns;
}

struct test_peer *test_peer(struct test *test, const char *name)
{
    struct test_peer *peer = test_find_peer(test, name);

    if (peer != NULL)
        return peer;
    peer = calloc(1, sizeof *peer);
    if (peer == NULL)
        return NULL;
    strncpy(peer->name, name, sizeof peer->name - 1);
    peer->rank = -1;
    if (!make_room((void **)&test->peers, &test->peer_room, test->peer_count + 1,
                   sizeof *test->peers) ||
        tsearch(peer, &test->peer_tree, compare_peers) == NULL) {
        free(peer);
        return NULL;
    }
    test->peers[test->peer_count++] = peer;
    for (size_t i = 0; i < test->host_room; i++)
        introduce(test, &test->hosts[i], peer);
    return peer;
}

bool test_put_host(struct test *test, json_t *entry, uint64_t now_ns)
{
    size_t rank = (size_t)json_integer_value(json_object_get(entry, "rank"));
    struct test_host *host;
    struct test_peer *peer;

    if (!make_room((void **)&test->hosts, &test->host_room, rank + 1, sizeof *test->hosts))
        return false;
    host = &test->hosts[rank];
    if (host->entry == NULL)
        test->hosts_present++;
    if (host->peer != NULL)
        host->peer->rank = -1;
    host->peer = NULL;
    json_decref(host->entry);
    host->entry = json_incref(entry);
    host->last_ns = now_ns;
    host->lost = false;
    peer = test_find_peer(test, test_host_name(host));
    if (peer != NULL)
        introduce(test, host, peer);
    return true;
}

void test_heard(struct test *test, struct test_peer *peer, uint64_t now_ns)
{
    if (now_ns > peer->last_ns)
        peer->last_ns = now_ns;
    if (peer->rank < 0)
        return;
    test->hosts[peer->rank].last_ns = peer->last_ns;
    test->hosts[peer->rank].lost = false;
}

/* ---- hosts ---- */

static bool is_done(const struct test_host *host)
{
    return host->peer != NULL && host->peer->result != NULL;
}

enum test_host_state test_host_state(const struct test *test, const struct test_host *host)
{
    if (is_done(host))
        return TEST_HOST_DONE;
    if (host->lost || test->finished_ns != 0)
        return TEST_HOST_LOST;
    if (test->started_ns != 0)
        return TEST_HOST_RUNNING;
    return json_is_true(json_object_get(host->entry, "ready")) ? TEST_HOST_READY
                                                               : TEST_HOST_PRESENT;
}

const char *test_host_state_word(enum test_host_state state)
{
    static const char *const words[] = {
#define TEST_HOST_STATE_WORD(ident, word) [TEST_HOST_##ident] = (word),
        TEST_HOST_STATE_TABLE(TEST_HOST_STATE_WORD)
#undef TEST_HOST_STATE_WORD
    };

    return words[state];
}

bool test_ending(const struct test *test)
{
    if (test->finished_ns != 0)
        return true;
    for (size_t i = 0; i < test->peer_count; i++) {
        if (test->peers[i]->result != NULL &&
            (test->peers[i]->rank >= 0 || test->hosts_present == 0))
            return true;
    }
    return false;
}

bool test_look_for_lost(struct test *test, uint64_t now_ns, uint64_t since_ns, uint64_t timeout_ns)
{
    bool changed = false;

    if (test_state_of(test) != TEST_STARTED)
        return false;
    if (test->started_ns > since_ns)
        since_ns = test->started_ns;
    for (size_t i = 0; i < test->host_room; i++) {
        struct test_host *host = &test->hosts[i];
        uint64_t heard = host->last_ns > since_ns ? host->last_ns : since_ns;

        host->lost =
            host->entry != NULL && !is_done(host) && now_ns > heard && now_ns - heard > timeout_ns;
        changed = changed || host->lost != host->told_lost;
        host->told_lost = host->lost;
    }
    return changed;
}

/* ---- waiting ---- */

enum test_wait test_wait_parse(const char *word)
{
    static const char *const words[TEST_WAITS] = {
#define TEST_WAIT_WORD(ident, name, text) [TEST_WAIT_##ident] = (name),
        TEST_WAIT_TABLE(TEST_WAIT_WORD)
#undef TEST_WAIT_WORD
    };
    int wait = 0;

    while (wait < TEST_WAITS && strcmp(words[wait], word) != 0)
        wait++;
    return (enum test_wait)wait;
}

/* Every host is there, and in a state of the set (bits). */
static bool all_hosts(const struct test *test, unsigned states)
{
    if (test_size(test) == 0 || (int64_t)test->hosts_present < test_size(test))
        return false;
    for (size_t i = 0; i < test->host_room; i++) {
        const struct test_host *host = &test->hosts[i];

        if (host->entry != NULL && (states & 1u << test_host_state(test, host)) == 0)
            return false;
    }
    return true;
}

bool test_wait_over(const struct test *test, enum test_wait wait)
{
    enum test_state state = test_state_of(test);

    /* Where one has given up already, nobody waits for the others. */
    switch (wait) {
    case TEST_WAIT_TOPOLOGY:
        return test_ending(test) || all_hosts(test, ~0u);
    case TEST_WAIT_READY:
        return state != TEST_CREATED || test_ending(test) ||
               all_hosts(test, ~(1u << TEST_HOST_PRESENT));
    case TEST_WAIT_STARTED:
        return state != TEST_CREATED || test_ending(test);
    case TEST_WAIT_DONE:
        return state == TEST_FINISHED ||
               all_hosts(test, 1u << TEST_HOST_DONE | 1u << TEST_HOST_LOST);
    default:
        return state == TEST_FINISHED;
    }
}
