/* spawn, proc and guardian on real processes. */
#include "config.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/contract/page.h"
#include "driver/guardian.h"
#include "driver/proc.h"
#include "driver/spawn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_NS (120 * NS_PER_S)

/* A sanitizer's shadow memory counts as data, and makes every cap too small. */
#ifdef FL_SANITIZED
#define MOST_DATA (UINT64_C(1) << 50)
#else
#define MOST_DATA (UINT64_C(1) << 30)
#endif
#define ARGV(...) ((char *[]){(char *)FAKE_CHILD, __VA_ARGS__, NULL})
#define SHELL(script) ((char *[]){(char *)"/bin/sh", (char *)"-c", (char *)(script), NULL})
#define ARG(text) ((char *)(text))

static char log_path[] = "/tmp/flatline-spawn.XXXXXX";

static struct spawn_request request_for(char *const *argv)
{
    return (struct spawn_request){
        .argv = argv, .envp = environ, .log_path = log_path, .page_fd = -1, .page_target = 3};
}

static const char *read_log(void)
{
    static char text[8192];
    int fd = open(log_path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);

    close(fd);
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

/* Runs a script in a child of ours; its output is in the log. */
static struct spawn_end run(const char *script)
{
    struct spawn_request request = request_for(SHELL(script));
    struct spawn_end end = {-1, -1};
    char error[256] = "";

    assert_int_equal(truncate(log_path, 0), 0);
    if (!spawn_run(&request, LIMIT_NS, &end, error, sizeof error))
        fail_msg("%s", error);
    return end;
}

static void statuses_are_told_apart(void **state)
{
    struct spawn_end end;

    (void)state;
    end = run("exit 0");
    assert_int_equal(end.code, 0);
    assert_int_equal(end.signal, 0);
    end = run("exit 251");
    assert_int_equal(end.code, 251);
    end = run("kill -KILL $$");
    assert_int_equal(end.code, -1);
    assert_int_equal(end.signal, SIGKILL);
}

static void a_missing_program_is_named(void **state)
{
    char *argv[] = {ARG("/nowhere/program"), NULL};
    struct spawn_request request = request_for(argv);
    struct spawn_end end;
    char error[256] = "";

    (void)state;
    assert_false(spawn_run(&request, LIMIT_NS, &end, error, sizeof error));
    assert_string_equal(error, "/nowhere/program: cannot execute it: No such file or directory");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void a_child_gets_nothing_but_its_own(void **state)
{
    int stray = open("/dev/null", O_RDONLY); /* deliberately without O_CLOEXEC */
    struct spawn_end end;

    (void)state;
    assert_true(stray >= 0);
    /* The first 28 signals: glibc keeps 32 and 33 to itself. */
    signal(SIGUSR1, SIG_IGN);
    /* No pipe: the shell's ends of one would be among its descriptors for a moment. */
    end = run("ls -m /proc/$$/fd; awk '/SigIgn|SigBlk/ {print substr($2, 10)}' "
              "/proc/self/status; "
              "ps -o pgid= -o pid= -p $$ | awk '{print ($1 == $2) ? \"leader\" : \"member\"}'");
    signal(SIGUSR1, SIG_DFL);
    close(stray);
    assert_int_equal(end.code, 0);
    assert_string_equal(read_log(), "0, 1, 2\n0000000\n0000000\n"
                                    "leader\n");
}

static void a_child_gains_no_rights(void **state)
{
    (void)state;
    run("awk '/NoNewPrivs/ {print $2}' /proc/self/status");
    assert_string_equal(read_log(), "1\n");
}

static void children_yield_to_the_driver(void **state)
{
    char expected[32], script[128];
    /* The kernel's 19 is the last. */
    int theirs = nice(0) + SPAWN_NICE < 19 ? nice(0) + SPAWN_NICE : 19;

    (void)state;
    snprintf(expected, sizeof expected, "%d\n", theirs);
    /* The priority is set after the fork: it takes what time it may. */
    snprintf(script, sizeof script,
             "n=0; while [ $(nice) != %d ] && [ $((n += 1)) -lt 600 ]; do sleep 0.1; done; nice",
             theirs);
    run(script);
    assert_string_equal(read_log(), expected);
}

static void a_hanging_program_is_killed(void **state)
{
    struct spawn_request request = request_for(SHELL("trap '' TERM; sleep 60"));
    struct spawn_end end;
    char error[256] = "";

    (void)state;
    assert_false(spawn_run(&request, NS_PER_S, &end, error, sizeof error));
    assert_string_equal(error, "/bin/sh: not done after 1 s, killed");
}

/* Waits until the page says ready. */
static void await_ready(const struct page *page)
{
    static struct page_snapshot snapshot;
    uint64_t deadline = clock_now_ns() + LIMIT_NS;

    while (!page_read(page, &snapshot) || snapshot.state != PAGE_READY) {
        assert_true(clock_now_ns() < deadline);
        poll(NULL, 0, 2);
    }
}

static struct spawn_end await_end(struct spawned *child)
{
    struct pollfd poll_fd = {.fd = child->pidfd, .events = POLLIN};
    struct spawn_end end = {-1, -1};

    assert_int_equal(poll(&poll_fd, 1, (int)(LIMIT_NS / NS_PER_MS)), 1);
    assert_true(spawn_is_dead(child));
    while (!spawn_reap(child, &end)) {
        assert_true(spawn_lingers(child));
        poll(NULL, 0, 1);
    }
    spawn_release(child);
    return end;
}

static void the_page_and_proc_show_a_child(void **state)
{
    struct spawn_request request = request_for(ARGV(ARG("--telemetry-fd"), ARG("3")));
    struct metric_values values = {0};
    int64_t pss = 0;
    struct spawned child;
    char error[256] = "";
    struct page *page;
    struct proc proc;

    (void)state;
    page = page_create(&request.page_fd);
    assert_non_null(page);
    assert_true(spawn_start(&request, &child, error, sizeof error));
    close(request.page_fd);
    await_ready(page);
    assert_false(spawn_is_dead(&child));
    proc_open(&proc, child.pid);
    proc_read(&proc, &values);
    assert_true(proc_read_pss(child.pid, &pss));
    assert_int_equal(values.value[METRIC_THREADS], 1);
    assert_int_equal(values.value[METRIC_FDS], 4);
    assert_true(metric_has(&values, METRIC_CPU));
    assert_in_range(values.value[METRIC_DATA], 10 << 10, MOST_DATA);
    assert_in_range(values.value[METRIC_RSS], 100 << 10, 1 << 30);
    assert_in_range(pss, 10 << 10, values.value[METRIC_RSS]);
    spawn_signal(&child, SIGTERM);
    while (!spawn_is_dead(&child))
        poll(NULL, 0, 1);
    /* A zombie: no memory to measure, which is not the same as none used. */
    values.present = 0;
    proc_read(&proc, &values);
    assert_false(metric_has(&values, METRIC_DATA));
    assert_false(metric_has(&values, METRIC_RSS));
    assert_int_equal(await_end(&child).code, 0);
    values.present = 0;
    proc_read(&proc, &values);
    assert_int_equal(values.present, 0);
    proc_close(&proc);
    page_free(page);
}

#ifndef FL_SANITIZED
static void the_cap_refuses_and_the_page_survives(void **state)
{
    struct spawn_request request =
        request_for(ARGV(ARG("--telemetry-fd"), ARG("3"), ARG("--allocate")));
    char error[256] = "", words[PAGE_OBITUARY];
    struct spawned child;
    struct page *page;

    (void)state;
    page = page_create(&request.page_fd);
    request.data_limit = 16 << 20;
    assert_true(spawn_start(&request, &child, error, sizeof error));
    close(request.page_fd);
    assert_int_equal(await_end(&child).code, STATUS_HEAP_OVERFLOW);
    assert_true(page_read_obituary(page, words, sizeof words));
    assert_string_equal(words, "heap overflow: 65536 bytes refused to app");
    page_free(page);
}
#endif

/* A process that leaves group, session and environment behind is found nowhere but in its
 * namespace. */
static void a_namespace_ends_with_its_child(void **state)
{
    char error[256] = "", script[128], look[64];
    struct spawn_request request = request_for(SHELL(script));
    struct spawned child;

    (void)state;
    /* Told from that of another one of this test by its length. */
    snprintf(script, sizeof script, "setsid -f env -i sleep 777.%d </dev/null; exec sleep 777",
             (int)getpid());
    snprintf(look, sizeof look, "pgrep -fx 'sleep 777.%d' >/dev/null", (int)getpid());
    request.isolate = true;
    assert_true(spawn_start(&request, &child, error, sizeof error));
    if (child.init == 0) {
        spawn_signal(&child, SIGKILL);
        await_end(&child);
        skip();
    }
    while (system(look) != 0)
        poll(NULL, 0, 5);
    /* Signals work as outside: it is not the first of its namespace. */
    spawn_signal(&child, SIGTERM);
    assert_int_equal(await_end(&child).signal, SIGTERM);
    assert_int_not_equal(system(look), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* How many processes carry the guardian's mark. */
static int count_marked(const char *mark)
{
    char command[256];
    FILE *pipe;
    int count = -1;

    snprintf(command, sizeof command, "grep -lzFx '%s' /proc/[0-9]*/environ 2>/dev/null | wc -l",
             mark);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%d", &count), 1);
    pclose(pipe);
    return count;
}

static void options_of_the_driver_are_none_of_its_children(void **state)
{
    struct guardian *guardian;
    char error[200];
    size_t kept = 0;

    (void)state;
    setenv("FLATLINE_GZIP", "1", 1);
    setenv("FLATLINED", "mine", 1);
    guardian = guardian_new(NULL, error, sizeof error);
    assert_non_null(guardian);
    for (char *const *entry = guardian_environment(guardian); *entry != NULL; entry++) {
        assert_int_not_equal(strncmp(*entry, "FLATLINE_GZIP=", 14), 0);
        if (strcmp(*entry, "FLATLINED=mine") == 0 || strncmp(*entry, "FLATLINE_RUN_", 13) == 0)
            kept++;
    }
    assert_int_equal(kept, 2);
    guardian_free(guardian);
    unsetenv("FLATLINE_GZIP");
    unsetenv("FLATLINED");
}

static void a_patient_guardian_kills_later(void **state)
{
    struct spawn_request request = request_for(ARGV(ARG("--ignore-term")));
    const unsigned patience_ms = 400;
    struct guardian *guardian;
    struct spawned child;
    uint64_t begun_ns;
    char error[256];
    int status;

    (void)state;
    guardian = guardian_new_patient(patience_ms, error, sizeof error);
    assert_non_null(guardian);
    assert_true(spawn_start(&request, &child, error, sizeof error));
    guardian_watch(guardian, child.pid);
    begun_ns = clock_now_ns();
    guardian_free(guardian);
    assert_true(clock_now_ns() - begun_ns >= patience_ms * NS_PER_MS);
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    spawn_release(&child);
    /* Of whom nobody is left it waits for nothing: this ends at once, or the test's alarm ends it.
     */
    guardian = guardian_new_patient(3600 * 1000, error, sizeof error);
    assert_non_null(guardian);
    guardian_free(guardian);
}

/* A driver of its own: guardian, a child that ran away, then the end that `how` says. */
static void be_a_driver(int report, bool killed)
{
    struct spawn_request request = request_for(ARGV(ARG("--setsid"), ARG("--ignore-term")));
    struct guardian *guardian;
    struct spawned child;
    char error[256], mark[128];

    guardian = guardian_new(NULL, error, sizeof error);
    if (guardian == NULL)
        _exit(1);
    request.envp = guardian_environment(guardian);
    if (!spawn_start(&request, &child, error, sizeof error))
        _exit(2);
    guardian_watch(guardian, child.pid);
    snprintf(mark, sizeof mark, "%s", request.envp[0]);
    if (write(report, mark, strlen(mark) + 1) < 0)
        _exit(3);
    while (count_marked(mark) < 3) /* the child, its shell, the shell's sleep */
        poll(NULL, 0, 10);
    if (killed)
        raise(SIGKILL);
    spawn_signal(&child, SIGKILL);
    guardian_forget(guardian, child.pid);
    waitpid(child.pid, NULL, 0);
    guardian_free(guardian);
    _exit(count_marked(mark));
}

static int end_of_a_driver(bool killed, char *mark, size_t cap)
{
    int pipe[2], status = -1;
    pid_t pid;

    assert_int_equal(pipe2(pipe, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        be_a_driver(pipe[1], killed);
    close(pipe[1]);
    assert_true(read(pipe[0], mark, cap) > 0);
    close(pipe[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void sigkill_of_the_driver_leaves_nothing(void **state)
{
    uint64_t deadline = clock_now_ns() + LIMIT_NS;
    char mark[128];
    int status;

    (void)state;
    status = end_of_a_driver(true, mark, sizeof mark);
    assert_true(WIFSIGNALED(status));
    while (count_marked(mark) > 0) {
        assert_true(clock_now_ns() < deadline);
        poll(NULL, 0, 20);
    }
}

static void a_normal_end_leaves_nothing(void **state)
{
    char mark[128];
    int status;

    (void)state;
    status = end_of_a_driver(false, mark, sizeof mark);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int make_log(void **state)
{
    int fd = mkstemp(log_path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_log(void **state)
{
    (void)state;
    return unlink(log_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_are_told_apart),
        cmocka_unit_test(a_missing_program_is_named),
        cmocka_unit_test(a_child_gets_nothing_but_its_own),
        cmocka_unit_test(a_child_gains_no_rights),
        cmocka_unit_test(children_yield_to_the_driver),
        cmocka_unit_test(a_hanging_program_is_killed),
        cmocka_unit_test(the_page_and_proc_show_a_child),
#ifndef FL_SANITIZED
        cmocka_unit_test(the_cap_refuses_and_the_page_survives),
#endif
        cmocka_unit_test(a_namespace_ends_with_its_child),
        cmocka_unit_test(options_of_the_driver_are_none_of_its_children),
        cmocka_unit_test(a_patient_guardian_kills_later),
        cmocka_unit_test(sigkill_of_the_driver_leaves_nothing),
        cmocka_unit_test(a_normal_end_leaves_nothing),
    };

    alarm(600);
    return cmocka_run_group_tests(tests, make_log, remove_log);
}
