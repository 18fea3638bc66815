/* The engine end to end on one loop: calls of every shape, their ends, and the ends of connections.
 */
#include "common/base/clock.h"
#include "common/engine/mem.h"
#include "tests/unit/engine_pair.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define FRAME_SIZE 16384 /* of HTTP/2, unless SETTINGS say otherwise */

static void run_call(struct pair *p, const char *path, struct pair_result *r, uint64_t timeout_ns)
{
    assert_non_null(pair_call(p, path, r, timeout_ns));
    assert_true(pair_run(p, &r->done));
}

static void a_unary_call_is_answered(void **state)
{
    struct pair_result r = {.to_send = 1};

    run_call(*state, PAIR_ECHO, &r, 0);
    assert_int_equal(r.code, GRPC_OK);
    assert_int_equal(r.messages, 1);
    assert_int_equal(r.bytes, 1000);
}

static void a_client_stream_is_taken_whole(void **state)
{
    struct pair_result r = {.to_send = 20000};
    struct pair *p = *state;

    run_call(p, PAIR_SINK, &r, 0);
    assert_int_equal(r.code, GRPC_OK);
    assert_int_equal(r.messages, 1);
    assert_int_equal(r.bytes, 0);
    /* Both ends share the loop's counters: 20,000 there and one back. */
    assert_int_equal(engine_loop_stats(p->loop)->messages_sent, 20001);
    assert_int_equal(engine_loop_stats(p->loop)->messages_received, 20001);
}

static void an_endless_stream_is_cancelled_and_leaves_nothing(void **state)
{
    struct pair *p = *state;
    struct pair_result r = {.to_send = 1, .stop_at = 5000};
    int64_t before = mem_live(MEM_APP);

    run_call(p, PAIR_STREAM, &r, 0);
    assert_int_equal(r.code, GRPC_CANCELLED);
    assert_true(r.messages >= 5000);
    client_close(p->client);
    assert_true(pair_run(p, &p->ended));
    assert_true(pair_settle(p));
    assert_true(mem_live(MEM_APP) < before);
    assert_int_equal(engine_loop_stats(p->loop)->streams, 0);
}

static void a_status_travels_with_its_text(void **state)
{
    struct pair_result r = {.to_send = 1};

    run_call(*state, PAIR_FAIL, &r, 0);
    assert_int_equal(r.code, GRPC_FAILED_PRECONDITION);
    assert_string_equal(r.message, "no: 100% wrong");
    assert_int_equal(r.messages, 0);
}

static void an_unknown_method_is_unimplemented(void **state)
{
    struct pair_result r = {.to_send = 1};

    run_call(*state, PAIR_REFUSED, &r, 0);
    assert_int_equal(r.code, GRPC_UNIMPLEMENTED);
}

static void an_early_answer_stops_an_endless_sender(void **state)
{
    struct pair_result r = {.to_send = UINT64_MAX};

    run_call(*state, PAIR_FAIL, &r, 0);
    assert_int_equal(r.code, GRPC_FAILED_PRECONDITION);
}

static void a_deadline_ends_a_silent_call(void **state)
{
    struct pair_result r = {.to_send = 1};
    uint64_t start = clock_now_ns();

    run_call(*state, PAIR_SILENT, &r, 50 * NS_PER_MS);
    assert_int_equal(r.code, GRPC_DEADLINE_EXCEEDED);
    assert_true(clock_now_ns() - start >= 45 * NS_PER_MS);
}

static void many_calls_share_a_connection(void **state)
{
    enum { CALLS = 1000 };
    static struct pair_result r[CALLS];
    struct pair *p = *state;

    memset(r, 0, sizeof r);
    for (int i = 0; i < CALLS; i++) {
        r[i].to_send = 1;
        assert_non_null(pair_call(p, PAIR_ECHO, &r[i], 0));
    }
    for (int i = 0; i < CALLS; i++) {
        assert_true(pair_run(p, &r[i].done));
        assert_int_equal(r[i].code, GRPC_OK);
    }
}

static void a_close_ends_open_calls(void **state)
{
    struct pair *p = *state;
    struct pair_result r = {.to_send = 1};

    assert_non_null(pair_call(p, PAIR_SILENT, &r, 0));
    client_close(p->client);
    assert_true(pair_run(p, &p->ended));
    assert_int_equal(p->end, CLIENT_CLOSED);
    assert_true(r.done);
    assert_int_equal(r.code, GRPC_UNAVAILABLE);
    assert_true(pair_settle(p));
}

static void messages_are_compressed_both_ways(void **state)
{
    static const enum grpc_encoding encodings[] = {GRPC_GZIP, GRPC_DEFLATE};

    for (size_t i = 0; i < 2; i++) {
        struct pair_result echo = {.to_send = 1, .encoding = encodings[i]};
        struct pair_result sink = {.to_send = 2000, .encoding = encodings[i]};

        run_call(*state, PAIR_ECHO, &echo, 0);
        assert_int_equal(echo.code, GRPC_OK);
        assert_int_equal(echo.bytes, 1000);
        assert_int_equal(echo.compressed, 1);
        assert_int_equal(echo.reply_encoding, encodings[i]);
        run_call(*state, PAIR_SINK, &sink, 0);
        assert_int_equal(sink.code, GRPC_OK);
        assert_int_equal(sink.compressed, 0);
        assert_int_equal(sink.reply_encoding, GRPC_IDENTITY);
    }
}

static void a_producer_may_leave_a_message_plain(void **state)
{
    struct pair_result r = {.to_send = 1, .encoding = GRPC_GZIP, .stop_at = 10};

    run_call(*state, PAIR_STREAM, &r, 0);
    assert_int_equal(r.code, GRPC_CANCELLED);
    assert_int_equal(r.messages, 10);
    assert_int_equal(r.bytes, 10000);
    assert_int_equal(r.compressed, 5);
}

static void custom_metadata_comes_back(void **state)
{
    static const uint8_t binary[] = {0, 1, 0xff, ',', 0x80};
    const struct grpc_metadata text = {"x-echo-text", "hello", 5};
    const struct grpc_metadata bin = {"x-echo-bin", binary, sizeof binary};
    struct pair_result a = {.to_send = 1, .send = &text}, b = {.to_send = 1, .send = &bin};

    run_call(*state, PAIR_ECHO, &a, 0);
    assert_int_equal(a.code, GRPC_OK);
    assert_int_equal(a.metadata[0], 1);
    assert_int_equal(a.metadata[1], 1);
    assert_int_equal(a.metadata_size, 5);
    assert_memory_equal(a.metadata_value, "hello", 5);
    run_call(*state, PAIR_ECHO, &b, 0);
    assert_int_equal(b.metadata[1], 1);
    assert_int_equal(b.metadata_size, sizeof binary);
    assert_memory_equal(b.metadata_value, binary, sizeof binary);
}

static void a_header_list_over_the_limit_is_refused(void **state)
{
    static char large[20000];
    const struct grpc_metadata metadata = {"x-large", large, sizeof large};
    struct pair_result r = {.to_send = 1, .send = &metadata};

    memset(large, 'a', sizeof large);
    run_call(*state, PAIR_ECHO, &r, 0);
    assert_int_equal(r.code, GRPC_RESOURCE_EXHAUSTED);
}

static void reconnect_with(struct pair *p, const struct client_config *config)
{
    char error[128];

    client_close(p->client);
    assert_true(pair_run(p, &p->ended));
    client_target_free(p->target);
    p->target = client_target_new(config, error, sizeof error);
    assert_non_null(p->target);
    assert_true(pair_connect(p));
    assert_true(pair_run(p, &p->ready));
}

static void a_message_over_the_limit_is_refused(void **state)
{
    struct pair *p = *state;
    const struct client_config config = {.host = "127.0.0.1",
                                         .port = server_port(p->server),
                                         .tls = p->client_tls,
                                         .max_message = 999};
    struct pair_result r = {.to_send = 1};

    reconnect_with(p, &config);
    run_call(p, PAIR_ECHO, &r, 0);
    assert_int_equal(r.code, GRPC_RESOURCE_EXHAUSTED);
}

static void idle_pings_too_often_end_the_connection(void **state)
{
    struct pair *p = *state;
    const struct client_config config = {.host = "127.0.0.1",
                                         .port = server_port(p->server),
                                         .tls = p->client_tls,
                                         .keepalive_ns = 5 * NS_PER_MS};

    reconnect_with(p, &config);
    assert_true(pair_run(p, &p->ended));
    assert_true(p->goaway);
    assert_int_equal(p->end, CLIENT_GOAWAY);
}

static void set_flag(void *arg)
{
    *(bool *)arg = true;
}

static void a_drain_lets_calls_finish_then_ends_the_rest(void **state)
{
    struct pair *p = *state;
    struct pair_result endless = {.to_send = 1}, counted = {.to_send = 100};
    bool drained = false;

    assert_non_null(pair_call(p, PAIR_STREAM, &endless, 0));
    assert_non_null(pair_call(p, PAIR_SINK, &counted, 0));
    for (int i = 0; i < 5; i++)
        ev_run(engine_loop_ev(p->loop), EVRUN_NOWAIT);
    server_drain(p->server, 2 * NS_PER_S, set_flag, &drained);
    assert_true(pair_run(p, &drained));
    assert_true(pair_run(p, &p->ended));
    assert_true(p->goaway);
    assert_true(counted.done);
    assert_int_equal(counted.code, GRPC_OK);
    assert_true(endless.done);
    assert_int_not_equal(endless.code, GRPC_OK);
}

static void a_vanished_server_is_a_loss(void **state)
{
    struct pair *p = *state;
    struct pair_result r = {.to_send = 1};

    assert_non_null(pair_call(p, PAIR_SILENT, &r, 0));
    for (int i = 0; i < 5; i++)
        ev_run(engine_loop_ev(p->loop), EVRUN_NOWAIT);
    server_free(p->server);
    p->server = NULL;
    assert_true(pair_run(p, &p->ended));
    assert_true(p->end == CLIENT_PEER_CLOSED || p->end == CLIENT_RESET);
    assert_int_equal(r.code, GRPC_UNAVAILABLE);
    assert_true(pair_connect(p));
    assert_true(pair_run(p, &p->ended));
    assert_int_equal(p->end, CLIENT_REFUSED);
}

static void a_server_that_drains_an_idle_client_is_a_goaway(void **state)
{
    struct pair *p = *state;
    bool drained = false;

    server_drain(p->server, 100 * NS_PER_MS, set_flag, &drained);
    assert_true(pair_run(p, &p->ended));
    assert_int_equal(p->end, CLIENT_GOAWAY);
    assert_true(pair_run(p, &drained));
}

/* A peer that dies before the connection is usable is a loss, over TLS too, where it cuts a
 * handshake. */
static void a_peer_that_hangs_up_at_once_is_a_loss(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    struct client_config config = {.host = "127.0.0.1"};
    struct pair *p = *state;
    char error[128];
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd;

    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    client_close(p->client);
    assert_true(pair_run(p, &p->ended));
    client_target_free(p->target);
    config.port = ntohs(address.sin_port);
    config.tls = p->client_tls;
    p->target = client_target_new(&config, error, sizeof error);
    assert_true(pair_connect(p));
    fd = accept(listener, NULL, NULL);
    /* Let the client's hello come in, so that closing is a FIN and not a RST. */
    for (int i = 0; i < 5; i++)
        ev_run(engine_loop_ev(p->loop), EVRUN_NOWAIT);
    while (recv(fd, error, sizeof error, MSG_DONTWAIT) > 0)
        ;
    close(fd);
    close(listener);
    assert_true(pair_run(p, &p->ended));
    assert_true(p->end == CLIENT_PEER_CLOSED || p->end == CLIENT_RESET);
}

/* Live bytes at rest are a constant: whatever was done before, the same to the byte. */
static void rest_is_the_same_after_any_work(void **state)
{
    struct pair *p = *state;
    int64_t first[MEM_ZONES], grown;

    for (int round = 0; round < 2; round++) {
        int calls = round == 0 ? 10 : 500;

        for (int i = 0; i < calls; i++) {
            struct pair_result echo = {.to_send = 1}, sink = {.to_send = (uint64_t)i};

            run_call(p, PAIR_ECHO, &echo, 0);
            run_call(p, PAIR_SINK, &sink, 0);
            assert_int_equal(echo.code, GRPC_OK);
        }
        for (enum mem_zone z = 0; z < MEM_ZONES && round == 0; z++)
            first[z] = mem_live(z);
    }
    assert_int_equal(mem_live(MEM_APP), first[MEM_APP]);
    assert_int_equal(mem_live(MEM_NGHTTP2), first[MEM_NGHTTP2]);
    /* libev's arrays keep their high-water mark; it depends on what happened at the same moment. */
    grown = mem_live(MEM_EV) - first[MEM_EV];
    assert_true(grown >= 0 && grown < 1024);
}

/* Both ends share the buffer in which their frames are made. */
static void a_connection_holds_no_frame_buffer(void **state)
{
    struct pair *p = *state;
    struct pair_result r = {.to_send = 1};
    int64_t with, both;

    run_call(p, PAIR_ECHO, &r, 0);
    with = mem_live(MEM_NGHTTP2);
    client_close(p->client);
    assert_true(pair_run(p, &p->ended));
    assert_true(pair_settle(p));
    both = with - mem_live(MEM_NGHTTP2);
    assert_true(both > 0);
    assert_true(both < 2 * FRAME_SIZE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, pair_set_up, pair_tear_down)

static void counters_of_loops_add_up(void **state)
{
    struct engine_stats sum = {0};

    (void)state;
    engine_stats_add(&sum, &(struct engine_stats){.streams = 1, .calls_done = 2});
    assert_int_equal(sum.first_message_ns, 0);
    engine_stats_add(&sum, &(struct engine_stats){.streams = 4, .first_message_ns = 7});
    assert_int_equal(sum.first_message_ns, 7);
    engine_stats_add(&sum, &(struct engine_stats){.calls_done = 8, .first_message_ns = 9});
    assert_int_equal(sum.first_message_ns, 7);
    engine_stats_add(&sum, &(struct engine_stats){.first_message_ns = 3});
    assert_int_equal(sum.first_message_ns, 3);
    assert_int_equal(sum.streams, 5);
    assert_int_equal(sum.calls_done, 10);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_unary_call_is_answered),
        CASE(a_client_stream_is_taken_whole),
        CASE(an_endless_stream_is_cancelled_and_leaves_nothing),
        CASE(a_status_travels_with_its_text),
        CASE(an_unknown_method_is_unimplemented),
        CASE(an_early_answer_stops_an_endless_sender),
        CASE(a_deadline_ends_a_silent_call),
        CASE(a_message_over_the_limit_is_refused),
        CASE(many_calls_share_a_connection),
        CASE(messages_are_compressed_both_ways),
        CASE(a_producer_may_leave_a_message_plain),
        CASE(custom_metadata_comes_back),
        CASE(a_header_list_over_the_limit_is_refused),
        CASE(idle_pings_too_often_end_the_connection),
        CASE(a_close_ends_open_calls),
        CASE(a_drain_lets_calls_finish_then_ends_the_rest),
        CASE(a_vanished_server_is_a_loss),
        CASE(a_server_that_drains_an_idle_client_is_a_goaway),
        CASE(a_peer_that_hangs_up_at_once_is_a_loss),
        cmocka_unit_test(counters_of_loops_add_up),
        CASE(rest_is_the_same_after_any_work),
        CASE(a_connection_holds_no_frame_buffer),
    };

    signal(SIGPIPE, SIG_IGN);
    if (!mem_install())
        return 1;
    return cmocka_run_group_tests_name("engine", cases, NULL, NULL);
}
