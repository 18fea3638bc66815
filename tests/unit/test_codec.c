/* Message compression: what goes in comes out, and nothing bad gets far. */
#include "common/base/rng.h"
#include "common/engine/codec.h"
#include "common/engine/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LARGEST 100000

static uint8_t plain[LARGEST];

static int setup(void **state)
{
    *state = codec_new();
    for (size_t i = 0; i < LARGEST; i++)
        plain[i] = i % 3 == 0 ? (uint8_t)rng_at(1, i) : 'a';
    return *state == NULL;
}

static int teardown(void **state)
{
    codec_free(*state);
    return mem_live(MEM_APP) != 0 || mem_live(MEM_ZLIB) != 0;
}

static void what_goes_in_comes_out(void **state)
{
    static const size_t sizes[] = {0, 1, 511, 512, 513, 65536, LARGEST};

    for (int e = GRPC_GZIP; e < GRPC_ENCODINGS; e++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct codec_buffer packed = {.data = NULL}, back = {.data = NULL};

            assert_true(codec_pack(*state, e, plain, sizes[i], &packed));
            assert_int_equal(codec_unpack(*state, e, packed.data, packed.size, sizes[i], &back), 0);
            assert_int_equal(back.size, sizes[i]);
            if (sizes[i] > 0)
                assert_memory_equal(back.data, plain, sizes[i]);
            codec_buffer_free(&packed);
            codec_buffer_free(&back);
        }
    }
}

static void more_than_the_limit_is_refused(void **state)
{
    struct codec_buffer packed = {.data = NULL}, back = {.data = NULL};

    assert_true(codec_pack(*state, GRPC_GZIP, plain, LARGEST, &packed));
    assert_int_equal(codec_unpack(*state, GRPC_GZIP, packed.data, packed.size, LARGEST - 1, &back),
                     GRPC_RESOURCE_EXHAUSTED);
    /* And what it cost on the way is bounded by the limit. */
    assert_true(back.cap < 2 * LARGEST);
    codec_buffer_free(&packed);
    codec_buffer_free(&back);
}

static void cut_or_broken_data_is_refused(void **state)
{
    struct codec_buffer packed = {.data = NULL};

    assert_true(codec_pack(*state, GRPC_GZIP, plain, 1000, &packed));
    for (size_t cut = 0; cut < packed.size; cut++) {
        struct codec_buffer back = {.data = NULL};

        assert_int_equal(codec_unpack(*state, GRPC_GZIP, packed.data, cut, LARGEST, &back),
                         GRPC_INTERNAL);
        codec_buffer_free(&back);
    }
    /* One framing is not the other, and nothing may follow the end. */
    for (int i = 0; i < 2; i++) {
        struct codec_buffer back = {.data = NULL};

        if (i == 1)
            assert_true(codec_buffer_put(&packed, "x", 1));
        assert_int_equal(codec_unpack(*state, i == 0 ? GRPC_DEFLATE : GRPC_GZIP, packed.data,
                                      packed.size, LARGEST, &back),
                         GRPC_INTERNAL);
        codec_buffer_free(&back);
    }
    codec_buffer_free(&packed);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test_setup_teardown(what_goes_in_comes_out, setup, teardown),
        cmocka_unit_test_setup_teardown(more_than_the_limit_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(cut_or_broken_data_is_refused, setup, teardown),
    };

    return cmocka_run_group_tests_name("codec", cases, NULL, NULL);
}
