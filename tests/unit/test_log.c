#include "common/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Standard error goes to a scratch file during the test; what was written is read back. */
struct capture {
    FILE *file;
    int saved;
    char text[8192];
};

static int begin(void **state)
{
    struct capture *c = calloc(1, sizeof *c);

    c->file = tmpfile();
    c->saved = dup(STDERR_FILENO);
    dup2(fileno(c->file), STDERR_FILENO);
    *state = c;
    return 0;
}

static int end(void **state)
{
    struct capture *c = *state;

    dup2(c->saved, STDERR_FILENO);
    close(c->saved);
    fclose(c->file);
    free(c);
    return 0;
}

static const char *written(struct capture *c)
{
    size_t n;

    rewind(c->file);
    n = fread(c->text, 1, sizeof c->text - 1, c->file);
    c->text[n] = '\0';
    return c->text;
}

static void test_a_line_is_one_line(void **state)
{
    log_init("prog", LOG_INFO, false);
    log_error("%s", "caf\303\251 \033[31mred\nprog: all is well\302\233");
    assert_string_equal(written(*state), "prog: caf\303\251  [31mred prog: all is well  \n");
}

static void test_a_line_names_the_program(void **state)
{
    log_init("prog", LOG_INFO, false);
    log_error("no %s: %d", "luck", 7);
    log_warn("careful");
    assert_string_equal(written(*state), "prog: no luck: 7\nprog: warning: careful\n");
}

static void test_levels(void **state)
{
    log_init("prog", LOG_WARN, false);
    assert_true(log_enabled(LOG_ERROR));
    assert_true(log_enabled(LOG_WARN));
    assert_false(log_enabled(LOG_INFO));
    assert_false(log_enabled(LOG_DEBUG));
    log_error("1");
    log_warn("2");
    log_info("3");
    log_debug("4");
    assert_string_equal(written(*state), "prog: 1\nprog: warning: 2\n");
}

static void test_a_long_line_is_cut_and_still_ends(void **state)
{
    char message[5000];
    const char *text;

    memset(message, 'x', sizeof message - 1);
    message[sizeof message - 1] = '\0';
    log_init("prog", LOG_INFO, false);
    log_info("%s", message);
    log_info("next");
    text = written(*state);
    assert_memory_equal(text, "prog: xxx", 9);
    assert_int_equal(strchr(text, '\n') - text, 1023);
    assert_string_equal(strchr(text, '\n') + 1, "prog: next\n");
}

/* 2026-11-22T00:07:55.123Z */
static void test_times(void **state)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ prog: hello\n";
    const char *text;

    log_init("prog", LOG_INFO, true);
    log_info("hello");
    text = written(*state);
    assert_int_equal(strlen(text), sizeof form - 1);
    for (size_t i = 0; i < sizeof form - 1; i++) {
        if (form[i] == 'd' && i < 24)
            assert_in_range(text[i], '0', '9');
        else
            assert_int_equal(text[i], form[i]);
    }
}

static void write_lines(char mark)
{
    char message[200];

    memset(message, mark, sizeof message - 1);
    message[sizeof message - 1] = '\0';
    for (int i = 0; i < 8; i++)
        log_info("%s", message);
}

/* Processes that share a log never cut into each other's lines. */
static void test_lines_of_processes_do_not_mix(void **state)
{
    struct capture *c = *state;
    char *line, *rest;
    int lines = 0;

    log_init("p", LOG_INFO, false);
    for (int mark = 'a'; mark < 'e'; mark++) {
        if (fork() == 0) {
            write_lines((char)mark);
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        ;
    written(c);
    for (line = strtok_r(c->text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        assert_int_equal(strlen(line), 3 + 199);
        assert_int_equal(strspn(line + 3, (char[]){line[3], '\0'}), 199);
        lines++;
    }
    assert_int_equal(lines, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_line_is_one_line, begin, end),
        cmocka_unit_test_setup_teardown(test_a_line_names_the_program, begin, end),
        cmocka_unit_test_setup_teardown(test_levels, begin, end),
        cmocka_unit_test_setup_teardown(test_a_long_line_is_cut_and_still_ends, begin, end),
        cmocka_unit_test_setup_teardown(test_times, begin, end),
        cmocka_unit_test_setup_teardown(test_lines_of_processes_do_not_mix, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
