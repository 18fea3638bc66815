/* What a request asks for, taken apart; and whatever may not come through. */
#include "results-server/http_target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct http_target target;
static char why[128];

static bool parse(const char *uri)
{
    why[0] = '\0';
    return http_target_parse(&target, uri, why, sizeof(why));
}

static void test_segments(void **state)
{
    (void)state;
    assert_true(parse("/test/a%2Db/peer/caf%C3%A9"));
    assert_int_equal(target.segments, 4);
    assert_string_equal(target.segment[0], "test");
    assert_string_equal(target.segment[1], "a-b");
    assert_string_equal(target.segment[3], "caf\xc3\xa9");
    assert_string_equal(target.path, "/test/a%2Db/peer/caf%C3%A9");
    assert_true(parse("/"));
    assert_int_equal(target.segments, 0);
    assert_true(parse("/test/"));
    assert_int_equal(target.segments, 1);
    assert_true(parse("/a/b/c/d/e/f/g/h"));
    assert_int_equal(target.segments, HTTP_SEGMENTS_MAX);
}

static void test_query(void **state)
{
    (void)state;
    assert_true(parse("/test/a?wait=started&timeout=30s&&empty=&none&t=a+b%2Bc%26"));
    assert_int_equal(target.segments, 2);
    assert_string_equal(http_target_query(&target, "wait"), "started");
    assert_string_equal(http_target_query(&target, "timeout"), "30s");
    assert_string_equal(http_target_query(&target, "empty"), "");
    assert_string_equal(http_target_query(&target, "none"), "");
    assert_string_equal(http_target_query(&target, "t"), "a b+c&");
    assert_null(http_target_query(&target, "a"));
    assert_int_equal(target.queries, 5);
    assert_string_equal(target.path, "/test/a");
    assert_true(parse("/?"));
    assert_int_equal(target.queries, 0);
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "*",
        "test",
        "http://h/test",
        "//",
        "/test//a",
        "/test/a//",
        "/.",
        "/..",
        "/test/..",
        "/test/../..",
        "/%2e%2e/etc/passwd",
        "/%2E%2e",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "/a%00",
        "/a%00b",
        "/%",
        "/%4",
        "/%zz",
        "/%4g",
        "/a%",
        "/a%0ab",
        "/a%1fb",
        "/a%7fb",
        "/a b",
        "/a\nb",
        "/a\x7f",
        "/caf\xc3\xa9",
        "/caf%c3",
        "/%ff",
        "/%c0%af",
        "/%ed%a0%80",
        "/a#b",
        "/a/b/c/d/e/f/g/h/i",
        "/?a=%00",
        "/?a=%",
        "/?a%zz",
        "/?a=1&a=2",
        "/?a=%0a",
        "/?%ff",
        "/?a&b&c&d&e&f&g&h&i",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (parse(bad[i])) {
            fail_msg("'%s' was taken", bad[i]);
        }
        assert_true(why[0] != '\0');
    }
}

static void test_length(void **state)
{
    char uri[HTTP_TARGET_SIZE + 1];

    (void)state;
    memset(uri, 'a', sizeof(uri));
    uri[0] = '/';
    uri[HTTP_TARGET_SIZE - 1] = '\0';
    assert_true(parse(uri));
    assert_int_equal(strlen(target.segment[0]), HTTP_TARGET_SIZE - 2);
    uri[HTTP_TARGET_SIZE - 1] = 'a';
    uri[HTTP_TARGET_SIZE] = '\0';
    assert_false(parse(uri));
}

static void test_id(void **state)
{
    char longest[66];

    (void)state;
    assert_true(http_id_valid("a"));
    assert_true(http_id_valid("0"));
    assert_true(http_id_valid("Run-7_b.2"));
    assert_false(http_id_valid(""));
    assert_false(http_id_valid("."));
    assert_false(http_id_valid(".."));
    assert_false(http_id_valid("-a"));
    assert_false(http_id_valid("_a"));
    assert_false(http_id_valid("a b"));
    assert_false(http_id_valid("a/b"));
    assert_false(http_id_valid("caf\xc3\xa9"));
    memset(longest, 'x', sizeof(longest));
    longest[64] = '\0';
    assert_true(http_id_valid(longest));
    longest[64] = 'x';
    longest[65] = '\0';
    assert_false(http_id_valid(longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments), cmocka_unit_test(test_query),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_length),
        cmocka_unit_test(test_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
