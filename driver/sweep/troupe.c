#include "driver/sweep/troupe.h"

#include "common/base/clock.h"
#include "driver/death.h"
#include "driver/process.h"
#include "driver/readiness.h"
#include "driver/sweep/interrupt.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE_TARGET 3
#define PAGE_TARGET_TEXT "3"
#define LOOK_MS 5        /* between two looks at what cannot be polled */
#define ARGUMENTS_MAX 64 /* of one member */
#define KILL_LIMIT_NS (5 * NS_PER_S)
#define LISTENING "listening on "

enum member_state { MEMBER_LIVES, MEMBER_TOLD /* to end */, MEMBER_ENDED };

struct member {
    char name[COMPONENT_NAME], program[PATH_MAX], log_path[PATH_MAX];
    enum member_state state;
    bool ends; /* by itself: no surprise */
    struct process process;
    struct spawn_end end;
    struct readiness readiness;
    int port;
};

struct troupe {
    struct troupe_settings settings;
    uint64_t next_sample_ns;
    size_t count;
    struct member members[TROUPE_MAX];
};

struct troupe *troupe_new(const struct troupe_settings *settings)
{
    struct troupe *troupe = calloc(1, sizeof *troupe);

    if (troupe != NULL)
        troupe->settings = *settings;
    return troupe;
}

const char *member_name(const struct member *member)
{
    return member->name;
}

pid_t member_pid(const struct member *member)
{
    return member->process.child.pid;
}

bool member_lives(const struct member *member)
{
    return member->state != MEMBER_ENDED;
}

int member_code(const struct member *member)
{
    return member->end.code;
}

int member_port(const struct member *member)
{
    return member->port;
}

struct page *member_page(const struct member *member)
{
    return member->process.page;
}

/* --- deaths ---------------------------------------------------------------------------------- */

/* True once it is reaped. */
static bool reap(struct troupe *troupe, struct member *m)
{
    if (m->state == MEMBER_ENDED)
        return true;
    if (!spawn_is_dead(&m->process.child))
        return false;
    guardian_forget(troupe->settings.guardian, m->process.child.pid);
    if (!spawn_reap(&m->process.child, &m->end))
        return false;
    m->state = MEMBER_ENDED;
    proc_close(&m->process.proc);
    return true;
}

/*
 * What its log says last: of the lines that begin with the program's name, behind the time if there
 * is one, as those of ours do that are no tables; or of all, if none does. Empty if it said
 * nothing.
 */
static void read_last_words(const struct member *m, char *out, size_t cap)
{
    const char *slash = strrchr(m->program, '/');
    FILE *file = fopen(m->log_path, "re");
    bool named = false;
    char line[512], name[64];

    *out = '\0';
    if (file == NULL)
        return;
    snprintf(name, sizeof name, "%.60s: ", slash == NULL ? m->program : slash + 1);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *own = strstr(line, name);

        line[strcspn(line, "\n")] = '\0';
        if (*line == '\0' || (named && own == NULL))
            continue;
        named |= own != NULL;
        snprintf(out, cap, "%s", own == NULL ? line : own + strlen(name));
    }
    fclose(file);
}

/* What it died of, as far as is known: its own last words, or else its log's. */
void member_describe(const struct member *m, char *line, size_t cap)
{
    char words[PAGE_OBITUARY], last[512], how[512];
    struct death death = {.order = ORDER_NONE, .end = m->end};

    if (spawn_exec_failed(&m->process.child, line, cap))
        return;
    if (process_obituary(&m->process, words, sizeof words))
        death.obituary = words;
    death_describe(&death, how, sizeof how);
    read_last_words(m, last, sizeof last);
    snprintf(line, cap, "the %s ended: %s%s%s (log: %s)", m->name, how,
             *last == '\0' ? "" : "; it said: ", last, m->log_path);
}

/* The first who died unwanted, or NULL. */
static const struct member *look_for_dead(struct troupe *troupe)
{
    for (size_t i = 0; i < troupe->count; i++) {
        struct member *m = &troupe->members[i];

        if (m->state == MEMBER_LIVES && reap(troupe, m) && !(m->ends && m->end.code >= 0))
            return m;
    }
    return NULL;
}

/* --- waiting --------------------------------------------------------------------------------- */

static void sample(struct troupe *troupe, uint64_t now)
{
    static struct page_snapshot snapshot; /* too large for a stack that is used every few ms */
    const struct troupe_settings *s = &troupe->settings;

    if (s->sample_ns == 0 || now < troupe->next_sample_ns)
        return;
    troupe->next_sample_ns = now + s->sample_ns;
    for (size_t i = 0; i < troupe->count; i++) {
        const struct member *m = &troupe->members[i];
        struct metric_values values = {0};

        if (!member_lives(m))
            continue;
        if (m->process.page != NULL && page_read(m->process.page, &snapshot) &&
            now < snapshot.time_ns + PAGE_STALE_NS)
            values = snapshot.metrics;
        proc_read(&m->process.proc, &values);
        s->sampled(s->user, m, now, &values);
    }
}

/* Until something happens that can be polled, or a few ms. */
static void nap(const struct troupe *troupe)
{
    struct pollfd fds[TROUPE_MAX + 1];
    nfds_t count = 0;

    for (size_t i = 0; i < troupe->count; i++) {
        if (member_lives(&troupe->members[i]))
            fds[count++] = (struct pollfd){troupe->members[i].process.child.pidfd, POLLIN, 0};
    }
    if (!interrupt_came())
        fds[count++] = (struct pollfd){interrupt_fd(), POLLIN, 0};
    (void)poll(fds, count, LOOK_MS);
}

struct wait {
    bool (*done)(void *user);
    void *user;
    uint64_t limit_ns;
    const char *what; /* "become ready" */
    const struct member *who;
    bool stubborn; /* an interrupt does not end it */
};

static enum troupe_outcome await(struct troupe *troupe, const struct wait *w, char *error,
                                 size_t cap)
{
    uint64_t deadline = clock_now_ns() + w->limit_ns;
    const struct member *dead;

    *error = '\0';
    for (;;) {
        uint64_t now = clock_now_ns();

        if (w->done(w->user))
            return TROUPE_DONE;
        dead = w->stubborn ? NULL : look_for_dead(troupe);
        if (dead != NULL) {
            member_describe(dead, error, cap);
            return TROUPE_DIED;
        }
        if (interrupt_came() && !w->stubborn)
            return TROUPE_INTERRUPTED;
        if (now >= deadline)
            break;
        sample(troupe, now);
        nap(troupe);
    }
    if (w->who != NULL)
        snprintf(error, cap, "the %s did not %s in %.0f s (log: %s)", w->who->name, w->what,
                 (double)w->limit_ns / 1e9, w->who->log_path);
    else
        snprintf(error, cap, "%s in %.0f s", w->what, (double)w->limit_ns / 1e9);
    return TROUPE_LATE;
}

enum troupe_outcome troupe_await(struct troupe *troupe, bool (*done)(void *user), void *user,
                                 uint64_t limit_ns, char *error, size_t cap)
{
    return await(troupe,
                 &(struct wait){.done = done,
                                .user = user,
                                .limit_ns = limit_ns,
                                .what = "what was awaited did not come"},
                 error, cap);
}

/* --- starting -------------------------------------------------------------------------------- */

/* "listening on 127.0.0.1:4711 (cleartext)", "listening on [::1]:4711" */
static int find_port(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[512];
    int port = 0;

    if (file == NULL)
        return 0;
    while (port == 0 && fgets(line, sizeof line, file) != NULL) {
        char *at = strstr(line, LISTENING), *colon;

        /* A line that is not whole yet is looked at again. */
        if (at == NULL || strchr(at, '\n') == NULL)
            continue;
        at += strlen(LISTENING);
        at[strcspn(at, " \n")] = '\0';
        colon = strrchr(at, ':');
        port = colon == NULL ? 0 : atoi(colon + 1);
    }
    fclose(file);
    return port;
}

struct start {
    struct member *member;
    enum troupe_ready ready;
};

static bool is_ready(void *user)
{
    const struct start *start = user;
    struct member *m = start->member;

    switch (start->ready) {
    case TROUPE_READY_PAGE:
        return process_ready_ns(&m->process) != 0;
    case TROUPE_READY_LISTENING:
        m->port = find_port(m->log_path);
        return m->port != 0;
    case TROUPE_READY_TCP:
        return readiness_look(&m->readiness, clock_now_ns());
    default:
        return true;
    }
}

static bool launch(struct troupe *troupe, const struct troupe_part *part, struct member *m,
                   char *error, size_t cap)
{
    char *argv[ARGUMENTS_MAX + 3];
    struct spawn_request request = {.argv = argv,
                                    .envp = guardian_environment(troupe->settings.guardian),
                                    .log_path = part->log_path,
                                    .page_target = part->page ? PAGE_TARGET : 0,
                                    .data_limit = part->heap_cap};
    size_t n = 0;

    /* It outlives the caller's words. */
    snprintf(m->program, sizeof m->program, "%s", part->argv[0]);
    argv[n++] = m->program;
    while (part->argv[n] != NULL && n < ARGUMENTS_MAX) {
        argv[n] = part->argv[n];
        n++;
    }
    if (part->argv[n] != NULL) {
        snprintf(error, cap, "the %s has more than %d arguments", part->name, ARGUMENTS_MAX);
        return false;
    }
    if (part->page) {
        argv[n++] = (char *)"--telemetry-fd";
        argv[n++] = (char *)PAGE_TARGET_TEXT;
    }
    argv[n] = NULL;
    if (!process_start(&m->process, &request, error, cap))
        return false;
    /* Here the driver only waits: there is nothing that they could disturb. */
    spawn_hurry(&m->process.child);
    guardian_watch(troupe->settings.guardian, m->process.child.pid);
    return true;
}

enum troupe_outcome troupe_start(struct troupe *troupe, const struct troupe_part *part,
                                 uint64_t limit_ns, struct member **out, char *error, size_t cap)
{
    struct member *m = &troupe->members[troupe->count];
    struct start start = {m, part->ready};
    enum troupe_outcome outcome;

    if (troupe->count == TROUPE_MAX) {
        snprintf(error, cap, "more than %d processes", TROUPE_MAX);
        return TROUPE_DIED;
    }
    memset(m, 0, sizeof *m);
    snprintf(m->name, sizeof m->name, "%s", part->name);
    snprintf(m->log_path, sizeof m->log_path, "%s", part->log_path);
    m->ends = part->ends;
    /* What an earlier one said is not to be taken for this one's word. */
    unlink(part->log_path);
    if (!launch(troupe, part, m, error, cap))
        return TROUPE_DIED;
    troupe->count++;
    *out = m;
    if (part->ready == TROUPE_READY_TCP)
        readiness_begin(&m->readiness, &(struct component){.ready = READY_TCP, .port = part->port},
                        NULL);
    outcome = await(troupe,
                    &(struct wait){.done = is_ready,
                                   .user = &start,
                                   .limit_ns = limit_ns,
                                   .what = "become ready",
                                   .who = m},
                    error, cap);
    if (part->ready == TROUPE_READY_TCP)
        readiness_end(&m->readiness);
    return outcome;
}

/* --- ending ---------------------------------------------------------------------------------- */

struct ending {
    struct troupe *troupe;
    struct member *member;
};

static bool has_ended(void *user)
{
    const struct ending *ending = user;

    return reap(ending->troupe, ending->member);
}

enum troupe_outcome troupe_await_end(struct troupe *troupe, struct member *member,
                                     uint64_t limit_ns, char *error, size_t cap)
{
    struct ending ending = {troupe, member};
    enum troupe_outcome outcome;

    member->ends = true;
    outcome = await(troupe,
                    &(struct wait){.done = has_ended,
                                   .user = &ending,
                                   .limit_ns = limit_ns,
                                   .what = "come to its end",
                                   .who = member},
                    error, cap);
    /* A signal is nobody's own end. */
    if (outcome == TROUPE_DONE && member->end.code < 0) {
        member_describe(member, error, cap);
        return TROUPE_DIED;
    }
    return outcome;
}

static enum troupe_outcome end_by(struct troupe *troupe, struct member *member, int signal,
                                  uint64_t limit_ns, char *error, size_t cap)
{
    struct ending ending = {troupe, member};

    member->state = MEMBER_TOLD;
    spawn_hurry(&member->process.child);
    spawn_signal(&member->process.child, signal);
    return await(troupe,
                 &(struct wait){.done = has_ended,
                                .user = &ending,
                                .limit_ns = limit_ns,
                                .what = "end when it was told to",
                                .who = member,
                                .stubborn = true},
                 error, cap);
}

enum troupe_outcome troupe_stop(struct troupe *troupe, struct member *member, uint64_t limit_ns,
                                char *error, size_t cap)
{
    enum troupe_outcome outcome;
    char line[TROUPE_LINE];

    if (!reap(troupe, member)) {
        outcome = end_by(troupe, member, SIGTERM, limit_ns, error, cap);
        if (outcome != TROUPE_DONE) {
            (void)end_by(troupe, member, SIGKILL, KILL_LIMIT_NS, line, sizeof line);
            return outcome;
        }
    }
    *error = '\0';
    if (member->end.code == 0)
        return TROUPE_DONE;
    member_describe(member, error, cap);
    return TROUPE_DIED;
}

void troupe_free(struct troupe *troupe)
{
    char line[TROUPE_LINE];

    if (troupe == NULL)
        return;
    /* All at once, then each is waited for. */
    for (size_t i = 0; i < troupe->count; i++) {
        if (!reap(troupe, &troupe->members[i]))
            spawn_signal(&troupe->members[i].process.child, SIGKILL);
    }
    for (size_t i = 0; i < troupe->count; i++) {
        struct member *m = &troupe->members[i];

        if (member_lives(m))
            (void)end_by(troupe, m, SIGKILL, KILL_LIMIT_NS, line, sizeof line);
        process_release(&m->process);
    }
    free(troupe);
}
