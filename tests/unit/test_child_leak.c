#include "common/child/healthy.h"
#include "common/child/leak.h"

#include "common/engine/mem.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct engine_loop *loop;

static int make_loop(void **state)
{
    (void)state;
    loop = engine_loop_new();
    return loop == NULL ? -1 : 0;
}

static int free_loop(void **state)
{
    (void)state;
    engine_loop_free(loop);
    return 0;
}

static struct leak *plant(const char *text)
{
    struct leak_spec spec;
    char why[300];
    struct leak *leak;

    assert_true(leak_spec_parse(text, &spec, why, sizeof why));
    leak = leak_new(&spec, loop);
    assert_non_null(leak);
    return leak;
}

/* What the engine counts when the event of a shape happens. */
static size_t counter_of(enum leak_shape shape)
{
    switch (shape) {
    case LEAK_CALL:
        return offsetof(struct engine_stats, calls_done);
    case LEAK_STREAM:
        return offsetof(struct engine_stats, streams_closed);
    case LEAK_HEADER:
        return offsetof(struct engine_stats, header_blocks);
    case LEAK_CONNECTION:
    case LEAK_RECONNECT:
    case LEAK_FD:
    case LEAK_THREAD:
        return offsetof(struct engine_stats, opened);
    case LEAK_DISCONNECT:
        return offsetof(struct engine_stats, closed);
    case LEAK_DROP:
        return offsetof(struct engine_stats, emptied);
    case LEAK_RETRY:
        return offsetof(struct engine_stats, unopened);
    case LEAK_HANDSHAKE:
        return offsetof(struct engine_stats, handshakes);
    case LEAK_CANCEL:
        return offsetof(struct engine_stats, cancels);
    case LEAK_TRAILERS:
        return offsetof(struct engine_stats, trailers_cut);
    case LEAK_EARLY_END:
        return offsetof(struct engine_stats, early_ends);
    case LEAK_STALL:
        return offsetof(struct engine_stats, stalls);
    case LEAK_SHAPES:
        break;
    }
    fail();
    return 0;
}

/* Twice, because the first connection is no reconnect. */
static void happen(size_t counter)
{
    uint64_t *count = (uint64_t *)((char *)engine_loop_stats(loop) + counter);

    *count += 2;
}

static void test_each_shape_leaks_on_its_own_event(void **state)
{
    (void)state;
    for (int planted = 0; planted < LEAK_SHAPES; planted++) {
        size_t counter = counter_of((enum leak_shape)planted);
        uint64_t times = planted == LEAK_RECONNECT ? 1 : 2;
        char text[40];
        struct leak *leak;
        int64_t before;

        if (planted == LEAK_FD || planted == LEAK_THREAD)
            continue;
        memset(engine_loop_stats(loop), 0, sizeof(struct engine_stats));
        snprintf(text, sizeof text, "%s:1000", leak_shape_name((enum leak_shape)planted));
        leak = plant(text);
        before = mem_live(MEM_APP);
        for (int shape = 0; shape < LEAK_SHAPES; shape++) {
            if (counter_of((enum leak_shape)shape) != counter)
                happen(counter_of((enum leak_shape)shape));
        }
        leak_follow(leak);
        assert_true(mem_live(MEM_APP) == before);
        happen(counter);
        leak_follow(leak);
        leak_follow(leak);
        assert_in_range(mem_live(MEM_APP) - before, 1000 * times, 1100 * times);
        leak_free(leak);
    }
}

static void test_every(void **state)
{
    struct leak *leak = plant("call:16/1000");
    struct engine_stats *stats = engine_loop_stats(loop);
    int64_t before = mem_live(MEM_APP);

    (void)state;
    stats->calls_done = 600;
    stats->calls_failed = 399;
    leak_follow(leak);
    assert_true(mem_live(MEM_APP) == before);
    stats->calls_failed++;
    leak_follow(leak);
    assert_in_range(mem_live(MEM_APP) - before, 16, 32);
    stats->calls_done += 9000;
    leak_follow(leak);
    assert_in_range(mem_live(MEM_APP) - before, 160, 320);
    leak_free(leak);
}

/* Nobody has to ask: the loop's next turn does. */
static void test_the_loop_sees_to_it(void **state)
{
    struct leak *leak = plant("connection:1K");
    int64_t before = mem_live(MEM_APP);

    (void)state;
    engine_loop_stats(loop)->opened = 10;
    assert_true(mem_live(MEM_APP) == before);
    ev_run(engine_loop_ev(loop), EVRUN_NOWAIT);
    assert_in_range(mem_live(MEM_APP) - before, 10240, 11000);
    leak_free(leak);
    engine_loop_stats(loop)->opened = 20;
    before = mem_live(MEM_APP);
    ev_run(engine_loop_ev(loop), EVRUN_NOWAIT);
    assert_true(mem_live(MEM_APP) == before);
}

static void test_less_than_a_pointer_is_rounded_up(void **state)
{
    struct leak *leak = plant("call:1");
    int64_t before = mem_live(MEM_APP);

    (void)state;
    engine_loop_stats(loop)->calls_done = 1;
    leak_follow(leak);
    assert_in_range(mem_live(MEM_APP) - before, sizeof(void *), 24);
    leak_free(leak);
}

static int count_entries(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static bool grows(const char *text, const char *where)
{
    struct leak *leak = plant(text);
    int before = count_entries(where);

    engine_loop_stats(loop)->opened = 4;
    leak_follow(leak);
    if (count_entries(where) != before)
        return false;
    engine_loop_stats(loop)->opened = 11;
    leak_follow(leak);
    return count_entries(where) == before + 4;
}

/* In a process of its own that is killed: memcheck takes a thread that never ends for a leak. */
static void test_descriptors_and_threads(void **state)
{
    static const char *const cases[][2] = {{"fd:2/5", "/proc/self/fd"},
                                           {"thread:2/5", "/proc/self/task"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
            if (grows(cases[i][0], cases[i][1]))
                raise(SIGKILL);
            _exit(1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
    }
}

/* Live bytes after each of 200 steps of 10 messages. */
static void grow(const char *text, int64_t held[200])
{
    struct healthy_spec spec;
    char why[300];
    struct healthy *healthy;
    int64_t before;

    memset(engine_loop_stats(loop), 0, sizeof(struct engine_stats));
    assert_true(healthy_spec_parse(text, &spec, why, sizeof why));
    healthy = healthy_new(&spec, loop);
    assert_non_null(healthy);
    before = mem_live(MEM_APP);
    for (int i = 0; i < 200; i++) {
        engine_loop_stats(loop)->messages_sent += 3;
        engine_loop_stats(loop)->messages_received += 7;
        ev_run(engine_loop_ev(loop), EVRUN_NOWAIT);
        held[i] = mem_live(MEM_APP) - before;
    }
    healthy_free(healthy);
}

static void test_healthy_shapes_settle(void **state)
{
    int64_t before = mem_live(MEM_APP), held[200];

    (void)state;
    grow("warm-up:64K/10", held);
    assert_true(held[0] >= 65536 && held[199] == held[0]);
    grow("cache:64K/10", held);
    assert_true(held[0] >= 2048 && held[0] < 4096);
    assert_in_range(held[15], 32768, 40000);
    assert_true(held[31] >= 65536 && held[31] < 80000 && held[199] == held[31]);
    grow("pool:64K/10", held);
    assert_true(held[0] >= 2048 && held[2] == held[1] && held[3] >= 2 * 4096);
    assert_true(held[30] == held[15] && held[31] >= 65536 && held[199] == held[31]);
    grow("sawtooth:64K/10", held);
    assert_true(held[30] >= 31 * 2048 && held[31] < 4096 && held[62] == held[94]);
    assert_true(held[199] < 80000);
    /* And give all of it back. */
    assert_true(mem_live(MEM_APP) == before);
}

static void test_healthy_by_every(void **state)
{
    int64_t held[200];

    (void)state;
    grow("cache:64K/100", held);
    assert_true(held[8] == 0 && held[9] >= 2048 && held[18] == held[9] && held[19] >= 4096);
}

static void test_none_planted(void **state)
{
    (void)state;
    healthy_free(NULL);
    leak_free(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_loop, free_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_each_shape_leaks_on_its_own_event),
        CASE(test_every),
        CASE(test_the_loop_sees_to_it),
        CASE(test_less_than_a_pointer_is_rounded_up),
        CASE(test_descriptors_and_threads),
        CASE(test_healthy_shapes_settle),
        CASE(test_healthy_by_every),
        CASE(test_none_planted),
    };

    return cmocka_run_group_tests_name("child leak", tests, NULL, NULL);
}
