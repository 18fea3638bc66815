/* The four kinds of calls without an engine: the test plays the engine and the server. */
#include "stress-client/routine.h"

#include "proto/payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct call {
    const struct call_ops *ops;
    void *state;
    const char *path;
    enum grpc_encoding encoding;
    char header[17]; /* the value */
    bool half_closed, resumed;
    bool compressed; /* the replies */
    bool cancelled;
    uint8_t list[50000]; /* call_send */
    size_t list_size;
};

static struct call fake;
static uint64_t begun;

struct call *client_call(struct client *client, const char *path, const struct call_ops *ops,
                         const struct client_call_options *options)
{
    (void)client;
    fake = (struct call){.ops = ops,
                         .state = calloc(1, ops->state_size),
                         .path = path,
                         .encoding = options != NULL ? options->encoding : GRPC_IDENTITY};
    if (options != NULL && options->metadata_count > 0)
        memcpy(fake.header, options->metadata->value, options->metadata->size);
    return &fake;
}

bool call_message_compressed(const struct call *call)
{
    return call->compressed;
}

void *call_state(struct call *call)
{
    return call->state;
}

void call_resume(struct call *call)
{
    call->resumed = true;
}

bool call_send(struct call *call, const void *data, size_t size)
{
    assert_true(size <= sizeof call->list);
    memcpy(call->list, data, size);
    call->list_size = size;
    return true;
}

void call_cancel(struct call *call)
{
    call->cancelled = true;
}

void call_half_close(struct call *call)
{
    call->half_closed = true;
}

/* What the routine tells its host. */
struct witness {
    struct routine_host host;
    struct tally tally;
    struct rng rng;
    bool paused;
    unsigned alive;
    bool done;
    struct routine_end end;
    char text[512];
};

static void note_alive(struct routine_host *host)
{
    ((struct witness *)host)->alive++;
}

static void note_done(struct routine_host *host, const struct routine_end *end)
{
    struct witness *w = (struct witness *)host;

    assert_false(w->done);
    w->done = true;
    w->end = *end;
    snprintf(w->text, sizeof w->text, "%s", end->text);
}

static void begin(struct witness *w, const struct plan_call *plan)
{
    char before[sizeof fake.header];

    memcpy(before, fake.header, sizeof before);
    memset(w, 0, sizeof *w);
    w->rng.seed = ++begun;
    w->host = (struct routine_host){
        .tally = &w->tally,
        .rng = &w->rng,
        .new_header = true,
        .paused = &w->paused,
        .on_alive = note_alive,
        .on_done = note_done,
    };
    assert_ptr_equal(routine_start(NULL, plan, &w->host), &fake);
    assert_string_equal(fake.path, call_kind_path(plan->kind));
    /* Of equal length, so that a full table of HPACK stays as large. */
    assert_int_equal(strlen(fake.header), 16);
    assert_string_not_equal(fake.header, before);
}

static void end(int code, const char *message)
{
    struct grpc_status status = {.code = code};

    snprintf(status.message, sizeof status.message, "%s", message);
    fake.ops->on_done(&fake, &status);
    free(fake.state);
    fake.state = NULL;
}

/* The server's ear: takes framed messages in any cut. */
struct ear {
    uint8_t frame[PAYLOAD_WIRE_MAX];
    size_t have;
    uint64_t messages;
};

static void hear(struct ear *ear, const uint8_t *data, size_t size)
{
    for (; size > 0; data++, size--) {
        size_t length;

        assert_true(ear->have < sizeof ear->frame);
        ear->frame[ear->have++] = *data;
        if (ear->have < GRPC_PREFIX)
            continue;
        length = (size_t)ear->frame[3] << 8 | ear->frame[4];
        if (ear->have == GRPC_PREFIX + length) {
            ear->messages++;
            ear->have = 0;
        }
    }
}

/* Everything the client has to say, asked for `cut` bytes at a time; at most `limit` bytes. */
static size_t listen_to(struct ear *ear, size_t cut, size_t limit)
{
    uint8_t out[512];
    size_t n, total = 0;

    while (total < limit && (n = fake.ops->produce(&fake, out, cut)) > 0) {
        assert_true(n <= cut);
        hear(ear, out, n);
        total += n;
    }
    return total;
}

/* One reply in pieces of `cut` bytes. Returns the routine's verdict. */
static int reply(struct payload_writer *writer, size_t cut)
{
    uint8_t frame[PAYLOAD_WIRE_MAX];
    size_t size, at;
    int code;

    payload_writer_begin(writer);
    size = payload_writer_put(writer, frame, sizeof frame);
    code = fake.ops->on_message(&fake, (uint32_t)(size - GRPC_PREFIX));
    for (at = GRPC_PREFIX; code == 0 && at < size; at += cut)
        code = fake.ops->on_data(&fake, frame + at, at + cut < size ? cut : size - at);
    return code != 0 ? code : fake.ops->on_message_end(&fake);
}

/* A faultless server's side of the call. */
static void serve(const struct plan_call *plan, struct ear *ear, size_t cut)
{
    struct payload_writer writer;
    uint64_t count = plan->messages;

    payload_writer_init(&writer, 99);
    switch (plan->kind) {
    case CALL_NON_STREAMING:
    case CALL_CLIENT_STREAMING:
        assert_true(fake.half_closed);
        listen_to(ear, cut, SIZE_MAX);
        assert_int_equal(ear->messages, count);
        assert_int_equal(reply(&writer, cut), 0);
        break;
    case CALL_SERVER_STREAMING:
        assert_true(fake.half_closed);
        listen_to(ear, cut, SIZE_MAX);
        assert_int_equal(ear->messages, 1);
        while (count-- > 0)
            assert_int_equal(reply(&writer, cut), 0);
        break;
    default:
        for (uint64_t i = 1; i <= count; i++) {
            assert_false(fake.half_closed);
            listen_to(ear, cut, SIZE_MAX);
            assert_int_equal(ear->messages, i);
            fake.resumed = false;
            assert_int_equal(reply(&writer, cut), 0);
            assert_true(i == count ? fake.half_closed : fake.resumed);
        }
    }
}

static void every_kind_at_every_cut(void **unused)
{
    static const uint64_t counts[] = {1, 2, 17};

    (void)unused;
    for (int kind = 0; kind < CALL_KINDS; kind++) {
        for (size_t c = 0; c < (kind == CALL_NON_STREAMING ? 1 : 3); c++) {
            for (size_t cut = 1; cut <= PAYLOAD_WIRE_MAX + 1; cut++) {
                struct plan_call plan = {(enum call_kind)kind, counts[c]};
                struct witness w;
                struct ear ear = {.have = 0};
                uint64_t trips = kind == CALL_BIDI_STREAMING ? counts[c] : 1;

                begin(&w, &plan);
                serve(&plan, &ear, cut);
                assert_int_equal(listen_to(&ear, cut, SIZE_MAX), 0);
                end(GRPC_OK, "");
                assert_int_equal(w.end.fate, ROUTINE_DONE);
                assert_int_equal(w.tally.rtt[kind].count, trips);
                assert_true(w.alive > 0);
            }
        }
    }
}

static void a_count_costs_no_memory(void **unused)
{
    struct plan_call plan = {CALL_CLIENT_STREAMING, 100000000};
    struct witness w;
    struct ear ear = {.have = 0};

    (void)unused;
    begin(&w, &plan);
    assert_true(fake.ops->state_size < 512);
    listen_to(&ear, 512, 1 << 20);
    assert_true(ear.messages > 1000);
    end(GRPC_UNAVAILABLE, "the connection was lost");
    assert_int_equal(w.end.fate, ROUTINE_LOST);
}

/* Before the peer has said a word no more than 65,535 bytes may flow; beyond, it must have. */
static void an_endless_stream_sees_life_by_flow_control(void **unused)
{
    struct plan_call plan = {CALL_CLIENT_STREAMING, PLAN_ENDLESS};
    struct witness w;
    struct ear ear = {.have = 0};

    (void)unused;
    begin(&w, &plan);
    assert_false(fake.half_closed);
    listen_to(&ear, 257, 65535 - 257);
    assert_int_equal(w.alive, 0);
    listen_to(&ear, 257, 514);
    assert_true(w.alive > 0);
    end(GRPC_CANCELLED, "");
    assert_int_equal(w.end.fate, ROUTINE_LOST);
}

/* A pause lets the message under way out, then nothing; endless streams only. */
static void a_pause_holds_at_a_message_boundary(void **unused)
{
    static const enum call_kind kinds[] = {CALL_CLIENT_STREAMING, CALL_BIDI_STREAMING};

    (void)unused;
    for (size_t k = 0; k < 2; k++) {
        struct plan_call endless = {kinds[k], PLAN_ENDLESS}, counted = {kinds[k], 1};
        struct witness w;
        struct ear ear = {.have = 0};

        begin(&w, &endless);
        listen_to(&ear, 100, 100);
        w.paused = true;
        listen_to(&ear, 100, SIZE_MAX);
        assert_int_equal(ear.messages, 1);
        assert_int_equal(ear.have, 0);
        assert_int_equal(listen_to(&ear, 100, SIZE_MAX), 0);
        w.paused = false;
        if (kinds[k] == CALL_CLIENT_STREAMING)
            assert_true(listen_to(&ear, 100, 1) > 0);
        end(GRPC_CANCELLED, "");

        memset(&ear, 0, sizeof ear);
        begin(&w, &counted);
        w.paused = true;
        listen_to(&ear, 100, SIZE_MAX);
        assert_int_equal(ear.messages, 1);
        end(GRPC_CANCELLED, "");
    }
}

/* Starts the kind with N messages, plays the server's part, and expects a broken call. */
static void expect_broken(struct witness *w, enum page_event_kind error, const char *text)
{
    assert_true(w->done);
    assert_int_equal(w->end.fate, ROUTINE_BROKEN);
    assert_int_equal(w->end.error, error);
    assert_string_equal(w->text, text);
}

static void wrong_replies_are_named(void **unused)
{
    struct plan_call one = {CALL_NON_STREAMING, 1}, three = {CALL_SERVER_STREAMING, 3};
    struct plan_call turns = {CALL_BIDI_STREAMING, 2};
    struct payload_writer writer;
    struct ear ear = {.have = 0};
    struct witness w;
    uint8_t wrong = 0x12;

    (void)unused;
    payload_writer_init(&writer, 5);

    begin(&w, &one);
    assert_int_not_equal(fake.ops->on_message(&fake, 10), 0);
    end(GRPC_INTERNAL, "");
    expect_broken(&w, PAGE_ERROR_PAYLOAD,
                  "wrong payload: non-streaming reply 1 has 10 bytes; expected a body of 128 to "
                  "256");

    begin(&w, &one);
    assert_int_equal(fake.ops->on_message(&fake, 131), 0);
    assert_int_not_equal(fake.ops->on_data(&fake, &wrong, 1), 0);
    end(GRPC_INTERNAL, "");
    expect_broken(&w, PAGE_ERROR_PAYLOAD,
                  "wrong payload: non-streaming reply 1 is no well-formed Payload");

    begin(&w, &one);
    listen_to(&ear, 100, SIZE_MAX);
    assert_int_equal(reply(&writer, 50), 0);
    assert_int_not_equal(reply(&writer, 50), 0);
    end(GRPC_INTERNAL, "");
    expect_broken(&w, PAGE_ERROR_PAYLOAD, "wrong payload: a non-streaming reply too many, after 1");

    begin(&w, &three);
    listen_to(&ear, 100, SIZE_MAX);
    assert_int_equal(reply(&writer, 50), 0);
    end(GRPC_OK, "");
    expect_broken(&w, PAGE_ERROR_PAYLOAD,
                  "wrong payload: the server ended the server-streaming call after 1 of 3 replies");

    /* A reply before its message. */
    begin(&w, &turns);
    assert_int_not_equal(reply(&writer, 50), 0);
    end(GRPC_INTERNAL, "");
    expect_broken(&w, PAGE_ERROR_PAYLOAD,
                  "wrong payload: a bidi-streaming reply too many, after 0");

    /* The reply, and success, before all was sent. */
    begin(&w, &one);
    assert_int_equal(reply(&writer, 50), 0);
    end(GRPC_OK, "");
    expect_broken(&w, PAGE_ERROR_PAYLOAD,
                  "wrong payload: the server ended the non-streaming call before all was sent");

    begin(&w, &one);
    end(GRPC_UNIMPLEMENTED, "what?");
    expect_broken(&w, PAGE_ERROR_STATUS,
                  "unsupported: non-streaming call ended with status 12 UNIMPLEMENTED: what?");
}

static void plain_replies_break_a_call_that_insists(void **unused)
{
    struct plan_call one = {CALL_NON_STREAMING, 1}, turns = {CALL_BIDI_STREAMING, 2};
    const struct plan_call *const plans[] = {&one, &turns};
    struct payload_writer writer;
    struct witness w;

    (void)unused;
    payload_writer_init(&writer, 5);
    for (size_t i = 0; i < 2; i++) {
        struct ear ear = {.have = 0};
        char text[128];

        begin(&w, plans[i]);
        w.host.encoding = GRPC_GZIP;
        listen_to(&ear, 100, SIZE_MAX);
        fake.compressed = true;
        assert_int_equal(reply(&writer, 50), 0);
        end(GRPC_UNAVAILABLE, "");
        assert_int_equal(w.end.fate, ROUTINE_LOST);

        begin(&w, plans[i]);
        w.host.encoding = GRPC_GZIP;
        listen_to(&ear, 100, SIZE_MAX);
        assert_int_not_equal(reply(&writer, 50), 0);
        end(GRPC_INTERNAL, "");
        snprintf(text, sizeof text,
                 "wrong payload: %s reply 1 is not compressed, --gzip insists on it",
                 call_kind_name(plans[i]->kind));
        expect_broken(&w, PAGE_ERROR_PAYLOAD, text);
    }
}

/* A reply of grpc.testing with a body of that size, 128 and up. */
static int testing_reply(size_t size)
{
    uint8_t reply[512] = {0x0a, (uint8_t)((size + 3) | 0x80), (uint8_t)((size + 3) >> 7),
                          0x12, (uint8_t)(size | 0x80),       (uint8_t)(size >> 7)};

    return fake.ops->on_whole(&fake, reply, 6 + size);
}

static void start_testing(struct witness *w, enum routine_service service,
                          const struct plan_call *plan)
{
    w->done = false;
    w->rng.seed = 7;
    w->host.tally = &w->tally;
    w->host.rng = &w->rng;
    w->host.paused = &w->paused;
    w->host.on_alive = note_alive;
    w->host.on_done = note_done;
    w->host.service = service;
    assert_ptr_equal(routine_start(NULL, plan, &w->host), &fake);
}

/* Plays a TestService that was given a list of sizes. Returns how many. */
static size_t serve_list(void)
{
    size_t count = fake.list_size / 5;

    assert_true(fake.half_closed);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *entry = fake.list + 5 * i;

        assert_memory_equal(entry, "\x12\x03\x08", 3);
        assert_int_equal(testing_reply((size_t)(entry[3] & 0x7f) | (size_t)entry[4] << 7), 0);
    }
    return count;
}

static void long_listed_streams_come_in_parts(void **unused)
{
    static const size_t parts[] = {10000, 10000, 5000};
    struct plan_call counted = {CALL_SERVER_STREAMING, 25000};
    struct plan_call endless = {CALL_SERVER_STREAMING, PLAN_ENDLESS};
    struct witness w = {.done = false};

    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        start_testing(&w, ROUTINE_INTEROP, &counted);
        assert_string_equal(fake.path, "/grpc.testing.TestService/StreamingOutputCall");
        assert_int_equal(serve_list(), parts[i]);
        end(GRPC_OK, "");
        assert_int_equal(w.end.fate, i < 2 ? ROUTINE_PART : ROUTINE_DONE);
    }
    assert_int_equal(w.host.progress, 0);
    for (size_t i = 0; i < 3; i++) {
        start_testing(&w, ROUTINE_INTEROP, &endless);
        assert_int_equal(serve_list(), 10000);
        end(GRPC_OK, "");
        assert_int_equal(w.end.fate, ROUTINE_PART);
    }
    /* A loss begins the plan's call anew. */
    start_testing(&w, ROUTINE_INTEROP, &endless);
    end(GRPC_UNAVAILABLE, "");
    assert_int_equal(w.end.fate, ROUTINE_LOST);
    assert_int_equal(w.host.progress, 0);
}

/* Plays a TestService that adds up the bodies, until the end or `limit` messages. Returns how many
 * there were. */
static uint64_t serve_sum(uint64_t limit)
{
    uint8_t in[512], reply[8] = {0x08};
    size_t length, size = 1;
    uint64_t count = 0;
    uint32_t sum = 0;

    for (; count < limit && fake.ops->produce(&fake, in, GRPC_PREFIX) > 0; count++) {
        length = (size_t)in[3] << 8 | in[4];
        assert_int_equal(fake.ops->produce(&fake, in, length), length);
        assert_int_equal(in[3], 0x12); /* the payload's body */
        sum += (uint32_t)(in[4] & 0x7f) | (uint32_t)in[5] << 7;
    }
    for (; fake.half_closed && (size == 1 || sum > 0); sum >>= 7)
        reply[size++] = (uint8_t)((sum & 0x7f) | (sum > 0x7f ? 0x80 : 0));
    if (fake.half_closed)
        assert_int_equal(fake.ops->on_whole(&fake, reply, size), 0);
    return count;
}

/* The reply's sum is an int32. */
static void long_summed_streams_come_in_parts(void **unused)
{
    struct plan_call counted = {CALL_CLIENT_STREAMING, 1000003};
    struct plan_call endless = {CALL_CLIENT_STREAMING, PLAN_ENDLESS};
    struct witness w = {.done = false};

    (void)unused;
    start_testing(&w, ROUTINE_INTEROP, &endless);
    assert_int_equal(serve_sum(UINT64_MAX), 1000000);
    end(GRPC_OK, "");
    assert_int_equal(w.end.fate, ROUTINE_PART);
    assert_int_equal(w.host.progress, 1000000);
    start_testing(&w, ROUTINE_INTEROP, &counted);
    assert_int_equal(serve_sum(UINT64_MAX), 3);
    end(GRPC_OK, "");
    assert_int_equal(w.end.fate, ROUTINE_DONE);
    assert_int_equal(w.host.progress, 0);

    start_testing(&w, ROUTINE_INTEROP, &endless);
    assert_int_equal(serve_sum(10), 10);
    w.paused = true;
    assert_int_equal(serve_sum(10), 0);
    assert_false(fake.half_closed);
    w.paused = false;
    assert_int_equal(serve_sum(10), 10);
    end(GRPC_UNAVAILABLE, "");
    assert_int_equal(w.end.fate, ROUTINE_LOST);
}

static void a_benchmark_stream_is_cancelled_after_its_last_reply(void **unused)
{
    struct plan_call three = {CALL_SERVER_STREAMING, 3};
    struct witness w = {.done = false};
    struct ear ear = {.have = 0};
    size_t size;

    (void)unused;
    start_testing(&w, ROUTINE_BENCHMARK, &three);
    listen_to(&ear, 100, SIZE_MAX);
    assert_true(fake.half_closed);
    assert_int_equal(ear.messages, 1);
    assert_int_equal(ear.frame[GRPC_PREFIX], 0x10); /* response_size */
    size = (size_t)(ear.frame[GRPC_PREFIX + 1] & 0x7f) | (size_t)ear.frame[GRPC_PREFIX + 2] << 7;
    for (int i = 0; i < 3; i++) {
        assert_false(fake.cancelled);
        assert_int_equal(testing_reply(size), 0);
    }
    assert_true(fake.cancelled);
    assert_int_equal(testing_reply(size), 0); /* was on its way */
    end(GRPC_CANCELLED, "");
    assert_int_equal(w.end.fate, ROUTINE_DONE);
    assert_true(w.end.cancelled);

    start_testing(&w, ROUTINE_BENCHMARK, &three);
    assert_int_not_equal(testing_reply(100), 0);
    end(GRPC_INTERNAL, "");
    assert_int_equal(w.end.fate, ROUTINE_BROKEN);
}

static void an_endless_stream_that_ends_may_be_a_loss(void **unused)
{
    struct plan_call plan = {CALL_SERVER_STREAMING, PLAN_ENDLESS};
    struct payload_writer writer;
    struct ear ear = {.have = 0};
    struct witness w;

    (void)unused;
    payload_writer_init(&writer, 5);
    begin(&w, &plan);
    listen_to(&ear, 100, SIZE_MAX);
    assert_int_equal(reply(&writer, 50), 0);
    end(GRPC_OK, "");
    assert_int_equal(w.end.fate, ROUTINE_LOST);
    assert_int_equal(w.end.error, PAGE_ERROR_PAYLOAD);
    assert_string_equal(w.text, "the server ended the endless server-streaming call after 1 "
                                "replies");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_at_every_cut),
        cmocka_unit_test(a_count_costs_no_memory),
        cmocka_unit_test(an_endless_stream_sees_life_by_flow_control),
        cmocka_unit_test(a_pause_holds_at_a_message_boundary),
        cmocka_unit_test(wrong_replies_are_named),
        cmocka_unit_test(plain_replies_break_a_call_that_insists),
        cmocka_unit_test(long_listed_streams_come_in_parts),
        cmocka_unit_test(long_summed_streams_come_in_parts),
        cmocka_unit_test(a_benchmark_stream_is_cancelled_after_its_last_reply),
        cmocka_unit_test(an_endless_stream_that_ends_may_be_a_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
