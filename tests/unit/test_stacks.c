/* Stacks on their way from jeprof to a reader: made readable, summed up, the guilty one named. */
#include "common/run/stacks.h"
#include "driver/collapse.h"
#include "driver/collapse_perf.h"

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

static char folder[64], raw[128], stacks[128];

static void write_text(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

static int set_up(void **state)
{
    char path[128];

    (void)state;
    strcpy(folder, "/tmp/flatline-stacks.XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/" RUN_EVIDENCE, folder);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/" RUN_EVIDENCE "/server", folder);
    mkdir(path, 0755);
    snprintf(raw, sizeof raw, "%s/raw", folder);
    run_evidence_path(folder, "server", RUN_STACKS_FILE, stacks, sizeof stacks);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void collapse(const char *text)
{
    char error[256] = "";

    write_text(raw, text);
    if (!collapse_stacks(raw, stacks, error, sizeof error))
        fail_msg("%s", error);
}

static void assert_file(const char *path, const char *expected)
{
    char text[1024];
    FILE *in = fopen(path, "r");

    assert_non_null(in);
    text[fread(text, 1, sizeof text - 1, in)] = '\0';
    fclose(in);
    assert_string_equal(text, expected);
}

static void what_jeprof_adds_is_taken_away(void **state)
{
    (void)state;
    collapse(
        "main<0000000000009f90>;leak_hit[inline];planted_leak_call<00000000000144d0>;mem_alloc 10\n"
        "main;SSL_new@@OPENSSL_3.0.0;CRYPTO_zalloc@@OPENSSL_3.0.0;mem_alloc 7\n"
        "main<0000000000009f90>;leak_hit[inline];planted_leak_call;mem_alloc[inline] 5\n"
        "a<b>;operator new(unsigned long) 3\n");
    assert_file(stacks, "main;leak_hit[inline];planted_leak_call 15\n"
                        "main;SSL_new 7\n"
                        "a<b>;operator new(unsigned long) 3\n");
}

static void what_did_not_stay_is_left_out(void **state)
{
    (void)state;
    collapse("main;kept 1\nmain;freed -100\nmain;even 0\nUsing local file x\n\nmalloc 4\n");
    assert_file(stacks, "malloc 4\nmain;kept 1\n");
}

/* What was given back by one way to a function is set against what another way to it took. */
static void what_was_replaced_is_no_growth(void **state)
{
    (void)state;
    collapse("main;accept;open;session_new;buffer 20\n"
             "main;read;handshake;open;session_new;buffer -20\n"
             "main;work;leak 16\n"
             "main;other;leak -4\n"
             "main;gone;elsewhere -7\n");
    assert_file(stacks, "main;work;leak 12\n");
}

static void a_missing_file_is_named(void **state)
{
    char error[256];

    (void)state;
    assert_false(collapse_stacks(raw, stacks, error, sizeof error));
    assert_non_null(strstr(error, raw));
}

static void the_guilty_one_is_who_kept_most(void **state)
{
    struct run_guilty guilty;
    char text[512];

    (void)state;
    /* Two ways to the same function are more than one way to another. */
    write_text(stacks, "main;run;other 2097152\n"
                       "_start;main;run;service_done;leak_hit;leak_hit[inline];planted 1572864\n"
                       "_start;thread;service_done;leak_hit;planted 1048576\n");
    assert_true(run_guilty_read(&guilty, folder, "server"));
    assert_string_equal(guilty.frames, "planted <- leak_hit <- service_done <- run <- main");
    assert_int_equal(guilty.bytes, 2621440);
    assert_int_equal(guilty.total, 4718592);
    assert_false(guilty.flame);
    assert_string_equal(
        run_guilty_format(&guilty, text, sizeof text),
        "allocated in planted <- leak_hit <- service_done <- run <- main (2.50 MB of "
        "the 4.50 MB that stayed)");
}

static void no_stacks_have_a_reason(void **state)
{
    struct run_guilty guilty;
    char path[256], text[512];

    (void)state;
    assert_false(run_guilty_read(&guilty, folder, "server"));
    run_evidence_path(folder, "server", RUN_WHY_FILE, path, sizeof path);
    write_text(path, "jeprof is not in PATH\n");
    assert_true(run_guilty_read(&guilty, folder, "server"));
    assert_string_equal(guilty.frames, "");
    assert_string_equal(run_guilty_format(&guilty, text, sizeof text),
                        "where it was allocated is not known: jeprof is not in PATH");
    write_text(stacks, "");
    assert_true(run_guilty_read(&guilty, folder, "server"));
    assert_string_equal(guilty.why, "nothing stayed that was allocated meanwhile");
    assert_false(run_guilty_read(&guilty, folder, "client"));
}

/* A run folder from somebody else. */
static void nothing_is_read_from_elsewhere(void **state)
{
    struct run_guilty guilty;
    char path[256], outside[256];

    (void)state;
    snprintf(outside, sizeof outside, "%s/" RUN_WHY_FILE, folder);
    write_text(outside, "secret\n");
    assert_false(run_guilty_read(&guilty, folder, ".."));
    assert_false(run_guilty_read(&guilty, folder, "server/../.."));
    assert_string_equal(run_evidence_path("run", "../a/b", "f", path, sizeof path),
                        "run/" RUN_EVIDENCE "/_._a_b/f");
    run_evidence_path(folder, "server", RUN_WHY_FILE, path, sizeof path);
    assert_int_equal(symlink(outside, path), 0);
    assert_false(run_guilty_read(&guilty, folder, "server"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(run_guilty_read(&guilty, folder, "server")); /* at once */
}

static void names_as_long_as_they_come_fit(void **state)
{
    char name[400], line[2100];
    struct run_guilty guilty;

    (void)state;
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(line, sizeof line, "%s;%s;short 5\n", name, name);
    write_text(stacks, line);
    assert_true(run_guilty_read(&guilty, folder, "server"));
    assert_string_equal(guilty.frames, "short");
}

/* What a run's folder says may be anybody's. */
static void numbers_that_no_sum_can_hold_are_passed_over(void **state)
{
    struct run_stacks read;
    char error[256];

    (void)state;
    write_text(raw, "a 9223372036854775807\nb -9223372036854775808\nc 4611686018427387000\n"
                    "d 4611686018427387000\ne 7\n");
    assert_true(run_stacks_read(&read, raw, error, sizeof error));
    assert_int_equal(read.count, 2);
    assert_string_equal(read.items[0].frames, "c");
    assert_string_equal(read.items[1].frames, "e");
    assert_true(read.total == INT64_C(4611686018427387007));
    run_stacks_free(&read);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void collapse_samples(const char *text, uint64_t expected)
{
    uint64_t samples = 0;
    char error[256] = "";

    write_text(raw, text);
    if (!collapse_perf(raw, stacks, &samples, error, sizeof error))
        fail_msg("%s", error);
    assert_int_equal(samples, expected);
}

/* As perf 6.1 printed it of a server in C. */
static void samples_of_a_program_and_the_kernel(void **state)
{
    (void)state;
    collapse_samples("stress-server  9113 cpu-clock: \n"
                     "\tffffffff82200130 schedule ([kernel.kallsyms])\n"
                     "\t          108ef3 epoll_wait (/usr/lib/x86_64-linux-gnu/libc.so.6)\n"
                     "\t            5f2a [unknown] (/usr/lib/x86_64-linux-gnu/libev.so.4.0.0)\n"
                     "\t            a0e8 main (/opt/my programs/stress-server (deleted))\n"
                     "\t           27304 __libc_start_main@@GLIBC_2.34 (/usr/lib/libc.so.6)\n"
                     "\n"
                     "stress-server  9113 cpu-clock: \n"
                     "\t            5280 nghttp2_session_want_read@plt (/usr/lib/libnghttp2.so)\n"
                     "\t7ffc0b1f9a30 [unknown] ([unknown])\n"
                     "\t            a0e8 main (/opt/my programs/stress-server (deleted))\n"
                     "\n"
                     "stress-server  9113 cpu-clock: \n"
                     "\tffffffffc0a01130 nft_do_chain ([nf_tables])\n"
                     "\t7ffd5d5f2a10 __vdso_clock_gettime ([vdso])\n"
                     "\n"
                     "stress-server  9113 cpu-clock: \n"
                     "\tffffffff82200130 [unknown] ([kernel.kallsyms])\n"
                     "\n",
                     4);
    assert_file(stacks,
                "stress-server;[kernel]_[k] 1\n"
                "stress-server;__libc_start_main;main;[libev.so.4.0.0];epoll_wait;schedule_[k] 1\n"
                "stress-server;__vdso_clock_gettime;nft_do_chain_[k] 1\n"
                "stress-server;main;nghttp2_session_want_read 1\n");
}

/* Names of threads, of C++ and of JavaScript have blanks and parentheses. */
static void samples_of_other_languages(void **state)
{
    (void)state;
    collapse_samples(
        "           node 31555 cpu-clock: \n"
        "\t    7f0f15fecd1b JS:^decode; /home/me/node_modules/@a/b.js:553:33 "
        "(/tmp/perf-31430.map)\n"
        "\t    7f0f15fecd1b JS:*emit node:events:471:44 (/tmp/perf-31430.map)\n"
        "\t          932ce1 node::(anonymous namespace)::PlatformWorkerThread (/usr/bin/node)\n"
        "\t           891f5 operator() (/usr/lib/x86_64-linux-gnu/libgrpc.so.29)\n"
        "\n"
        "V8 Worker Thread   31556 cpu-clock: \n"
        "\t           891f5 std::function<void (int)>::operator() (/usr/lib/libgrpc.so.29)\n"
        "\n"
        "V8 Worker Thread   31556 cpu-clock: \n"
        "\t           891f5 std::function<void (int)>::operator() (/usr/lib/libgrpc.so.29)\n",
        3);
    assert_file(stacks,
                "V8 Worker Thread;std::function<void (int)>::operator() 2\n"
                "node;operator();node::(anonymous namespace)::PlatformWorkerThread;JS:*emit "
                "node:events:471:44;JS:^decode: b.js:553:33 1\n");
}

static void no_samples_are_no_failure(void **state)
{
    uint64_t samples;
    char error[256] = "";

    (void)state;
    collapse_samples("", 0);
    assert_file(stacks, "");
    assert_false(collapse_perf("/nowhere/raw", stacks, &samples, error, sizeof error));
    assert_non_null(strstr(error, "/nowhere/raw"));
    write_text(raw, "a  1 cpu-clock: \n\t 1 f (/x)\n\n");
    assert_false(collapse_perf(raw, "/dev/full", &samples, error, sizeof error));
    assert_non_null(strstr(error, "No space left"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_jeprof_adds_is_taken_away),
        TEST(what_did_not_stay_is_left_out),
        TEST(what_was_replaced_is_no_growth),
        TEST(a_missing_file_is_named),
        TEST(the_guilty_one_is_who_kept_most),
        TEST(no_stacks_have_a_reason),
        TEST(nothing_is_read_from_elsewhere),
        TEST(names_as_long_as_they_come_fit),
        TEST(samples_of_a_program_and_the_kernel),
        TEST(samples_of_other_languages),
        TEST(numbers_that_no_sum_can_hold_are_passed_over),
        TEST(no_samples_are_no_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
