#include "proto/flatline.pb-c.h"
#include "proto/payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEED UINT64_C(20261122)
#define PREFIX 5
#define HEAD (PAYLOAD_OVERHEAD - PREFIX) /* tag and varint */

/* One message in one piece; returns its wire size. */
static size_t write_whole(struct payload_writer *w, uint8_t out[PAYLOAD_WIRE_MAX])
{
    size_t n;

    payload_writer_begin(w);
    n = payload_writer_put(w, out, PAYLOAD_WIRE_MAX);
    assert_false(payload_writer_busy(w));
    return n;
}

/* Takes the message's bytes behind the prefix in pieces cut before `cut`; true if it is
 * well-formed. */
static bool read_cut(const uint8_t *wire, size_t size, size_t cut)
{
    struct payload_reader r;

    return payload_reader_begin(&r, (uint32_t)(size - PREFIX)) &&
           payload_reader_take(&r, wire + PREFIX, cut) &&
           payload_reader_take(&r, wire + PREFIX + cut, size - PREFIX - cut) &&
           payload_reader_end(&r);
}

static bool read_whole(const uint8_t *wire, size_t size)
{
    return read_cut(wire, size, 0);
}

/* The official decoder agrees with our encoder. */
static void test_protobuf_understands_what_is_written(void **state)
{
    struct payload_writer w;
    uint8_t wire[PAYLOAD_WIRE_MAX];

    (void)state;
    payload_writer_init(&w, SEED);
    for (int i = 0; i < 500; i++) {
        size_t size = write_whole(&w, wire);
        uint32_t length =
            (uint32_t)wire[1] << 24 | (uint32_t)wire[2] << 16 | (uint32_t)wire[3] << 8 | wire[4];
        Flatline__V1__Payload *decoded;

        assert_int_equal(wire[0], 0);
        assert_int_equal(length, size - PREFIX);
        decoded = flatline__v1__payload__unpack(NULL, length, wire + PREFIX);
        assert_non_null(decoded);
        assert_in_range(decoded->body.len, PAYLOAD_BODY_MIN, PAYLOAD_BODY_MAX);
        assert_int_equal(decoded->body.len, size - PAYLOAD_OVERHEAD);
        assert_memory_equal(decoded->body.data, wire + PAYLOAD_OVERHEAD, decoded->body.len);
        flatline__v1__payload__free_unpacked(decoded, NULL);
    }
}

/* And our reader agrees with the official encoder, for every size of ours. */
static void test_what_protobuf_writes_is_read(void **state)
{
    uint8_t body[PAYLOAD_BODY_MAX + 1] = {0}, wire[PAYLOAD_WIRE_MAX + 1] = {0};

    (void)state;
    for (size_t n = PAYLOAD_BODY_MIN - 1; n <= PAYLOAD_BODY_MAX + 1; n++) {
        Flatline__V1__Payload message = FLATLINE__V1__PAYLOAD__INIT;
        size_t size;

        message.body.len = n;
        message.body.data = body;
        size = flatline__v1__payload__pack(&message, wire + PREFIX);
        assert_int_equal(read_whole(wire, size + PREFIX),
                         n >= PAYLOAD_BODY_MIN && n <= PAYLOAD_BODY_MAX);
    }
}

static void test_every_size_occurs(void **state)
{
    bool seen[PAYLOAD_BODY_MAX + 1] = {false};
    struct payload_writer w;
    uint8_t wire[PAYLOAD_WIRE_MAX];

    (void)state;
    payload_writer_init(&w, SEED);
    for (int i = 0; i < 4000; i++)
        seen[write_whole(&w, wire) - PAYLOAD_OVERHEAD] = true;
    for (int n = PAYLOAD_BODY_MIN; n <= PAYLOAD_BODY_MAX; n++)
        assert_true(seen[n]);
}

static void test_bodies_are_fresh_and_reproducible(void **state)
{
    struct payload_writer a, b, other;
    uint8_t one[PAYLOAD_WIRE_MAX], two[PAYLOAD_WIRE_MAX], three[PAYLOAD_WIRE_MAX];

    (void)state;
    payload_writer_init(&a, SEED);
    payload_writer_init(&b, SEED);
    payload_writer_init(&other, SEED + 1);
    for (int i = 0; i < 100; i++) {
        size_t n = write_whole(&a, one);

        assert_int_equal(write_whole(&b, two), n);
        assert_memory_equal(one, two, n);
        write_whole(&other, three);
        assert_memory_not_equal(one + PAYLOAD_OVERHEAD, three + PAYLOAD_OVERHEAD, PAYLOAD_BODY_MIN);
        write_whole(&a, three);
        assert_memory_not_equal(one + PAYLOAD_OVERHEAD, three + PAYLOAD_OVERHEAD, PAYLOAD_BODY_MIN);
        write_whole(&b, two);
    }
}

/* Random enough that no compressor on the way profits: byte values are spread evenly. */
static void test_body_bytes_are_spread(void **state)
{
    unsigned seen[256] = {0}, total = 0;
    struct payload_writer w;
    uint8_t wire[PAYLOAD_WIRE_MAX];

    (void)state;
    payload_writer_init(&w, SEED);
    for (int i = 0; i < 2000; i++) {
        size_t n = write_whole(&w, wire);

        for (size_t k = PAYLOAD_OVERHEAD; k < n; k++, total++)
            seen[wire[k]]++;
    }
    for (int v = 0; v < 256; v++)
        assert_in_range(seen[v], total / 256 * 8 / 10, total / 256 * 12 / 10);
}

static void test_the_writer_cut_at_every_byte(void **state)
{
    struct payload_writer whole, cut;
    uint8_t expected[PAYLOAD_WIRE_MAX], got[PAYLOAD_WIRE_MAX];

    (void)state;
    payload_writer_init(&whole, SEED);
    payload_writer_init(&cut, SEED);
    for (size_t at = 1; at < PAYLOAD_WIRE_MAX; at++) {
        size_t size = write_whole(&whole, expected), first;

        payload_writer_begin(&cut);
        first = payload_writer_put(&cut, got, at);
        assert_int_equal(first, at < size ? at : size);
        assert_int_equal(payload_writer_busy(&cut), at < size);
        assert_int_equal(payload_writer_put(&cut, got + first, sizeof got - first), size - first);
        assert_memory_equal(got, expected, size);
        assert_int_equal(payload_writer_put(&cut, got, sizeof got), 0);
    }
}

static void test_the_writer_byte_by_byte(void **state)
{
    struct payload_writer whole, single;
    uint8_t expected[PAYLOAD_WIRE_MAX], byte;

    (void)state;
    payload_writer_init(&whole, SEED);
    payload_writer_init(&single, SEED);
    for (int i = 0; i < 50; i++) {
        size_t size = write_whole(&whole, expected);

        payload_writer_begin(&single);
        for (size_t k = 0; k < size; k++) {
            assert_int_equal(payload_writer_put(&single, &byte, 1), 1);
            assert_int_equal(byte, expected[k]);
        }
        assert_false(payload_writer_busy(&single));
    }
}

/* Filled in any portions, the same bytes come out; `left` counts messages begun. */
static void assert_fill(size_t portion, uint64_t messages)
{
    struct payload_writer one, filled;
    uint8_t expected[PAYLOAD_WIRE_MAX], got[4096];
    size_t have = 0, total = 0;
    uint64_t left = messages;

    payload_writer_init(&one, SEED);
    payload_writer_init(&filled, SEED);
    for (uint64_t m = 0; m < messages; m++) {
        size_t size = write_whole(&one, expected);

        while (have < size) {
            size_t n = payload_writer_fill(&filled, &left, got + have, portion);

            assert_true(n > 0);
            have += n;
            total += n;
        }
        assert_memory_equal(got, expected, size);
        memmove(got, got + size, have - size);
        have -= size;
    }
    assert_int_equal(have, 0);
    assert_int_equal(left, 0);
    assert_int_equal(payload_writer_fill(&filled, &left, got, sizeof got), 0);
    assert_true(total >= messages * (PAYLOAD_OVERHEAD + PAYLOAD_BODY_MIN));
}

static void test_fill_in_portions_of_every_size(void **state)
{
    (void)state;
    for (size_t portion = 1; portion < 3 * PAYLOAD_WIRE_MAX; portion += 7)
        assert_fill(portion, 20);
    assert_fill(2, 3);
    assert_fill(PAYLOAD_WIRE_MAX, 1);
}

static void test_fill_for_ever_does_not_count_down(void **state)
{
    struct payload_writer w;
    uint64_t left = UINT64_MAX;
    uint8_t out[1000];

    (void)state;
    payload_writer_init(&w, SEED);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(payload_writer_fill(&w, &left, out, sizeof out), sizeof out);
    assert_true(left == UINT64_MAX);
    assert_true(w.message > 1000);
}

static void test_the_reader_cut_at_every_byte(void **state)
{
    struct payload_writer w;
    uint8_t wire[PAYLOAD_WIRE_MAX];

    (void)state;
    payload_writer_init(&w, SEED);
    for (int i = 0; i < 20; i++) {
        size_t size = write_whole(&w, wire);

        for (size_t cut = 0; cut <= size - PREFIX; cut++)
            assert_true(read_cut(wire, size, cut));
    }
}

static void test_the_reader_byte_by_byte(void **state)
{
    struct payload_writer w;
    struct payload_reader r;
    uint8_t wire[PAYLOAD_WIRE_MAX];
    size_t size;

    (void)state;
    payload_writer_init(&w, SEED);
    size = write_whole(&w, wire);
    assert_true(payload_reader_begin(&r, (uint32_t)(size - PREFIX)));
    for (size_t k = PREFIX; k < size; k++) {
        assert_false(payload_reader_end(&r));
        assert_true(payload_reader_take(&r, wire + k, 1));
    }
    assert_true(payload_reader_end(&r));
}

static void test_the_reader_refuses_lengths_that_are_not_ours(void **state)
{
    struct payload_reader r;

    (void)state;
    assert_false(payload_reader_begin(&r, 0));
    assert_false(payload_reader_begin(&r, HEAD + PAYLOAD_BODY_MIN - 1));
    assert_true(payload_reader_begin(&r, HEAD + PAYLOAD_BODY_MIN));
    assert_true(payload_reader_begin(&r, HEAD + PAYLOAD_BODY_MAX + PAYLOAD_NUMBER_MAX));
    assert_false(payload_reader_begin(&r, HEAD + PAYLOAD_BODY_MAX + PAYLOAD_NUMBER_MAX + 1));
    assert_false(payload_reader_begin(&r, UINT32_MAX));
}

/* Any other value in any byte of the head is seen, wherever the message is cut. */
static void test_the_reader_refuses_every_wrong_head(void **state)
{
    struct payload_writer w;
    uint8_t wire[PAYLOAD_WIRE_MAX];
    size_t size;

    (void)state;
    payload_writer_init(&w, SEED);
    size = write_whole(&w, wire);
    for (size_t at = PREFIX; at < PAYLOAD_OVERHEAD; at++) {
        uint8_t right = wire[at];

        for (unsigned value = 0; value < 256; value++) {
            wire[at] = (uint8_t)value;
            for (size_t cut = 0; cut <= HEAD; cut++)
                assert_int_equal(read_cut(wire, size, cut), value == right);
        }
        wire[at] = right;
    }
}

static void test_the_reader_refuses_too_much_and_too_little(void **state)
{
    struct payload_writer w;
    struct payload_reader r;
    uint8_t wire[PAYLOAD_WIRE_MAX + 1] = {0};
    uint32_t length;

    (void)state;
    payload_writer_init(&w, SEED);
    length = (uint32_t)(write_whole(&w, wire) - PREFIX);
    assert_true(payload_reader_begin(&r, length));
    assert_false(payload_reader_take(&r, wire + PREFIX, length + 1));
    assert_true(payload_reader_begin(&r, length));
    assert_true(payload_reader_take(&r, wire + PREFIX, length));
    assert_false(payload_reader_take(&r, wire, 1));
    assert_true(payload_reader_begin(&r, length));
    assert_true(payload_reader_take(&r, wire + PREFIX, length - 1));
    assert_false(payload_reader_end(&r));
}

/* Numbered as the `number`-th; returns its wire size. */
static size_t write_numbered(uint64_t number, uint8_t out[PAYLOAD_WIRE_MAX])
{
    struct payload_writer w;

    payload_writer_init(&w, SEED);
    w.numbered = true;
    w.message = number - 1;
    return write_whole(&w, out);
}

static const uint64_t numbers[] = {1, 127, 128, 16384, UINT64_C(1) << 35, UINT64_MAX};

static void test_protobuf_understands_the_number(void **state)
{
    uint8_t wire[PAYLOAD_WIRE_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        size_t size = write_numbered(numbers[i], wire);
        Flatline__V1__Payload *decoded =
            flatline__v1__payload__unpack(NULL, size - PREFIX, wire + PREFIX);

        assert_non_null(decoded);
        assert_true(decoded->number == numbers[i]);
        assert_in_range(decoded->body.len, PAYLOAD_BODY_MIN, PAYLOAD_BODY_MAX);
        flatline__v1__payload__free_unpacked(decoded, NULL);
    }
}

static void test_a_number_is_read_wherever_it_is_cut(void **state)
{
    uint8_t wire[PAYLOAD_WIRE_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        size_t size = write_numbered(numbers[i], wire) - PREFIX;

        for (size_t cut = 0; cut <= size; cut++) {
            struct payload_reader r;

            assert_true(payload_reader_begin(&r, (uint32_t)size));
            assert_true(payload_reader_take(&r, wire + PREFIX, cut));
            assert_true(payload_reader_take(&r, wire + PREFIX + cut, size - cut));
            assert_true(payload_reader_end(&r));
            assert_true(r.number == numbers[i]);
        }
    }
}

static void test_the_numbering_writer_cut_at_every_byte(void **state)
{
    uint8_t expected[PAYLOAD_WIRE_MAX], got[PAYLOAD_WIRE_MAX];
    size_t size = write_numbered(300, expected);

    (void)state;
    for (size_t at = 1; at < size; at++) {
        struct payload_writer w;

        payload_writer_init(&w, SEED);
        w.numbered = true;
        w.message = 299;
        payload_writer_begin(&w);
        assert_int_equal(payload_writer_put(&w, got, at), at);
        for (size_t k = at; k < size; k++)
            assert_int_equal(payload_writer_put(&w, got + k, 1), 1);
        assert_false(payload_writer_busy(&w));
        assert_memory_equal(got, expected, size);
    }
}

/* A number that goes on too long, or ends too soon, or has another tag. */
static void test_the_reader_refuses_wrong_numbers(void **state)
{
    uint8_t wire[PAYLOAD_WIRE_MAX];
    size_t size = write_numbered(UINT64_MAX, wire), first = size - PAYLOAD_NUMBER_MAX;

    (void)state;
    assert_true(read_whole(wire, size));
    wire[size - 1] = 2; /* a 65th bit */
    assert_false(read_whole(wire, size));
    wire[size - 1] = 0x81; /* an eleventh byte */
    assert_false(read_whole(wire, size));
    wire[size - 1] = 1;
    wire[size - 2] = 1; /* over, and a byte is left */
    assert_false(read_whole(wire, size));
    wire[size - 2] = 0xff;
    wire[first] = 0x18; /* field 3 */
    assert_false(read_whole(wire, size));
}

/* Around each length of the varint that says how long the body is. */
static const uint32_t sizes[] = {1,     2,     127,   128,     129,     300,
                                 16383, 16384, 65536, 2097151, 2097152, PAYLOAD_BODY_MOST};
#define SIZES (sizeof sizes / sizeof *sizes)

static uint8_t *write_sized(struct payload_writer *w, uint32_t body, size_t cut, size_t *size)
{
    size_t room = (size_t)body + 16;
    uint8_t *wire = malloc(room);

    assert_non_null(wire);
    payload_writer_set_size(w, body);
    payload_writer_begin(w);
    *size = payload_writer_put(w, wire, cut);
    *size += payload_writer_put(w, wire + *size, room - *size);
    assert_false(payload_writer_busy(w));
    return wire;
}

static void test_sizes_that_were_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        struct payload_writer w;
        struct payload_reader r;
        size_t size, again;
        uint8_t *wire, *next;
        Flatline__V1__Payload *decoded;

        payload_writer_init(&w, SEED);
        wire = write_sized(&w, sizes[i], 7, &size);
        next = write_sized(&w, sizes[i], 6, &again);
        assert_int_equal(again, size);
        if (sizes[i] > 16)
            assert_memory_not_equal(wire + size - 16, next + size - 16, 16);
        decoded = flatline__v1__payload__unpack(NULL, size - PREFIX, wire + PREFIX);
        assert_non_null(decoded);
        assert_int_equal(decoded->body.len, sizes[i]);
        assert_memory_equal(decoded->body.data, wire + size - sizes[i], sizes[i]);
        flatline__v1__payload__free_unpacked(decoded, NULL);
        assert_true(payload_reader_begin_any(&r, (uint32_t)(size - PREFIX)));
        assert_true(payload_reader_take(&r, wire + PREFIX, 1));
        assert_true(payload_reader_take(&r, wire + PREFIX + 1, size - PREFIX - 1));
        assert_true(payload_reader_end(&r));
        free(wire);
        free(next);
    }
}

/* A message of two words more must not repeat the end of the one before. */
static void test_bodies_of_a_size_do_not_overlap(void **state)
{
    struct payload_writer w;
    size_t size, again;
    uint8_t *one, *two;

    (void)state;
    payload_writer_init(&w, SEED);
    one = write_sized(&w, 1000, 500, &size);
    two = write_sized(&w, 1000, 500, &again);
    for (size_t at = PAYLOAD_OVERHEAD; at + 16 <= size; at += 8)
        assert_null(memmem(two, again, one + at, 16));
    free(one);
    free(two);
}

static void test_lengths_that_no_body_has(void **state)
{
    struct payload_reader r;

    (void)state;
    assert_false(payload_reader_begin_any(&r, 0));
    assert_false(payload_reader_begin_any(&r, 1));
    assert_false(payload_reader_begin_any(&r, 2)); /* an empty body is left out */
    assert_true(payload_reader_begin_any(&r, 3));
    assert_true(payload_reader_begin_any(&r, PAYLOAD_MESSAGE_MOST));
    assert_false(payload_reader_begin_any(&r, PAYLOAD_MESSAGE_MOST + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protobuf_understands_what_is_written),
        cmocka_unit_test(test_what_protobuf_writes_is_read),
        cmocka_unit_test(test_every_size_occurs),
        cmocka_unit_test(test_bodies_are_fresh_and_reproducible),
        cmocka_unit_test(test_body_bytes_are_spread),
        cmocka_unit_test(test_the_writer_cut_at_every_byte),
        cmocka_unit_test(test_the_writer_byte_by_byte),
        cmocka_unit_test(test_fill_in_portions_of_every_size),
        cmocka_unit_test(test_fill_for_ever_does_not_count_down),
        cmocka_unit_test(test_the_reader_cut_at_every_byte),
        cmocka_unit_test(test_the_reader_byte_by_byte),
        cmocka_unit_test(test_the_reader_refuses_lengths_that_are_not_ours),
        cmocka_unit_test(test_the_reader_refuses_every_wrong_head),
        cmocka_unit_test(test_the_reader_refuses_too_much_and_too_little),
        cmocka_unit_test(test_protobuf_understands_the_number),
        cmocka_unit_test(test_a_number_is_read_wherever_it_is_cut),
        cmocka_unit_test(test_the_numbering_writer_cut_at_every_byte),
        cmocka_unit_test(test_the_reader_refuses_wrong_numbers),
        cmocka_unit_test(test_sizes_that_were_said),
        cmocka_unit_test(test_bodies_of_a_size_do_not_overlap),
        cmocka_unit_test(test_lengths_that_no_body_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
