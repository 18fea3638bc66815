#include "results-server/test_json.h"

static json_t *time_json(uint64_t ns)
{
    return ns == 0 ? json_null() : json_integer((json_int_t)ns);
}

json_t *test_summary_json(const struct test *test)
{
    return json_pack("{s:s, s:s, s:I, s:o, s:o, s:I, s:I, s:O*}", "id", test->id, "state",
                     test_state_word(test_state_of(test)), "created_wall_ns",
                     (json_int_t)test->created_wall_ns, "started_ns", time_json(test->started_ns),
                     "finished_ns", time_json(test->finished_ns), "hosts",
                     (json_int_t)test->hosts_present, "peers", (json_int_t)test->peer_count,
                     "verdict", json_object_get(test->finish, "verdict"));
}

static json_t *host_json(const struct test *test, const struct test_host *host)
{
    json_t *json = json_copy(host->entry);

    json_object_set_new(json, "state",
                        json_string(test_host_state_word(test_host_state(test, host))));
    json_object_set_new(json, "last_ns", time_json(host->last_ns));
    return json;
}

static json_t *hosts_json(const struct test *test)
{
    json_t *list = json_array();

    for (size_t i = 0; i < test->host_room; i++) {
        if (test->hosts[i].entry != NULL)
            json_array_append_new(list, host_json(test, &test->hosts[i]));
    }
    return list;
}

static json_t *peers_json(const struct test *test)
{
    json_t *list = json_array();

    for (size_t i = 0; i < test->peer_count; i++) {
        const struct test_peer *peer = test->peers[i];

        json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:o, s:O*}", "name", peer->name,
                                              "batches", (json_int_t)peer->batches, "points",
                                              (json_int_t)peer->points, "last_ns",
                                              time_json(peer->last_ns), "result", peer->result));
    }
    return list;
}

json_t *test_lost_json(const struct test *test)
{
    json_t *list = json_array();

    for (size_t i = 0; i < test->host_room; i++) {
        const struct test_host *host = &test->hosts[i];

        if (host->entry != NULL && test_host_state(test, host) == TEST_HOST_LOST)
            json_array_append_new(list, json_string(test_host_name(host)));
    }
    return list;
}

json_t *test_json(const struct test *test)
{
    int64_t size = test_size(test);

    return json_pack(
        "{s:s, s:s, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:b, s:O*}", "id", test->id, "state",
        test_state_word(test_state_of(test)), "size", size == 0 ? json_null() : json_integer(size),
        "created_ns", (json_int_t)test->created_ns, "created_wall_ns",
        (json_int_t)test->created_wall_ns, "started_ns", time_json(test->started_ns), "finished_ns",
        time_json(test->finished_ns), "hosts", hosts_json(test), "peers", peers_json(test),
        "ending", test_ending(test), "verdict", test->finish);
}
