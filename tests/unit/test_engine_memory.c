/*
 * Every allocation of a whole session is refused in turn: the i-th alone, and all from the i-th on.
 * The engine must unwind each to the stream or connection that owns it, end every call, and leak
 * nothing.
 */
#include "config.h"

#include "common/engine/loop_internal.h"
#include "common/engine/mem.h"
#include "tests/unit/engine_pair.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int64_t stride =
    1; /* a TLS session allocates thousands of times: there only every n-th in CI */

struct outcome {
    bool hung;
    bool unended; /* a call was started and never ended */
    int failed;   /* calls that did not end as they should */
};

static const struct {
    const char *path;
    uint64_t to_send, stop_at;
    int code;
    enum grpc_encoding encoding;
} script[] = {
    {PAIR_ECHO, 1, 0, GRPC_OK, GRPC_IDENTITY},
    {PAIR_ECHO, 1, 0, GRPC_OK, GRPC_GZIP},
    {PAIR_SINK, 300, 0, GRPC_OK, GRPC_IDENTITY},
    {PAIR_STREAM, 1, 300, GRPC_CANCELLED, GRPC_IDENTITY},
    {PAIR_FAIL, 1, 0, GRPC_FAILED_PRECONDITION, GRPC_IDENTITY},
    {PAIR_REFUSED, 1, 0, GRPC_UNIMPLEMENTED, GRPC_IDENTITY},
};

static const struct grpc_metadata metadata = {"x-echo-bin", "abc", 3};

#define CALLS (sizeof script / sizeof script[0])

static void run_calls(struct pair *p, struct outcome *out)
{
    struct pair_result r[CALLS];
    bool started[CALLS] = {false};

    memset(r, 0, sizeof r);
    for (size_t i = 0; i < CALLS; i++) {
        r[i].to_send = script[i].to_send;
        r[i].stop_at = script[i].stop_at;
        r[i].encoding = script[i].encoding;
        r[i].send = &metadata;
        started[i] = p->client != NULL && pair_call(p, script[i].path, &r[i], 0) != NULL;
    }
    for (size_t i = 0; i < CALLS; i++) {
        if (started[i] && !pair_run(p, &r[i].done))
            out->unended = true;
        if (!started[i] || r[i].code != script[i].code)
            out->failed++;
    }
}

static void run_session(struct pair *p, struct outcome *out)
{
    if (!pair_connect(p)) {
        out->failed++;
        return;
    }
    out->hung = !pair_run(p, &p->decided);
    if (!p->ended)
        run_calls(p, out);
    if (p->client != NULL) {
        client_close(p->client);
        out->hung = !pair_run(p, &p->ended);
    }
}

static int64_t live_all(void)
{
    return mem_live(MEM_APP) + mem_live(MEM_NGHTTP2) + mem_live(MEM_ZLIB);
}

/* One session with these allocations refused; whether any was. */
static bool refuse_in_session(int64_t pass, int64_t refuse)
{
    struct outcome out = {.failed = 0};
    uint64_t refused = mem_refused();
    int64_t before = live_all();
    struct pair p;

    assert_true(pair_open(&p));
    mem_fail(pass, refuse);
    run_session(&p, &out);
    mem_fail(0, 0);
    refused = mem_refused() - refused;
    if (out.hung || out.unended)
        fail_msg("allocation %lld (%lld refused): %s", (long long)pass, (long long)refuse,
                 out.hung ? "the connection never ended" : "a call never ended");
    if (refused == 0 && out.failed != 0)
        fail_msg("nothing was refused and %d calls failed", out.failed);
    assert_true(pair_settle(&p));
    pair_close(&p);
    if (live_all() != before)
        fail_msg("allocation %lld (%lld refused): %lld bytes left", (long long)pass,
                 (long long)refuse, (long long)(live_all() - before));
    return refused > 0;
}

static void refuse_each(int64_t refuse)
{
    int64_t i = 0;

    while (refuse_in_session(i, refuse))
        i += stride;
    /* A session allocates hundreds of times; fewer would mean that nothing was tested. */
    assert_true(i > 50);
    print_message("# %lld allocations refused in turn\n", (long long)(i / stride));
}

static void the_ith_allocation_fails(void **state)
{
    (void)state;
    refuse_each(1);
}

static void all_from_the_ith_fail(void **state)
{
    (void)state;
    refuse_each(INT64_MAX);
}

/* A multiple of every allocator's alignment, so that memcheck's blocks are kept as well. */
#define BLOCK 96

static void freed_blocks_are_kept_but_not_live(void **state)
{
    struct mem_pool pool = {.bytes = 0};
    int64_t live = mem_live(MEM_APP);
    unsigned char *block = mem_pool_alloc(&pool, MEM_APP, BLOCK), *again;

    (void)state;
    assert_true(mem_live(MEM_APP) >= live + BLOCK);
    memset(block, 1, BLOCK);
    mem_pool_free(&pool, MEM_APP, block);
    assert_true(mem_live(MEM_APP) == live);
#ifdef HAVE_JEMALLOC
    assert_int_equal(pool.bytes, BLOCK);
#endif
    mem_fail(0, 1);
    assert_null(mem_pool_alloc(&pool, MEM_APP, BLOCK));
    mem_fail(0, 0);
    again = mem_pool_calloc(&pool, MEM_APP, BLOCK);
    assert_int_equal(pool.bytes, 0);
    for (size_t i = 0; i < BLOCK; i++)
        assert_int_equal(again[i], 0);
    mem_set_keeping(false);
    mem_pool_free(&pool, MEM_APP, again);
    mem_set_keeping(true);
    assert_int_equal(pool.bytes, 0);
    assert_true(mem_live(MEM_APP) == live);
}

static void a_pool_keeps_so_much(void **state)
{
    enum { BLOCKS = MEM_POOL_BYTES / BLOCK + 2 };
    static void *blocks[BLOCKS];
    struct mem_pool pool = {.bytes = 0};
    int64_t live = mem_live(MEM_APP);

    (void)state;
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = mem_pool_alloc(&pool, MEM_APP, BLOCK);
    for (size_t i = 0; i < BLOCKS; i++)
        mem_pool_free(&pool, MEM_APP, blocks[i]);
    assert_true(pool.bytes <= MEM_POOL_BYTES);
#ifdef HAVE_JEMALLOC
    assert_true(pool.bytes > MEM_POOL_BYTES - BLOCK);
#endif
    mem_pool_empty(&pool);
    assert_int_equal(pool.bytes, 0);
    assert_true(mem_live(MEM_APP) == live);
}

static void a_loop_at_rest_keeps_nothing(void **state)
{
    struct outcome out = {.failed = 0};
    struct pair p;

    (void)state;
    assert_true(pair_open(&p));
    run_session(&p, &out);
    assert_int_equal(out.failed, 0);
    assert_true(pair_settle(&p));
    for (int i = 0; i < 1000 && p.loop->pool.bytes > 0; i++)
        pair_run_for(&p, 0.01);
    assert_int_equal(p.loop->pool.bytes, 0);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(the_ith_allocation_fails),
        cmocka_unit_test(all_from_the_ith_fail),
        cmocka_unit_test(freed_blocks_are_kept_but_not_live),
        cmocka_unit_test(a_pool_keeps_so_much),
        cmocka_unit_test(a_loop_at_rest_keeps_nothing),
    };
    const char *stride_text = getenv("FLATLINE_TEST_STRIDE");

    signal(SIGPIPE, SIG_IGN);
    if (!mem_install())
        return 1;
    if (stride_text != NULL)
        stride = atoll(stride_text);
    return cmocka_run_group_tests_name("engine memory", cases, NULL, NULL);
}
