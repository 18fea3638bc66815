/* InfluxDB's line protocol, with names as nasty as they come. That InfluxDB reads back what was
 * meant is tests/e2e/results_influx.py's. */
#include "results-server/influx_line.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_lines(const struct influx_lines *lines, const char *expected)
{
    assert_false(lines->failed);
    assert_int_equal(lines->size, strlen(expected));
    assert_memory_equal(lines->bytes, expected, lines->size);
}

static void a_line_has_tags_fields_and_time(void **state)
{
    struct influx_lines lines = {0};

    (void)state;
    influx_line_begin(&lines, "process");
    influx_line_tag(&lines, "test", "t1");
    influx_line_tag(&lines, "host", "n1");
    influx_line_integer(&lines, "live", 3145728);
    influx_line_real(&lines, "share", 0.5);
    influx_line_text(&lines, "reason", "killed");
    influx_line_end(&lines, 1700000000123456789);
    assert_lines(&lines, "process,test=t1,host=n1 live=3145728i,share=0.5,reason=\"killed\" "
                         "1700000000123456789\n");
    assert_int_equal(lines.count, 1);
    influx_lines_free(&lines);
}

static void what_has_a_meaning_is_escaped(void **state)
{
    struct influx_lines lines = {0};

    (void)state;
    influx_line_begin(&lines, "a b,c=d");
    influx_line_tag(&lines, "k,=\" ", "v,=\" \\x");
    influx_line_integer(&lines, "f,=\" ", 1);
    influx_line_text(&lines, "t", "say \"hi\", a=\\b\nnext");
    influx_line_end(&lines, 1);
    assert_lines(&lines, "a\\ b\\,c=d,k\\,\\=\"\\ =v\\,\\=\"\\ \\x f\\,\\=\"\\ =1i,"
                         "t=\"say \\\"hi\\\", a=\\\\b next\" 1\n");
    influx_lines_free(&lines);
}

static void what_a_tag_cannot_say_is_replaced(void **state)
{
    struct influx_lines lines = {0};

    (void)state;
    influx_line_begin(&lines, "m");
    influx_line_tag(&lines, "a", "line\nbreak\r\t\x7f");
    influx_line_tag(&lines, "b", "C:\\");
    influx_line_tag(&lines, "c", "");
    influx_line_tag(&lines, "d", "\\");
    influx_line_tag(&lines, "e", "Zürich");
    influx_line_integer(&lines, "v", 1);
    influx_line_end(&lines, 1);
    assert_lines(&lines, "m,a=line\\ break\\ \\ \\ ,b=C:/,d=/,e=Zürich v=1i 1\n");
    influx_lines_free(&lines);
}

static void numbers_are_whole(void **state)
{
    struct influx_lines lines = {0};

    (void)state;
    influx_line_begin(&lines, "m");
    influx_line_integer(&lines, "least", INT64_MIN);
    influx_line_integer(&lines, "none", 0);
    influx_line_integer(&lines, "most", INT64_MAX);
    influx_line_real(&lines, "third", 1.0 / 3);
    influx_line_real(&lines, "nan", NAN);
    influx_line_real(&lines, "infinite", -INFINITY);
    influx_line_real(&lines, "huge", 1e300);
    influx_line_end(&lines, -5);
    assert_lines(&lines, "m least=-9223372036854775808i,none=0i,most=9223372036854775807i,"
                         "third=0.33333333333333331,huge=1.0000000000000001e+300 -5\n");
    influx_lines_free(&lines);
}

static void a_line_without_fields_is_taken_back(void **state)
{
    struct influx_lines lines = {0};

    (void)state;
    influx_line_begin(&lines, "m");
    influx_line_integer(&lines, "v", 1);
    influx_line_end(&lines, 1);
    influx_line_begin(&lines, "m");
    influx_line_tag(&lines, "a", "b");
    influx_line_real(&lines, "v", NAN);
    influx_line_end(&lines, 2);
    influx_line_begin(&lines, "m");
    influx_line_integer(&lines, "v", 3);
    influx_line_end(&lines, 3);
    assert_lines(&lines, "m v=1i 1\nm v=3i 3\n");
    assert_int_equal(lines.count, 2);
    influx_lines_clear(&lines);
    assert_int_equal(lines.count, 0);
    assert_lines(&lines, "");
    influx_lines_free(&lines);
}

static void many_lines_are_all_there(void **state)
{
    struct influx_lines lines = {0};
    char expected[80];
    size_t at = 0;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        influx_line_begin(&lines, "m");
        influx_line_tag(&lines, "component", "server stable");
        influx_line_integer(&lines, "v", i);
        influx_line_end(&lines, i);
    }
    assert_int_equal(lines.count, 10000);
    influx_line_begin(&lines, "end");
    influx_line_text(&lines, "v", "");
    influx_line_end(&lines, 0);
    for (int i = 0; i < 10000; i++) {
        int size =
            snprintf(expected, sizeof expected, "m,component=server\\ stable v=%di %d\n", i, i);

        assert_true(at + (size_t)size <= lines.size);
        assert_memory_equal(lines.bytes + at, expected, (size_t)size);
        at += (size_t)size;
    }
    assert_int_equal(lines.size - at, strlen("end v=\"\" 0\n"));
    assert_memory_equal(lines.bytes + at, "end v=\"\" 0\n", lines.size - at);
    influx_lines_free(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_tags_fields_and_time),
        cmocka_unit_test(what_has_a_meaning_is_escaped),
        cmocka_unit_test(what_a_tag_cannot_say_is_replaced),
        cmocka_unit_test(numbers_are_whole),
        cmocka_unit_test(a_line_without_fields_is_taken_back),
        cmocka_unit_test(many_lines_are_all_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
