#include "results-server/live_about.h"

#include "results-server/test_json.h"

#define MOST_TESTS 200
#define MOST_PEERS 256
/* As many hosts as the view keeps (live.h). */
#define MOST_HOSTS 4096

json_t *live_about_tests(const struct tests *tests, uint64_t now_ns)
{
    json_t *list = json_array();
    size_t count = tests_count(tests);

    for (size_t i = 0; i < count && i < MOST_TESTS; i++)
        json_array_append_new(list, test_summary_json(tests_at(tests, count - 1 - i)));
    return json_pack("{s:I, s:o}", "server_ns", (json_int_t)now_ns, "tests", list);
}

static json_t *time_json(uint64_t ns)
{
    return ns == 0 ? json_null() : json_integer((json_int_t)ns);
}

static json_t *hosts_json(const struct test *test)
{
    json_t *list = json_array();

    for (size_t i = 0; i < test->host_room && i < MOST_HOSTS; i++) {
        const struct test_host *host = &test->hosts[i];

        if (host->entry == NULL)
            continue;
        json_array_append_new(list, json_pack("[s, s, o, O?, O?, O?]", test_host_name(host),
                                              test_host_state_word(test_host_state(test, host)),
                                              time_json(host->last_ns),
                                              json_object_get(host->entry, "offset_ns"),
                                              json_object_get(host->entry, "offset_error_ns"),
                                              json_object_get(host->entry, "address")));
    }
    return list;
}

static json_t *peers_json(const struct test *test)
{
    json_t *list = json_array();

    for (size_t i = 0; i < test->peer_count && json_array_size(list) < MOST_PEERS; i++) {
        const struct test_peer *peer = test->peers[i];

        if (peer->rank < 0)
            json_array_append_new(list, json_pack("[s, o]", peer->name, time_json(peer->last_ns)));
    }
    return list;
}

static json_t *results_json(const struct test *test)
{
    json_t *list = json_array();

    for (size_t i = 0; i < test->peer_count && json_array_size(list) < MOST_HOSTS; i++) {
        const struct test_peer *peer = test->peers[i];

        if (peer->result != NULL)
            json_array_append_new(list, json_pack("[s, O?, O?]", peer->name,
                                                  json_object_get(peer->result, "verdict"),
                                                  json_object_get(peer->result, "reason")));
    }
    return list;
}

json_t *live_about_test(const struct test *test, uint64_t now_ns)
{
    int64_t size = test_size(test);

    return json_pack(
        "{s:I, s:s, s:s, s:o, s:I, s:I, s:o, s:o, s:b, s:O?, s:o, s:o, s:o}", "server_ns",
        (json_int_t)now_ns, "id", test->id, "state", test_state_word(test_state_of(test)), "size",
        size == 0 ? json_null() : json_integer(size), "created_ns", (json_int_t)test->created_ns,
        "created_wall_ns", (json_int_t)test->created_wall_ns, "started_ns",
        time_json(test->started_ns), "finished_ns", time_json(test->finished_ns), "ending",
        test_ending(test), "verdict", json_object_get(test->finish, "verdict"), "hosts",
        hosts_json(test), "peers", peers_json(test), "results", results_json(test));
}
