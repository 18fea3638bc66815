#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/engine/mem.h"
#include "proto/payload.h"
#include "stress-server/service_stress.h"
#include "tests/unit/server_fake_call.h"

#define NO_LIMIT UINT64_MAX

static struct services services = {.seeds = {.seed = 42}};

/* What produce has given: whole messages, each checked. */
struct fake_sink {
    struct payload_reader reader;
    uint8_t prefix[GRPC_PREFIX];
    uint32_t have, left;
    uint64_t messages;
    uint64_t hash; /* of all bytes */
    bool broken;
};

static size_t fake_sink_step(struct fake_sink *sink, const uint8_t *data, size_t size)
{
    size_t n = 1;

    if (sink->have < GRPC_PREFIX) {
        sink->prefix[sink->have++] = *data;
        if (sink->have < GRPC_PREFIX)
            return n;
        sink->left = (uint32_t)sink->prefix[3] << 8 | sink->prefix[4];
        if (sink->prefix[0] != 0 || !payload_reader_begin(&sink->reader, sink->left))
            sink->broken = true;
    } else {
        n = sink->left < size ? sink->left : size;
        sink->left -= (uint32_t)n;
        if (!payload_reader_take(&sink->reader, data, n))
            sink->broken = true;
    }
    if (sink->left == 0) {
        sink->broken = sink->broken || !payload_reader_end(&sink->reader);
        sink->messages++;
        sink->have = 0;
    }
    return n;
}

/* Asks produce, in pieces, until it has no more or `limit` messages came. */
static void fake_drain(struct call *call, struct fake_sink *sink, size_t piece, uint64_t limit)
{
    uint8_t out[20000];

    while (sink->messages < limit && !sink->broken) {
        size_t n = call->ops->produce(call, out, piece < sizeof out ? piece : sizeof out), at = 0;

        if (n == 0)
            return;
        for (size_t i = 0; i < n; i++)
            sink->hash = (sink->hash ^ out[i]) * UINT64_C(0x100000001b3);
        while (at < n)
            at += fake_sink_step(sink, out + at, n - at);
    }
}

/* A request body without its prefix. */
static size_t make_request(uint8_t out[PAYLOAD_WIRE_MAX], uint64_t seed)
{
    struct payload_writer writer;
    uint8_t wire[PAYLOAD_WIRE_MAX];
    size_t size;

    payload_writer_init(&writer, seed);
    payload_writer_begin(&writer);
    size = payload_writer_put(&writer, wire, sizeof wire);
    memcpy(out, wire + GRPC_PREFIX, size - GRPC_PREFIX);
    return size - GRPC_PREFIX;
}

static void send_requests(struct call *call, uint64_t count, size_t piece)
{
    uint8_t body[PAYLOAD_WIRE_MAX];

    for (uint64_t i = 0; i < count; i++)
        fake_message(call, body, make_request(body, i), piece);
}

/* Runs a whole call and returns its status; *sink holds the replies. */
static int run(const struct call_ops *ops, uint64_t requests, size_t piece, struct fake_sink *sink)
{
    struct call call;

    memset(sink, 0, sizeof *sink);
    fake_start(&call, ops, &services);
    send_requests(&call, requests, piece);
    fake_half_close(&call);
    if (call.finished && call.code == GRPC_OK)
        fake_drain(&call, sink, piece, NO_LIMIT);
    assert_true(call.finished);
    fake_end(&call);
    return call.code;
}

static void test_non_streaming_cut_anywhere(void **state)
{
    struct fake_sink sink;

    (void)state;
    for (size_t piece = 1; piece <= PAYLOAD_WIRE_MAX; piece++) {
        assert_int_equal(run(&stress_non_streaming, 1, piece, &sink), GRPC_OK);
        assert_int_equal(sink.messages, 1);
        assert_false(sink.broken);
    }
}

static void test_non_streaming_takes_exactly_one(void **state)
{
    struct fake_sink sink;

    (void)state;
    assert_int_equal(run(&stress_non_streaming, 0, 64, &sink), GRPC_UNIMPLEMENTED);
    assert_int_equal(run(&stress_non_streaming, 2, 64, &sink), GRPC_UNIMPLEMENTED);
}

static void test_client_streaming_answers_once(void **state)
{
    struct fake_sink sink;

    (void)state;
    assert_int_equal(run(&stress_client_streaming, 0, 64, &sink), GRPC_OK);
    assert_int_equal(sink.messages, 1);
    assert_int_equal(run(&stress_client_streaming, 10000, 64, &sink), GRPC_OK);
    assert_int_equal(sink.messages, 1);
    assert_false(sink.broken);
}

static void test_bidi_answers_each_in_turn(void **state)
{
    struct fake_sink sink = {0};
    struct call call;

    (void)state;
    fake_start(&call, &stress_bidi_streaming, &services);
    for (uint64_t i = 1; i <= 100; i++) {
        call.resumed = false;
        send_requests(&call, 1, 50);
        assert_true(call.resumed);
        fake_drain(&call, &sink, 50, NO_LIMIT);
        assert_true(sink.messages == i);
    }
    fake_half_close(&call);
    assert_int_equal(call.code, GRPC_OK);
    fake_drain(&call, &sink, 50, NO_LIMIT);
    assert_int_equal(sink.messages, 100);
    fake_end(&call);
}

/* A client that sends and does not read must cost an integer, not a queue. */
static void test_bidi_owes_without_queueing(void **state)
{
    const uint64_t count = 200000;
    struct fake_sink sink = {0};
    struct call call;
    int64_t live;

    (void)state;
    fake_start(&call, &stress_bidi_streaming, &services);
    live = mem_live(MEM_APP);
    send_requests(&call, count, 4096);
    assert_true(mem_live(MEM_APP) == live);
    fake_drain(&call, &sink, 16384, NO_LIMIT);
    assert_true(sink.messages == count);
    assert_false(sink.broken);
    fake_end(&call);
}

static struct fake_sink stream(const uint8_t *request, size_t size, uint64_t limit)
{
    struct fake_sink sink = {0};
    struct call call;

    fake_start(&call, &stress_server_streaming, &services);
    fake_message(&call, request, size, 64);
    fake_half_close(&call);
    assert_true(call.resumed);
    assert_int_equal(call.finished, limit == NO_LIMIT); /* or it has no end */
    assert_int_equal(call.code, GRPC_OK);
    fake_drain(&call, &sink, 333, limit);
    fake_end(&call);
    assert_false(sink.broken);
    return sink;
}

static void test_server_streaming_counts(void **state)
{
    const uint8_t seven[] = {0x08, 7}, many[] = {0x08, 0xa0, 0x8d, 0x06}; /* 100000 */
    const uint8_t unknown_field_too[] = {0x08, 3, 0x10, 1};

    (void)state;
    assert_true(stream(seven, sizeof seven, NO_LIMIT).messages == 7);
    assert_true(stream(many, sizeof many, NO_LIMIT).messages == 100000);
    assert_true(stream(unknown_field_too, sizeof unknown_field_too, NO_LIMIT).messages == 3);
}

static void test_server_streaming_zero_is_for_ever(void **state)
{
    int64_t live = mem_live(MEM_APP);

    (void)state;
    assert_true(stream((const uint8_t *)"", 0, 300000).messages >= 300000);
    assert_true(mem_live(MEM_APP) == live);
}

/* A pause holds back a stream without end at a message boundary, and no other. */
static void test_server_streaming_pauses(void **state)
{
    const uint8_t seven[] = {0x08, 7};
    struct fake_sink sink = {0};
    struct call first, second;
    uint64_t messages;

    (void)state;
    fake_start(&first, &stress_server_streaming, &services);
    fake_start(&second, &stress_server_streaming, &services);
    fake_message(&first, (const uint8_t *)"", 0, 64);
    fake_half_close(&first);
    fake_message(&second, (const uint8_t *)"", 0, 64);
    fake_half_close(&second);
    fake_drain(&first, &sink, 7, 100);
    assert_int_equal(sink.messages, 100);
    pause_set(&services.pause, true);
    fake_drain(&first, &sink, 7, NO_LIMIT);
    messages = sink.messages;
    assert_in_range(messages, 100, 101);
    assert_int_equal(sink.have, 0);
    fake_drain(&second, &sink, 7, NO_LIMIT);
    assert_int_equal(sink.messages, messages);
    assert_true(stream(seven, sizeof seven, NO_LIMIT).messages == 7);
    fake_end(&second);
    first.resumed = false;
    pause_set(&services.pause, false);
    assert_true(first.resumed && !first.finished);
    fake_drain(&first, &sink, 7, messages + 100);
    assert_int_equal(sink.messages, messages + 100);
    assert_false(sink.broken);
    fake_end(&first);
    assert_null(services.pause.first);
}

static int refused(const struct call_ops *ops, const uint8_t *request, size_t size, int times)
{
    struct call call;

    fake_start(&call, ops, &services);
    while (times-- > 0)
        fake_message(&call, request, size, 64);
    fake_half_close(&call);
    assert_true(call.finished);
    fake_end(&call);
    return call.code;
}

static void test_server_streaming_refusals(void **state)
{
    const uint8_t garbage[] = {0x08, 0xff}, one[] = {0x08, 1};

    (void)state;
    assert_int_equal(refused(&stress_server_streaming, garbage, sizeof garbage, 1), GRPC_INTERNAL);
    assert_int_equal(refused(&stress_server_streaming, one, sizeof one, 2), GRPC_UNIMPLEMENTED);
    assert_int_equal(refused(&stress_server_streaming, one, sizeof one, 0), GRPC_UNIMPLEMENTED);
}

static void test_wrong_payloads_are_refused(void **state)
{
    static const struct call_ops *const methods[] = {
        &stress_non_streaming, &stress_client_streaming, &stress_bidi_streaming};
    uint8_t body[PAYLOAD_WIRE_MAX];
    size_t size = make_request(body, 1);

    (void)state;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        assert_int_equal(refused(methods[i], body, 0, 1), GRPC_INVALID_ARGUMENT);
        assert_int_equal(refused(methods[i], body, size - 1, 1), GRPC_INTERNAL);
        body[0] = 0x12; /* field 2 */
        assert_int_equal(refused(methods[i], body, size, 1), GRPC_INTERNAL);
        body[0] = 0x0a;
        body[1] ^= 1; /* the body's length */
        assert_int_equal(refused(methods[i], body, size, 1), GRPC_INTERNAL);
        body[1] ^= 1;
    }
}

static void send_numbered(struct call *call, struct payload_writer *writer, uint64_t number)
{
    uint8_t wire[PAYLOAD_WIRE_MAX];
    size_t size;

    writer->numbered = true;
    writer->message = number - 1;
    payload_writer_begin(writer);
    size = payload_writer_put(writer, wire, sizeof wire);
    fake_message(call, wire + GRPC_PREFIX, size - GRPC_PREFIX, 50);
}

/* Numbers run 1, 2, 3 within a call; what bears none is not counted out. */
static void test_numbers_out_of_order_are_data_loss(void **state)
{
    static const struct {
        uint64_t numbers[4];
        const char *message; /* NULL: all is well */
    } cases[] = {
        {{1, 2, 3, 4}, NULL},
        {{1, 2, 4}, "message 3 of the call bears the number 4"},
        {{1, 1}, "message 2 of the call bears the number 1"},
        {{2}, "message 1 of the call bears the number 2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct payload_writer writer;
        struct call call;

        payload_writer_init(&writer, 7);
        fake_start(&call, &stress_bidi_streaming, &services);
        for (size_t k = 0; k < 4 && cases[i].numbers[k] != 0 && !call.finished; k++)
            send_numbered(&call, &writer, cases[i].numbers[k]);
        assert_int_equal(call.finished, cases[i].message != NULL);
        if (cases[i].message != NULL) {
            assert_int_equal(call.code, GRPC_DATA_LOSS);
            assert_string_equal(call.message, cases[i].message);
        }
        fake_end(&call);
    }
}

static void test_replies_are_fresh(void **state)
{
    struct fake_sink one, two;

    (void)state;
    run(&stress_non_streaming, 1, 64, &one);
    run(&stress_non_streaming, 1, 64, &two);
    assert_true(one.hash != two.hash);
}

static void test_compressed_requests_get_compressed_replies(void **state)
{
    static const struct call_ops *const methods[] = {
        &stress_non_streaming, &stress_client_streaming, &stress_server_streaming,
        &stress_bidi_streaming};
    static const uint8_t three[] = {0x08, 3};
    struct call call;

    (void)state;
    for (int encoding = 0; encoding < GRPC_ENCODINGS; encoding++) {
        for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
            fake_start(&call, methods[i], &services);
            call.in_encoding = (enum grpc_encoding)encoding;
            if (methods[i] == &stress_server_streaming)
                fake_message(&call, three, sizeof three, 64);
            else
                send_requests(&call, 1, 64);
            assert_int_equal(call.out_encoding, encoding);
            fake_half_close(&call);
            fake_end(&call);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_non_streaming_cut_anywhere),
        cmocka_unit_test(test_non_streaming_takes_exactly_one),
        cmocka_unit_test(test_client_streaming_answers_once),
        cmocka_unit_test(test_bidi_answers_each_in_turn),
        cmocka_unit_test(test_bidi_owes_without_queueing),
        cmocka_unit_test(test_server_streaming_counts),
        cmocka_unit_test(test_server_streaming_zero_is_for_ever),
        cmocka_unit_test(test_server_streaming_pauses),
        cmocka_unit_test(test_server_streaming_refusals),
        cmocka_unit_test(test_wrong_payloads_are_refused),
        cmocka_unit_test(test_numbers_out_of_order_are_data_loss),
        cmocka_unit_test(test_replies_are_fresh),
        cmocka_unit_test(test_compressed_requests_get_compressed_replies),
    };

    return cmocka_run_group_tests_name("server stress service", tests, NULL, NULL);
}
