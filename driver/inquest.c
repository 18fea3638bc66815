#include "driver/inquest.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/run/stacks.h"
#include "driver/collapse.h"
#include "driver/keepsake.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTLE_NS (3 * NS_PER_S) /* whoever was being restarted is connected again */
/* A peer that dies within so much of it is connected again at its end. */
#define SETTLE_DEATHS_NS NS_PER_S
#define GATHER_NS (8 * NS_PER_S)
/* A slow leak needs longer to stand out from a connection more or less. */
#define GATHER_SLOW_NS (15 * NS_PER_S)
#define SLOW 65536. /* bytes a second */
/* What the profiler and a leak may take on top: it ends early rather than hit the raised cap. */
#define ROOM (UINT64_C(256) << 20)
#define ROOM_LEFT (ROOM / 4)
/*
 * A sampled object takes a page run of 16 KiB, and its stack some microseconds: a leak is sampled
 * as coarsely as still leaves about so many samples, whose sum is right to a tenth.
 */
#define SAMPLES 128
#define LG_SAMPLE_MIN 7  /* else traffic hardly moves, and with it the leak */
#define LG_SAMPLE_MAX 19 /* jemalloc's default */
#define RAW_FILE "jeprof.out"
#define LOG_FILE "jeprof.log"

static char *in_folder(const struct inquest *s, const char *file, char *out, size_t cap)
{
    return run_evidence_path(s->run_dir, s->component->name, file, out, cap);
}

static char *dump_path(const struct inquest *s, int number, char *out, size_t cap)
{
    char file[40];

    snprintf(file, sizeof file, "%d.%d.heap", (int)s->pid, number);
    return in_folder(s, file, out, cap);
}

static void enter(struct inquest *s, enum inquest_step step, uint64_t now_ns)
{
    s->step = step;
    s->since_ns = now_ns;
}

static void fail(struct inquest *s, const char *why)
{
    char path[PATH_MAX];

    log_warn("evidence: %s: %s", s->component->name, why);
    keepsake_write_line(in_folder(s, RUN_WHY_FILE, path, sizeof path), why);
    enter(s, INQUEST_OVER, 0);
}

bool inquest_begin(struct inquest *s, const char *repeat, char *error, size_t cap)
{
    char path[PATH_MAX];

    in_folder(s, "", path, sizeof path);
    if (mkdir(path, 0755) < 0 && errno != EEXIST) {
        snprintf(error, cap, "%s: %s", path, strerror(errno));
        return false;
    }
    keepsake_write_line(in_folder(s, KEEPSAKE_COMMAND, path, sizeof path), repeat);
    keepsake_log(s->run_dir, s->component->name, in_folder(s, KEEPSAKE_LOG, path, sizeof path));
    s->step = INQUEST_READY;
    return true;
}

static uint64_t gather_ns(double growth)
{
    return growth < SLOW ? GATHER_SLOW_NS : GATHER_NS;
}

static unsigned lg_sample(double growth)
{
    double bytes = growth * (double)(SETTLE_NS + gather_ns(growth)) / NS_PER_S / SAMPLES;

    return fmax(LG_SAMPLE_MIN, fmin(floor(log2(fmax(bytes, 1))), LG_SAMPLE_MAX));
}

static void order(struct inquest *s, struct process *p, enum page_command_op op, uint64_t argument,
                  enum inquest_step next, uint64_t now_ns)
{
    s->command = page_order(p->page, op, argument);
    enter(s, next, now_ns);
}

/* True once it has answered that it is done; what else it answers ends the matter. */
static bool is_done(struct inquest *s, const struct process *p)
{
    enum page_command_result result;

    if (!page_acknowledged(p->page, s->command, &result))
        return false;
    if (result == PAGE_RESULT_UNSUPPORTED)
        fail(s, "it has no heap profiler: built without jemalloc");
    else if (result != PAGE_RESULT_DONE)
        fail(s, "its heap profiler failed, see its log");
    return result == PAGE_RESULT_DONE;
}

static void when_ready(struct inquest *s, struct process *p, uint64_t now_ns)
{
    char path[PATH_MAX];

    if (p == NULL)
        return;
    s->pid = p->child.pid;
    if (s->component->command != NULL) {
        keepsake_descriptors(s->pid, in_folder(s, KEEPSAKE_DESCRIPTORS, path, sizeof path));
        fail(s, "it is not a program of ours, whose heap could be profiled");
        return;
    }
    if (p->page == NULL) {
        fail(s, "it has no heap profiler: it is none of our programs");
        return;
    }
    if (process_ready_ns(p) == 0)
        return;
    if (s->component->heap_cap != 0 && !process_raise_cap(p, s->component->heap_cap + ROOM))
        log_warn("evidence: %s: its cap cannot be raised: %s", s->component->name, strerror(errno));
    order(s, p, PAGE_COMMAND_PROFILE_START, lg_sample(s->growth), INQUEST_PROFILER, now_ns);
}

static void when_profiler(struct inquest *s, struct process *p, uint64_t now_ns)
{
    if (is_done(s, p))
        enter(s, INQUEST_SETTLED, now_ns);
}

static void when_settled(struct inquest *s, struct process *p, uint64_t now_ns)
{
    order(s, p, PAGE_COMMAND_PROFILE_DUMP, 1, INQUEST_FIRST, now_ns);
}

static void when_first(struct inquest *s, struct process *p, uint64_t now_ns)
{
    if (is_done(s, p))
        enter(s, INQUEST_GATHERED, now_ns);
}

static void when_gathered(struct inquest *s, struct process *p, uint64_t now_ns)
{
    order(s, p, PAGE_COMMAND_PROFILE_DUMP, 2, INQUEST_SECOND, now_ns);
}

/* The shell, for it keeps the stacks apart from what jeprof says beside them. */
static bool start_jeprof(struct inquest *s, char *error, size_t cap)
{
    char first[PATH_MAX], second[PATH_MAX], raw[PATH_MAX], log[PATH_MAX];
    char shell[] = "/bin/sh", option[] = "-c", name[] = "jeprof";
    char script[] = "exec jeprof --collapsed \"--base=$1\" \"$2\" \"$3\" >\"$4\"";
    char *argv[] = {shell,
                    option,
                    script,
                    name,
                    dump_path(s, 1, first, sizeof first),
                    (char *)s->program,
                    dump_path(s, 2, second, sizeof second),
                    in_folder(s, RAW_FILE, raw, sizeof raw),
                    NULL};
    struct spawn_request request = {.argv = argv,
                                    .envp = guardian_environment(s->guardian),
                                    .log_path = in_folder(s, LOG_FILE, log, sizeof log),
                                    .page_fd = -1};

    if (!spawn_start(&request, &s->jeprof, error, cap))
        return false;
    spawn_hurry(&s->jeprof);
    return true;
}

static void when_second(struct inquest *s, struct process *p, uint64_t now_ns)
{
    char path[PATH_MAX], error[2 * PATH_MAX];

    if (!is_done(s, p))
        return;
    keepsake_descriptors(p->child.pid, in_folder(s, KEEPSAKE_DESCRIPTORS, path, sizeof path));
    if (!start_jeprof(s, error, sizeof error))
        fail(s, error);
    else
        enter(s, INQUEST_STACKS, now_ns);
}

static void remove_drafts(const struct inquest *s)
{
    char path[PATH_MAX];

    unlink(in_folder(s, RAW_FILE, path, sizeof path));
    unlink(in_folder(s, LOG_FILE, path, sizeof path));
}

static void make_stacks(struct inquest *s, const struct spawn_end *end)
{
    char raw[PATH_MAX], stacks[PATH_MAX], log[PATH_MAX], why[2 * PATH_MAX];

    if (end->code == 127) {
        fail(s, "jeprof is not in PATH: install it (apt-get install libjemalloc-dev)");
    } else if (end->code != 0) {
        keepsake_first_line(in_folder(s, LOG_FILE, log, sizeof log), log, sizeof log);
        snprintf(why, sizeof why, "jeprof failed (status %d): %s", end->code, log);
        fail(s, why);
    } else if (!collapse_stacks(in_folder(s, RAW_FILE, raw, sizeof raw),
                                in_folder(s, RUN_STACKS_FILE, stacks, sizeof stacks), why,
                                sizeof why)) {
        fail(s, why);
    } else {
        s->explained = true;
        enter(s, INQUEST_OVER, 0);
    }
    remove_drafts(s);
}

static void when_stacks(struct inquest *s, struct process *p, uint64_t now_ns)
{
    struct spawn_end end;

    (void)p, (void)now_ns;
    if (!spawn_is_dead(&s->jeprof) || !spawn_reap(&s->jeprof, &end))
        return;
    spawn_release(&s->jeprof);
    make_stacks(s, &end);
}

typedef void look_fn(struct inquest *s, struct process *p, uint64_t now_ns);

static look_fn *const looks[INQUEST_OVER] = {
    [INQUEST_READY] = when_ready,       [INQUEST_PROFILER] = when_profiler,
    [INQUEST_SETTLED] = when_settled,   [INQUEST_FIRST] = when_first,
    [INQUEST_GATHERED] = when_gathered, [INQUEST_SECOND] = when_second,
    [INQUEST_STACKS] = when_stacks,
};

static bool waits_for_rest(const struct inquest *s)
{
    return s->step == INQUEST_SETTLED || s->step == INQUEST_GATHERED;
}

bool inquest_wants_rest(const struct inquest *s, const struct process *p, uint64_t now_ns)
{
    uint64_t cap = s->component->heap_cap;

    if (!waits_for_rest(s) || p == NULL)
        return false;
    if (cap != 0 && p->data > 0 && (uint64_t)p->data > cap + ROOM - ROOM_LEFT)
        return true;
    return now_ns >= s->since_ns + (s->step == INQUEST_SETTLED ? SETTLE_NS : gather_ns(s->growth));
}

bool inquest_needs_rest(const struct inquest *s, uint64_t rest_ns)
{
    return s->step == INQUEST_FIRST || s->step == INQUEST_SECOND ||
           (waits_for_rest(s) && s->since_ns < rest_ns);
}

bool inquest_bears_deaths(const struct inquest *s, uint64_t now_ns)
{
    if (s->step == INQUEST_SETTLED)
        return now_ns < s->since_ns + SETTLE_DEATHS_NS;
    return s->step == INQUEST_GATHERED &&
           now_ns < s->since_ns + gather_ns(s->growth) - SETTLE_NS + SETTLE_DEATHS_NS;
}

void inquest_step(struct inquest *s, struct process *p, uint64_t now_ns, uint64_t rest_ns)
{
    bool needed = s->pid != 0 && s->step < INQUEST_STACKS;

    if (s->step == INQUEST_OVER)
        return;
    if (needed && (p == NULL || p->child.pid != s->pid))
        fail(s, "it died before its second heap profile");
    else if (!waits_for_rest(s) || (rest_ns != 0 && s->since_ns < rest_ns))
        looks[s->step](s, p, now_ns);
}

void inquest_end(struct inquest *s, const char *why)
{
    if (s->step == INQUEST_OVER)
        return;
    if (s->step == INQUEST_STACKS) {
        spawn_end_now(&s->jeprof);
        remove_drafts(s);
    }
    fail(s, why);
}
