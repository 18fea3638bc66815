/* What connections at rest give back: who rests, and which pages of a session's table go. */
#include "common/engine/h2_memory.h"
#include "common/engine/rest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define PAGE 4096
#define PAGES 16

struct sleeper {
    struct rest rest;
    struct ev_loop *ev;
    int times;
};

static void on_rest(struct rest *rest)
{
    struct sleeper *sleeper = (struct sleeper *)rest;

    sleeper->times++;
    ev_break(sleeper->ev, EVBREAK_ONE);
}

static void on_guard(struct ev_loop *ev, ev_timer *w, int revents)
{
    (void)w, (void)revents;
    ev_break(ev, EVBREAK_ONE);
}

static void who_is_idle_rests_once(void **state)
{
    struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
    struct sleeper idle = {{.begin = on_rest}, ev, 0}, gone = idle;
    struct rest_list list;
    ev_timer guard;

    (void)state;
    assert_non_null(ev);
    rest_list_init(&list, ev);
    rest_put_off(&list, &gone.rest);
    rest_put_off(&list, &idle.rest);
    rest_put_off(&list, &idle.rest);
    rest_cancel(&gone.rest);
    rest_cancel(&gone.rest);
    ev_timer_init(&guard, on_guard, 60., 0.);
    ev_timer_start(ev, &guard);
    ev_run(ev, 0);
    assert_int_equal(idle.times, 1);
    assert_int_equal(gone.times, 0);
    /* Nobody is awaited any more, so nothing is left for the loop to do. */
    assert_false(ev_is_active(&list.timer));
    ev_timer_stop(ev, &guard);
    ev_run(ev, 0);
    assert_int_equal(idle.times, 1);
    rest_put_off(&list, &idle.rest);
    assert_true(ev_is_active(&list.timer));
    rest_list_stop(&list);
    ev_loop_destroy(ev);
}

static bool is_resident(void *page)
{
    unsigned char resident = 0;

    assert_int_equal(mincore(page, PAGE, &resident), 0);
    return resident & 1;
}

static void only_empty_pages_are_given_back(void **state)
{
    static const uint8_t zeros[PAGE];
    struct engine_loop *loop = engine_loop_new();
    struct h2_memory memory = {.loop = NULL};
    nghttp2_mem mem;
    uint8_t *table, *page;

    (void)state;
    assert_non_null(loop);
    mem = h2_memory_begin(&memory, loop);
    h2_memory_end(&memory);
    table = mem.calloc(PAGES, PAGE, mem.mem_user_data);
    assert_non_null(table);
    page = table + -(uintptr_t)table % PAGE;
    memset(table, 1, (size_t)PAGES * PAGE);
    memset(page + PAGE, 0, PAGE);
    assert_true(is_resident(page + PAGE));
    h2_memory_rest(&memory);
    assert_false(is_resident(page + PAGE));
    assert_memory_equal(page + PAGE, zeros, PAGE);
    for (uint8_t *at = table; at < table + (size_t)PAGES * PAGE; at++)
        assert_int_equal(*at, at < page + PAGE || at >= page + (size_t)2 * PAGE);
    mem.free(table, mem.mem_user_data);
    h2_memory_rest(&memory); /* of nothing */
    engine_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(who_is_idle_rests_once),
        cmocka_unit_test(only_empty_pages_are_given_back),
    };

    return cmocka_run_group_tests_name("rest", cases, NULL, NULL);
}
