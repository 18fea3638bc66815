/*
 * Publishes the tally on the telemetry page that the environment names, from a small thread of its
 * own:
 *
 *     FLATLINE_SHIM=FD:PID
 *
 * PID is ten digits, 0 when the driver starts the program. The first process to find it so writes
 * its own number there, in place: it goes on publishing when it executes another program (a shell
 * that execs a server), and what it forks does not publish on its page.
 */
#include "common/base/clock.h"
#include "common/contract/page.h"
#include "probe/tally.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define VARIABLE "FLATLINE_SHIM"
#define PID_DIGITS 10
#define LOOK_NS PAGE_PAUSED_NS /* for orders */
#define STACK (64u * 1024)

static struct page *page;
static struct page_snapshot snapshot; /* too large for a small stack */

/* Not through stdio, whose buffers the program might find allocated. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char line[256] = "flatline-probe: ";
    size_t n = strlen(line);
    va_list args;

    va_start(args, format);
    vsnprintf(line + n, sizeof line - n - 1, format, args);
    va_end(args);
    n = strlen(line);
    line[n++] = '\n';
    (void)!write(STDERR_FILENO, line, n);
}

static void publish(void)
{
    snapshot.metrics.present = 0;
    metric_set(&snapshot.metrics, METRIC_LIVE_APP, tally_live());
    metric_set(&snapshot.metrics, METRIC_LIVE, snapshot.metrics.value[METRIC_LIVE_APP]);
    metric_set(&snapshot.metrics, METRIC_REFUSED, tally_refused());
    page_publish(page, &snapshot);
}

/*
 * The program cannot be told to pause: what makes it rest is that its clients do. So the order only
 * sets the pace, as it does for our own programs.
 */
static bool obey(uint64_t *period_ns)
{
    uint64_t argument;
    enum page_command_op op = page_pending(page, &argument);

    if (op == PAGE_COMMAND_NONE)
        return false;
    if (op == PAGE_COMMAND_PAUSE)
        *period_ns = PAGE_PAUSED_NS;
    else if (op == PAGE_COMMAND_RESUME)
        *period_ns = PAGE_PUBLISH_NS;
    else if (op != PAGE_COMMAND_PUBLISH) {
        page_acknowledge(page, PAGE_RESULT_UNSUPPORTED);
        return false;
    }
    publish();
    page_acknowledge(page, PAGE_RESULT_DONE);
    return true;
}

static void *run(void *unused)
{
    const struct timespec look = {.tv_nsec = (long)LOOK_NS};
    uint64_t period_ns = PAGE_PUBLISH_NS, published_ns = 0;

    for (;;) {
        if (obey(&period_ns))
            published_ns = clock_now_ns();
        if (clock_now_ns() - published_ns >= period_ns) {
            publish();
            published_ns = clock_now_ns();
        }
        nanosleep(&look, NULL);
    }
    return unused;
}

/* With every signal blocked: they are the program's. */
static int start_thread(void)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    int error;

    sigfillset(&all);
    pthread_attr_init(&attributes);
    /* The least holds the thread-local variables of all libraries. */
    pthread_attr_setstacksize(&attributes, STACK + (size_t)sysconf(_SC_THREAD_STACK_MIN));
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, &attributes, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error == 0)
        pthread_setname_np(thread, "flatline-probe");
    return error;
}

/* The page's descriptor, if this process is the one to publish; else -1. */
static int claim(void)
{
    char *text = getenv(VARIABLE), *end, digits[24]; /* of any long */
    long fd, pid;

    if (text == NULL)
        return -1;
    fd = strtol(text, &end, 10);
    if (end == text || *end != ':' || strlen(end + 1) != PID_DIGITS) {
        say("%s=%s is not FD:PID", VARIABLE, text);
        return -1;
    }
    pid = strtol(end + 1, NULL, 10);
    if (pid != 0 && pid != (long)getpid())
        return -1;
    snprintf(digits, sizeof digits, "%0*ld", PID_DIGITS, (long)getpid());
    memcpy(end + 1, digits, PID_DIGITS);
    return (int)fd;
}

static const void *object_of(const void *address)
{
    Dl_info info;

    return address != NULL && dladdr(address, &info) != 0 ? info.dli_fbase : NULL;
}

/*
 * Whether what the program calls comes to us: it may define an allocator itself. By trial, since
 * the address of a function may lie in the program although the function does not (ELF's canonical
 * PLT entries).
 */
static bool is_called(void)
{
    int64_t before = tally_live();
    void *volatile p = malloc(1);
    bool counted = tally_live() != before;

    free(p);
    return counted;
}

/* What would be counted is all or nothing: some of it would look like a leak. */
static bool can_count(void)
{
    const void *operator_new = object_of(dlsym(RTLD_DEFAULT, "_Znwm"));

    if (!is_called()) {
        say("the program brings its own malloc: its heap is not counted");
        return false;
    }
    /* jemalloc and tcmalloc define it, too, and do not go through malloc then. */
    if (operator_new != NULL && operator_new == object_of(dlsym(RTLD_NEXT, "malloc"))) {
        say("the program's allocator brings operator new: its heap is not counted");
        return false;
    }
    return true;
}

__attribute__((constructor)) static void begin(void)
{
    int fd = claim(), error;

    if (fd < 0)
        return;
    if (!can_count())
        return;
    page = page_attach(fd);
    if (page == NULL) {
        say("descriptor %d is no telemetry page of this version: %s", fd, strerror(errno));
        return;
    }
    publish();
    error = start_thread();
    if (error != 0)
        say("cannot start its thread: %s", strerror(error));
}
