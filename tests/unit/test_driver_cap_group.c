/* Memory cgroups, both versions, on files as kernels have them; that they cap is seen in
 * tests/e2e/driver_cgroup.sh. */
#include "driver/cap_group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[] = "/tmp/flatline-cgroup.XXXXXX";

/* Into a static buffer: one path at a time. */
static const char *in_base(const char *name)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", base, name);
    return path;
}

static void make_folder(const char *name)
{
    assert_int_equal(mkdir(in_base(name), 0755), 0);
}

static void record(const char *name, const char *text)
{
    FILE *file = fopen(in_base(name), "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* In mounts %s is where this test has its folders. */
static void record_proc(const char *mounts, const char *cgroup)
{
    char text[2 * PATH_MAX];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, mounts, base);
#pragma GCC diagnostic pop
    record("mounts", text);
    record("cgroup", cgroup);
}

static void assert_found(const struct cap_cgroup *version, const char *name)
{
    char found[PATH_MAX];

    assert_true(version->find(base, found));
    assert_string_equal(found, in_base(name));
}

static void assert_text(const char *name, const char *expected)
{
    char text[128] = "";
    FILE *file = fopen(in_base(name), "r");

    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, expected);
}

#define V1_MOUNTS                                                 \
    "tmpfs /sys/fs/cgroup tmpfs rw,relatime,mode=755 0 0\n"       \
    "cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu 0 0\n"      \
    "cgroup %s/v1 cgroup rw,nosuid,relatime,memory,hugetlb 0 0\n" \
    "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n"

static void version_1_is_found_below_its_own_group(void **state)
{
    char found[PATH_MAX];

    (void)state;
    make_folder("v1");
    make_folder("v1/job");
    record_proc(V1_MOUNTS, "9:name=systemd:/\n4:hugetlb,memory:/job\n1:cpu:/\n0::/\n");
    assert_found(&cap_cgroup1, "v1/job");
    record_proc(V1_MOUNTS, "4:memory:/\n");
    assert_found(&cap_cgroup1, "v1");
    /* As a container may see it: the path is the host's. */
    record_proc(V1_MOUNTS, "4:memory:/docker/0123\n");
    assert_found(&cap_cgroup1, "v1");
    /* Not a controller whose name begins so. */
    record_proc(V1_MOUNTS, "4:memory2:/job\n");
    assert_false(cap_cgroup1.find(base, found));
    record_proc("cgroup %s/v1 cgroup rw,cpu 0 0\n", "4:memory:/\n");
    assert_false(cap_cgroup1.find(base, found));
    assert_false(cap_cgroup1.find(in_base("v1"), found));
}

#define V2_MOUNTS                     \
    "proc /proc proc rw,nosuid 0 0\n" \
    "cgroup2 %s/v2 cgroup2 rw,nsdelegate,memory_recursiveprot 0 0\n"

static void version_2_is_found_where_it_has_memory(void **state)
{
    char found[PATH_MAX];

    (void)state;
    make_folder("v2");
    make_folder("v2/user.slice");
    record_proc(V2_MOUNTS, "0::/user.slice\n");
    assert_false(cap_cgroup2.find(base, found));
    record("v2/user.slice/cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n");
    assert_found(&cap_cgroup2, "v2/user.slice");
    assert_false(cap_cgroup1.find(base, found));
    /* Version 1 has the memory. */
    record("v2/user.slice/cgroup.controllers", "\n");
    assert_false(cap_cgroup2.find(base, found));
    record("v2/user.slice/cgroup.controllers", "cpu memory\n");
    record_proc(V2_MOUNTS, "4:memory:/user.slice\n");
    assert_false(cap_cgroup2.find(base, found));
}

static void version_1_caps_and_reports(void **state)
{
    struct cap_report report;
    char group[PATH_MAX];

    (void)state;
    make_folder("one");
    snprintf(group, sizeof group, "%s", in_base("one"));
    assert_false(cap_cgroup1.limit(group, 64 << 20));
    assert_false(cap_cgroup1.read(group, &report));
    record("one/memory.limit_in_bytes", "");
    assert_true(cap_cgroup1.limit(group, 64 << 20));
    assert_text("one/memory.limit_in_bytes", "67108864");
    record("one/memory.memsw.limit_in_bytes", "");
    assert_true(cap_cgroup1.limit(group, 64 << 20));
    assert_text("one/memory.memsw.limit_in_bytes", "67108864");
    record("one/memory.failcnt", "371\n");
    record("one/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
    assert_true(cap_cgroup1.read(group, &report));
    assert_int_equal(report.kills, 1);
    assert_int_equal(report.refusals, 371);
    /* Before Linux 4.13. */
    record("one/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n");
    assert_true(cap_cgroup1.read(group, &report));
    assert_int_equal(report.kills, -1);
}

static void version_2_caps_and_reports(void **state)
{
    struct cap_report report;
    char group[PATH_MAX];

    (void)state;
    make_folder("two");
    snprintf(group, sizeof group, "%s", in_base("two"));
    assert_false(cap_cgroup2.enable(group));
    record("two/cgroup.subtree_control", "");
    assert_true(cap_cgroup2.enable(group));
    assert_text("two/cgroup.subtree_control", "+memory");
    assert_false(cap_cgroup2.limit(group, 64 << 20));
    record("two/memory.max", "");
    record("two/memory.swap.max", "");
    assert_true(cap_cgroup2.limit(group, 64 << 20));
    assert_text("two/memory.max", "67108864");
    assert_text("two/memory.swap.max", "0");
    assert_false(cap_cgroup2.read(group, &report));
    record("two/memory.events", "low 0\nhigh 0\nmax 2035\noom 3\noom_kill 2\noom_group_kill 0\n");
    assert_true(cap_cgroup2.read(group, &report));
    assert_int_equal(report.kills, 2);
    assert_int_equal(report.refusals, 2035);
}

static void groups_that_are_not_wanted_are_not_looked_for(void **state)
{
    struct component one = {.name = "one", .cap = CAP_DATA, .heap_cap = 1 << 20};
    const struct scenario scenario = {.components = &one, .count = 1};
    struct cap_groups groups;
    struct cap_report report;
    char error[256] = "";

    (void)state;
    assert_true(cap_groups_find(&groups, &scenario, error, sizeof error));
    assert_null(groups.version);
    assert_true(cap_groups_make(&groups, &scenario, error, sizeof error));
    assert_false(cap_groups_report(&groups, &one, &report));
    assert_false(cap_groups_report(NULL, &one, &report));
    assert_string_equal(error, "");
}

static void a_parent_goes_with_its_groups(void **state)
{
    (void)state;
    make_folder("parent");
    make_folder("parent/component-a");
    make_folder("parent/component-b");
    make_folder("parent/component-b/busy");
    assert_false(cap_groups_remove(in_base("parent")));
    assert_int_not_equal(access(in_base("parent/component-a"), F_OK), 0);
    assert_int_equal(rmdir(in_base("parent/component-b/busy")), 0);
    assert_true(cap_groups_remove(in_base("parent")));
    assert_int_not_equal(access(in_base("parent"), F_OK), 0);
    assert_true(cap_groups_remove(in_base("parent")));
}

static int make_base(void **state)
{
    (void)state;
    return mkdtemp(base) == NULL ? -1 : 0;
}

static int remove_base(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -r %s", base);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_is_found_below_its_own_group),
        cmocka_unit_test(version_2_is_found_where_it_has_memory),
        cmocka_unit_test(version_1_caps_and_reports),
        cmocka_unit_test(version_2_caps_and_reports),
        cmocka_unit_test(groups_that_are_not_wanted_are_not_looked_for),
        cmocka_unit_test(a_parent_goes_with_its_groups),
    };

    return cmocka_run_group_tests_name("driver cap group", tests, make_base, remove_base);
}
