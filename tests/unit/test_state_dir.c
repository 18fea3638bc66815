#include "common/base/state_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void test_prefers_the_state_home(void **state)
{
    char path[256];

    (void)state;
    setenv("HOME", "/home/someone", 1);
    setenv("XDG_STATE_HOME", "/var/state", 1);
    assert_true(state_dir_path(path, sizeof path));
    assert_string_equal(path, "/var/state/flatline");
    assert_true(state_dir_file(STATE_CERT_FILE, path, sizeof path));
    assert_string_equal(path, "/var/state/flatline/cert.pem");
}

static void test_falls_back_to_home(void **state)
{
    char path[256];

    (void)state;
    setenv("HOME", "/home/someone", 1);
    unsetenv("XDG_STATE_HOME");
    assert_true(state_dir_path(path, sizeof path));
    assert_string_equal(path, "/home/someone/.local/state/flatline");
    setenv("XDG_STATE_HOME", "relative/is/invalid", 1);
    assert_true(state_dir_path(path, sizeof path));
    assert_string_equal(path, "/home/someone/.local/state/flatline");
}

static void test_a_path_that_does_not_fit(void **state)
{
    char path[21];

    (void)state;
    setenv("XDG_STATE_HOME", "/0123456789", 1);
    assert_true(state_dir_path(path, sizeof path)); /* 21 bytes with NUL */
    assert_false(state_dir_file("x", path, sizeof path));
    setenv("XDG_STATE_HOME", "/01234567890", 1);
    assert_false(state_dir_path(path, sizeof path));
}

static void test_makes_it_with_its_parents(void **state)
{
    char root[] = "/tmp/flatline-state-XXXXXX", base[64], path[128];
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(root));
    snprintf(base, sizeof base, "%s/a/b", root);
    setenv("XDG_STATE_HOME", base, 1);
    assert_true(state_dir_make());
    assert_true(state_dir_make());
    assert_true(state_dir_path(path, sizeof path));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(base), 0);
    snprintf(base, sizeof base, "%s/a", root);
    assert_int_equal(rmdir(base), 0);
    assert_int_equal(rmdir(root), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefers_the_state_home),
        cmocka_unit_test(test_falls_back_to_home),
        cmocka_unit_test(test_a_path_that_does_not_fit),
        cmocka_unit_test(test_makes_it_with_its_parents),
    };

    return cmocka_run_group_tests_name("state_dir", tests, NULL, NULL);
}
