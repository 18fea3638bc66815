/* folder and preflight: what a run asks of the machine before it starts. */
#include "common/base/clock.h"
#include "driver/folder.h"
#include "driver/preflight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define WALL (UINT64_C(1795305600) * NS_PER_S) /* 2026-11-22 00:00:00 UTC */

static char base[] = "/tmp/flatline-folder.XXXXXX";

static void each_run_has_its_own(void **state)
{
    char dir[64], error[256] = "", link[128] = "", path[128];
    char *first, *second;
    struct stat st;

    (void)state;
    snprintf(dir, sizeof dir, "%s/a/b", base);
    first = folder_new(dir, 42, WALL, error, sizeof error);
    second = folder_new(dir, 42, WALL + NS_PER_MS, error, sizeof error);
    assert_non_null(first);
    assert_non_null(second);
    assert_string_equal(first + strlen(dir), "/20261122T000000Z-seed42");
    assert_string_equal(second + strlen(dir), "/20261122T000000Z-seed42-2");
    snprintf(path, sizeof path, "%s/tls", second);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_true(folder_make_latest(dir, first, error, sizeof error));
    assert_true(folder_make_latest(dir, second, error, sizeof error));
    snprintf(path, sizeof path, "%s/latest", dir);
    assert_true(readlink(path, link, sizeof link - 1) > 0);
    assert_string_equal(link, "20261122T000000Z-seed42-2");
    free(first);
    free(second);
}

static void a_place_that_is_no_folder_is_named(void **state)
{
    char dir[64], error[256] = "", expected[256];
    FILE *file;

    (void)state;
    snprintf(dir, sizeof dir, "%s/file", base);
    file = fopen(dir, "w");
    assert_non_null(file);
    fclose(file);
    assert_null(folder_new(dir, 1, WALL, error, sizeof error));
    snprintf(expected, sizeof expected,
             "cannot make %s/20261122T000000Z-seed1: Not a directory; choose another place with "
             "--working-dir",
             dir);
    assert_string_equal(error, expected);
}

static void a_latest_that_is_a_folder_is_left_alone(void **state)
{
    char dir[64], path[80], error[256] = "";

    (void)state;
    snprintf(dir, sizeof dir, "%s/own", base);
    snprintf(path, sizeof path, "%s/latest", dir);
    assert_int_equal(mkdir(dir, 0755), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_false(folder_make_latest(dir, "x/run", error, sizeof error));
    assert_non_null(strstr(error, "/own/latest to the run: Is a directory"));
}

static void fleet_on(struct scenario *scenario, int base_port, uint64_t heap)
{
    scenario_clear(scenario);
    scenario_build(scenario, &(struct scenario_settings){.matrix = MATRIX_56,
                                                         .base_port = base_port,
                                                         .server_heap = heap,
                                                         .client_heap = heap});
}

static void a_busy_port_is_named(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char error[256] = "", expected[256];
    struct scenario scenario = {0};
    int port;

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    port = ntohs(address.sin_port);
    fleet_on(&scenario, port, 0);
    assert_false(preflight_ports(&scenario, error, sizeof error));
    snprintf(expected, sizeof expected,
             "port %d, for server-stable-insecure, cannot be listened on: Address already in use; "
             "stop what uses it, or choose other ports with --base-port",
             port);
    assert_string_equal(error, expected);
    close(fd);
    scenario_clear(&scenario);
}

static void too_little_memory_is_named(void **state)
{
    struct scenario scenario = {0};
    char error[256] = "";

    (void)state;
    fleet_on(&scenario, 31300, UINT64_C(1) << 20);
    assert_true(preflight_memory(&scenario, error, sizeof error));
    fleet_on(&scenario, 31300, UINT64_C(1) << 50);
    assert_false(preflight_memory(&scenario, error, sizeof error));
    assert_non_null(strstr(error, " of memory are available, 31457280 GB are needed"));
    scenario_clear(&scenario);
}

static void the_limit_of_open_files_is_raised_or_named(void **state)
{
    struct rlimit before, limit;
    struct scenario scenario = {0};
    char error[256] = "";

    (void)state;
    fleet_on(&scenario, 31300, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = (struct rlimit){64, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(preflight_files(&scenario, error, sizeof error));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(limit.rlim_cur >= 64 + 6 * 60);
    limit = (struct rlimit){64, 64};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_false(preflight_files(&scenario, error, sizeof error));
    assert_string_equal(error, "64 open files are allowed, 424 are needed for 60 processes: raise "
                               "the limit (ulimit -n 424)");
    scenario_clear(&scenario);
}

static void programs_that_are_not_there_are_named(void **state)
{
    struct programs programs;
    char error[PATH_MAX + 256] = "";

    (void)state;
    /* This test stands in tests/unit, where they are not. */
    assert_false(preflight_programs(&programs, error, sizeof error));
    assert_memory_equal(error, "stress-server is not beside the driver (", 40);
}

static int make_base(void **state)
{
    (void)state;
    return mkdtemp(base) == NULL ? -1 : 0;
}

static int remove_base(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", base);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_run_has_its_own),
        cmocka_unit_test(a_place_that_is_no_folder_is_named),
        cmocka_unit_test(a_latest_that_is_a_folder_is_left_alone),
        cmocka_unit_test(a_busy_port_is_named),
        cmocka_unit_test(too_little_memory_is_named),
        cmocka_unit_test(programs_that_are_not_there_are_named),
        cmocka_unit_test(the_limit_of_open_files_is_raised_or_named), /* lowers it for good */
    };

    return cmocka_run_group_tests(tests, make_base, remove_base);
}
