/* Text that no strict format refuses. */
#include "common/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static void test_characters(void **state)
{
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
        {"a", 1},
        {" ", 1},
        {"\xc3\xa4", 2},
        {"\xe2\x82\xac", 3},
        {"\xf0\x9f\x98\x80", 4},
        {"\xc2\xa0", 2},
        {"\n", 0},
        {"\x7f", 0},
        {"\xc2\x85", 0}, /* U+0085, a control character */
        {"\x80", 0},     /* a continuation without a beginning */
        {"\xc3", 0},     /* cut off */
        {"\xc3z", 0},
        {"\xe2\x82", 0},
        {"\xf0\x9f\x98z", 0},
        {"\xc0\xaf", 0}, /* overlong */
        {"\xe0\x9f\xbf", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xed\xa0\x80", 0}, /* a surrogate */
        {"\xef\xbf\xbd", 3},
        {"\xef\xbf\xbe", 0}, /* U+FFFE */
        {"\xf4\x8f\xbf\xbf", 4},
        {"\xf4\x90\x80\x80", 0}, /* beyond U+10FFFF */
        {"\xff", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (utf8_length(cases[i].text) != cases[i].length)
            fail_msg("row %zu: %zu", i, utf8_length(cases[i].text));
    }
}

static void test_clean(void **state)
{
    char *clean = utf8_clean("\xc3\xa4\xffz\n\xe2\x82");

    (void)state;
    assert_string_equal(clean, "\xc3\xa4 z   ");
    free(clean);
    clean = utf8_clean("");
    assert_string_equal(clean, "");
    free(clean);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
