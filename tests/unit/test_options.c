#include "common/base/options.h"

#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct values {
    bool flag;
    const char *text;
    uint64_t number, duration, period, size, body;
    int port, fd;
    char order[16]; /* letters in the order in which `order` options were applied */
};

static bool append(void *into, const struct option_spec *spec, const char *value, char *why,
                   size_t cap)
{
    struct values *v = into;
    size_t used = strlen(v->order);

    (void)spec;
    if (used + 1 == sizeof v->order) {
        snprintf(why, cap, "too many");
        return false;
    }
    v->order[used] = value != NULL ? *value : '!';
    return true;
}

static bool set_body(void *into, const struct option_spec *spec, const char *value, char *why,
                     size_t cap)
{
    return options_set_size_within(into, spec, value, 1, 4096, why, cap);
}

#define MEMBER(name) offsetof(struct values, name)

static const struct option_spec specs[] = {
    {NULL, 0, NULL, "Numbers:", NULL, 0},
    {"flag", 'f', NULL, "a flag", options_set_flag, MEMBER(flag)},
    {"text", 't', "TEXT", "a text", options_set_text, MEMBER(text)},
    {"number", 0, "N", "a number", options_set_u64, MEMBER(number)},
    {"duration", 0, "TIME", "a duration", options_set_duration, MEMBER(duration)},
    {"period", 0, "TIME", "a period", options_set_period, MEMBER(period)},
    {"size", 0, "SIZE", "a size", options_set_size, MEMBER(size)},
    {"body", 0, "SIZE", "a size within limits", set_body, MEMBER(body)},
    {"port", 0, "PORT", "a port", options_set_port, MEMBER(port)},
    {"descriptor", 0, "N",
     "a file descriptor, with an explanation so long that it has to be continued on another line "
     "and then on one more",
     options_set_fd, MEMBER(fd)},
    {"a-name-too-long-for-its-column", 'x', "LETTER", "appends", append, 0},
    {NULL, OPTIONS_FURTHER, NULL, "Further:", NULL, 0},
    {"mark", 0, NULL, "appends a mark", append, 0},
    {0},
};

static struct option_set set = {
    .program = "test", .usage = "[OPTION]...", .summary = "A test.", .specs = specs};

#define PARSE(v, first, error, ...) \
    parse(v, first, error, sizeof error, (const char *[]){"test", __VA_ARGS__, NULL})

static enum options_outcome parse(struct values *v, int *first, char *error, size_t cap,
                                  const char *const *args)
{
    char *argv[32];
    int argc = 0;

    for (; args[argc] != NULL; argc++)
        argv[argc] = (char *)args[argc];
    argv[argc] = NULL;
    *v = (struct values){.port = -1, .fd = -1};
    return options_parse(&set, argc, argv, v, first, error, cap);
}

static void test_every_type(void **state)
{
    struct values v;
    char error[200];

    (void)state;
    assert_int_equal(PARSE(&v, NULL, error, "-f", "--text", "hello",
                           "--number=18446744073709551615", "--duration", "1.5s", "--size", "4K",
                           "--port", "65535", "--descriptor", "7", "--period", "1ms", "--body",
                           "4K"),
                     OPTIONS_RUN);
    assert_true(v.flag);
    assert_string_equal(v.text, "hello");
    assert_true(v.number == UINT64_MAX);
    assert_true(v.duration == 1500 * NS_PER_MS);
    assert_true(v.size == 4096);
    assert_true(v.period == NS_PER_MS);
    assert_true(v.body == 4096);
    assert_int_equal(v.port, 65535);
    assert_int_equal(v.fd, 7);
}

static void test_order_is_kept(void **state)
{
    struct values v;
    char error[200];

    (void)state;
    assert_int_equal(PARSE(&v, NULL, error, "-x", "a", "--mark", "-xb", "-f", "--mark", "-x", "c"),
                     OPTIONS_RUN);
    assert_string_equal(v.order, "a!b!c");
}

static void expect_bad(const char *expected, const char *const *args)
{
    struct values v;
    char error[200] = "";

    assert_int_equal(parse(&v, NULL, error, sizeof error, args), OPTIONS_BAD);
    assert_string_equal(error, expected);
}

#define BAD(expected, ...) expect_bad(expected, (const char *[]){"test", __VA_ARGS__, NULL})

static void test_bad_input_is_named(void **state)
{
    (void)state;
    BAD("--port: '65536' is not a port (0 to 65535)", "--port", "65536");
    BAD("--port: '-1' is not a port (0 to 65535)", "--port=-1");
    BAD("--number: '1x' is not a whole number (0 and up)", "--number", "1x");
    BAD("--descriptor: '2147483648' is not a file descriptor", "--descriptor", "2147483648");
    BAD("--duration: 'soon' is not a duration (such as 500ms, 60s, 5m)", "--duration", "soon");
    BAD("--size: '1T' is not a size (such as 16, 4K, 400M)", "--size", "1T");
    BAD("--period: must be longer than 0", "--period", "0s");
    BAD("--period: 'soon' is not a duration (such as 500ms, 60s, 5m)", "--period", "soon");
    BAD("--body: '0' is not between 1 and 4096 bytes", "--body", "0");
    BAD("--body: '4097' is not between 1 and 4096 bytes", "--body", "4097");
    BAD("--body: 'x' is not a size (such as 16, 4K, 400M)", "--body", "x");
    BAD("--text: the value is empty", "--text", "");
    BAD("--text needs a value (TEXT)", "--text");
    BAD("--text needs a value (TEXT)", "-t");
    BAD("--flag=1: this option takes no value", "--flag=1");
    BAD("--help=1: this option takes no value", "--help=1");
    BAD("unknown option --nothing", "--nothing");
    BAD("unknown or ambiguous option --durration=5 (is --duration meant?)", "--durration=5");
    BAD("unknown or ambiguous option --p (is --period meant?)", "--p");
    BAD("unknown option -z", "-z");
    BAD("unknown option -z", "-fz");
    BAD("unexpected argument 'stray'", "-f", "stray");
    BAD("unexpected argument '-f'", "--", "-f");
}

static void test_operands(void **state)
{
    struct values v;
    char error[200];
    int first = 0;

    (void)state;
    set.operands = true;
    assert_int_equal(PARSE(&v, &first, error, "gate", "RUN", "-f"), OPTIONS_RUN);
    set.operands = false;
    assert_true(v.flag);
    assert_int_equal(first, 2);
}

static void test_help_and_version_win(void **state)
{
    struct values v;
    char error[200];

    (void)state;
    assert_int_equal(PARSE(&v, NULL, error, "-f", "--help", "--nothing"), OPTIONS_HELP);
    assert_int_equal(PARSE(&v, NULL, error, "-h"), OPTIONS_HELP);
    assert_int_equal(PARSE(&v, NULL, error, "--version"), OPTIONS_VERSION);
    assert_int_equal(PARSE(&v, NULL, error, "--help-all", "--nothing"), OPTIONS_HELP_ALL);
    assert_int_equal(PARSE(&v, NULL, error, "--list-options"), OPTIONS_LIST);
}

static void test_help_names_every_option_within_the_width(void **state)
{
    char *text = NULL, *line, *rest;
    size_t size = 0, lines = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    options_print_help(&set, true, out);
    fclose(out);
    for (const struct option_spec *spec = specs; spec->help != NULL; spec++) {
        char option[64];

        snprintf(option, sizeof option, "%s%s", spec->name != NULL ? "--" : "",
                 spec->name != NULL ? spec->name : spec->help);
        assert_non_null(strstr(text, option));
    }
    assert_non_null(strstr(text, "  -h, --help"));
    for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        assert_true(strlen(line) <= 79);
        lines++;
    }
    assert_true(lines > 14);
    free(text);
}

static void test_help_leaves_out_what_is_further(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    options_print_help(&set, false, out);
    fclose(out);
    assert_non_null(strstr(text, "--descriptor"));
    assert_null(strstr(text, "Further"));
    assert_null(strstr(text, "--mark"));
    assert_non_null(strstr(text, "--help-all"));
    free(text);
}

static void test_the_list_is_for_a_shell(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    options_print_list(&set, out);
    fclose(out);
    assert_ptr_equal(strstr(text, "--flag\t\n--text\tTEXT\n--number\tN\n"), text);
    assert_non_null(strstr(text, "\n--mark\t\n--help\t\n--help-all\t\n--version\t\n"));
    free(text);
}

static void clear_environment(void)
{
    static const char *const variables[] = {
        "FLATLINE_FLAG", "FLATLINE_TEXT", "FLATLINE_NUMBER",
        "FLATLINE_MARK", "FLATLINE_HELP", "FLATLINE_A_NAME_TOO_LONG_FOR_ITS_COLUMN"};

    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
}

static void test_the_environment_comes_before_the_command_line(void **state)
{
    struct values v;
    char error[200];

    (void)state;
    setenv("FLATLINE_FLAG", "yes", 1);
    setenv("FLATLINE_TEXT", "hello", 1);
    setenv("FLATLINE_NUMBER", "7", 1);
    setenv("FLATLINE_MARK", "0", 1);
    setenv("FLATLINE_A_NAME_TOO_LONG_FOR_ITS_COLUMN", "e", 1);
    setenv("FLATLINE_HELP", "1", 1); /* no row of the table: nobody's */
    assert_int_equal(PARSE(&v, NULL, error, "--number", "8", "-x", "c"), OPTIONS_RUN);
    assert_true(v.flag);
    assert_string_equal(v.text, "hello");
    assert_true(v.number == 8);
    assert_string_equal(v.order, "ec");

    setenv("FLATLINE_FLAG", "off", 1);
    setenv("FLATLINE_TEXT", "", 1);
    setenv("FLATLINE_MARK", "TRUE", 1);
    assert_int_equal(PARSE(&v, NULL, error, "-x", "c"), OPTIONS_RUN);
    assert_false(v.flag);
    assert_null(v.text);
    assert_true(v.number == 7);
    assert_string_equal(v.order, "e!c");
    clear_environment();
}

static void test_what_is_wrong_in_the_environment_is_named(void **state)
{
    (void)state;
    setenv("FLATLINE_NUMBER", "many", 1);
    BAD("FLATLINE_NUMBER in the environment: 'many' is not a whole number (0 and up)", "-f");
    clear_environment();
    setenv("FLATLINE_FLAG", "maybe", 1);
    BAD("FLATLINE_FLAG in the environment: 'maybe' is neither 1 nor 0", "--number", "1");
    clear_environment();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_order_is_kept),
        cmocka_unit_test(test_bad_input_is_named),
        cmocka_unit_test(test_operands),
        cmocka_unit_test(test_help_and_version_win),
        cmocka_unit_test(test_help_names_every_option_within_the_width),
        cmocka_unit_test(test_help_leaves_out_what_is_further),
        cmocka_unit_test(test_the_list_is_for_a_shell),
        cmocka_unit_test(test_the_environment_comes_before_the_command_line),
        cmocka_unit_test(test_what_is_wrong_in_the_environment_is_named),
    };

    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
