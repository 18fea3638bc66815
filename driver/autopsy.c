#include "driver/autopsy.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/run/stacks.h"
#include "driver/inquest.h"
#include "driver/keepsake.h"
#include "driver/rest.h"
#include "driver/suspects.h"
#include "driver/victims.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_S 0.05
#define QUIET_NS NS_PER_S           /* who has not fallen quiet by then is not waited for */
#define PATIENCE_NS (12 * NS_PER_S) /* with those that are not ready to be profiled */
#define LINE (2 * PATH_MAX)

enum phase { PHASE_IDLE, PHASE_ASKING, PHASE_LOOKING, PHASE_OVER };

struct autopsy {
    struct autopsy_settings settings;
    struct ev_loop *loop;
    ev_timer look;
    enum phase phase;
    uint64_t begun_ns;
    struct spawned asked; /* driver suspects */
    char answers[PATH_MAX];
    char *repeat;
    struct inquest inquests[SUSPECTS_MAX];
    size_t count;
    struct victims victims;
    struct rest *rest;
    uint64_t rest_ns; /* since when all rest; 0: they do not */
    bool quiet;       /* they have fallen quiet, or had time enough for it */
};

static void end_rest(struct autopsy *a)
{
    if (a->rest_ns != 0)
        rest_end(a->rest);
    a->rest_ns = 0;
}

static void finish(struct autopsy *a)
{
    ev_timer_stop(a->loop, &a->look);
    end_rest(a);
    a->phase = PHASE_OVER;
    if (a->count > 0)
        (void)run_writer_meta_int(a->settings.writer, "evidence_end_ns", (int64_t)clock_now_ns());
}

static void come_to_end(struct autopsy *a)
{
    size_t explained = 0;

    finish(a);
    for (size_t i = 0; i < a->count; i++)
        explained += a->inquests[i].explained;
    if (a->count > 0)
        log_info("evidence: stacks of %zu of %zu in %s/" RUN_EVIDENCE, explained, a->count,
                 a->settings.run_dir);
    a->settings.over(a->settings.user);
}

/* --- asking who is to be looked into -----------------------------------------------------------
 */

static bool ask(struct autopsy *a, char *error, size_t cap)
{
    static char self[PATH_MAX], word[] = "suspects";
    char *argv[] = {self, word, (char *)a->settings.run_dir, NULL};
    struct spawn_request request = {.argv = argv,
                                    .envp = guardian_environment(a->settings.guardian),
                                    .log_path = a->answers,
                                    .page_fd = -1};
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

    if (length < 0) {
        snprintf(error, cap, "/proc/self/exe: %s", strerror(errno));
        return false;
    }
    self[length] = '\0';
    snprintf(a->answers, sizeof a->answers, "%s/logs/suspects.log", a->settings.run_dir);
    if (!spawn_start(&request, &a->asked, error, cap))
        return false;
    spawn_hurry(&a->asked);
    return true;
}

static void add_inquest(struct autopsy *a, const char *name, const char *rule, double growth)
{
    const struct fleet *fleet = a->settings.fleet;
    struct inquest *s = &a->inquests[a->count];
    int at = scenario_find(fleet->scenario, name);
    char error[LINE];

    if (at < 0)
        return;
    *s = (struct inquest){.index = (size_t)at,
                          .component = &fleet->scenario->components[at],
                          .program = fleet->commands[at].argv[0],
                          .guardian = a->settings.guardian,
                          .run_dir = a->settings.run_dir,
                          .growth = growth};
    if (!inquest_begin(s, a->repeat, error, sizeof error)) {
        log_warn("evidence: %s", error);
        return;
    }
    log_info("evidence: %s failed %s: looking into it, which is not judged", name, rule);
    a->count++;
}

/* "NAME RULE BYTES-A-SECOND"; the log lines of the program do not look so. */
static void take_answers(struct autopsy *a)
{
    FILE *in = fopen(a->answers, "re");
    char line[LINE], name[COMPONENT_NAME], rule[32];
    double growth;

    while (in != NULL && a->count < SUSPECTS_MAX && fgets(line, sizeof line, in) != NULL) {
        if (sscanf(line, "%63s %31s %lf", name, rule, &growth) == 3)
            add_inquest(a, name, rule, growth);
    }
    if (in != NULL)
        fclose(in);
}

/* What has happened since the judged part ended is evidence, and nobody is blamed for it. */
static void begin_looking(struct autopsy *a)
{
    (void)run_writer_meta_int(a->settings.writer, "evidence_ns", (int64_t)a->begun_ns);
    for (size_t i = 0; i < a->count; i++)
        supervisor_revive(a->settings.supervisor, a->inquests[i].index);
    victims_begin(&a->victims, a->settings.supervisor, a->settings.fleet->scenario, a->inquests,
                  a->count);
    a->phase = PHASE_LOOKING;
}

static void hear(struct autopsy *a)
{
    char folder[PATH_MAX];
    struct spawn_end end;

    if (!spawn_is_dead(&a->asked) || !spawn_reap(&a->asked, &end))
        return;
    spawn_release(&a->asked);
    a->phase = PHASE_LOOKING;
    snprintf(folder, sizeof folder, "%s/" RUN_EVIDENCE, a->settings.run_dir);
    if (end.code != 0)
        log_warn("evidence: the run could not be judged yet, see %s", a->answers);
    else if (mkdir(folder, 0755) < 0 && errno != EEXIST)
        log_warn("evidence: %s: %s", folder, strerror(errno));
    else
        take_answers(a);
    if (end.code == 0)
        unlink(a->answers);
    if (a->count == 0) {
        rmdir(folder);
        come_to_end(a);
    } else {
        begin_looking(a);
    }
}

/* --- looking into them ----------------------------------------------------------------------- */

static struct process *process_of(const struct autopsy *a, const struct inquest *s)
{
    return supervisor_process(a->settings.supervisor, s->index);
}

static void begin_rest(struct autopsy *a, uint64_t now_ns)
{
    a->rest_ns = now_ns;
    a->quiet = false;
    rest_begin(a->rest);
}

/* One rest serves all: it begins when all want one, or one does and the others had time enough. */
static void call_for_rest(struct autopsy *a, uint64_t now_ns)
{
    size_t wanting = 0, waiting = 0;

    for (size_t i = 0; i < a->count; i++) {
        const struct inquest *s = &a->inquests[i];

        wanting += inquest_wants_rest(s, process_of(a, s), now_ns);
        waiting += s->step < INQUEST_STACKS;
    }
    if (wanting > 0 && (wanting == waiting || now_ns >= a->begun_ns + PATIENCE_NS) &&
        victims_are_back(&a->victims, now_ns))
        begin_rest(a, now_ns);
}

static void keep_rest(struct autopsy *a, uint64_t now_ns)
{
    bool needed = false;

    a->quiet = a->quiet || rest_is_quiet(a->rest) || now_ns >= a->rest_ns + QUIET_NS;
    for (size_t i = 0; i < a->count; i++)
        needed = needed || inquest_needs_rest(&a->inquests[i], a->rest_ns);
    if (!needed)
        end_rest(a);
}

static void look_into(struct autopsy *a, uint64_t now_ns)
{
    bool over = true;

    if (a->rest_ns == 0) {
        victims_step(&a->victims, now_ns);
        call_for_rest(a, now_ns);
    } else {
        keep_rest(a, now_ns);
    }
    for (size_t i = 0; i < a->count; i++) {
        struct inquest *s = &a->inquests[i];

        inquest_step(s, process_of(a, s), now_ns, a->rest_ns != 0 && a->quiet ? a->rest_ns : 0);
        over = over && s->step == INQUEST_OVER;
    }
    if (over)
        come_to_end(a);
}

static void give_up(struct autopsy *a, const char *why)
{
    if (a->phase == PHASE_ASKING)
        spawn_end_now(&a->asked);
    for (size_t i = 0; i < a->count; i++)
        inquest_end(&a->inquests[i], why);
}

static void on_look(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    struct autopsy *a = watcher->data;
    uint64_t now = clock_now_ns();

    (void)loop, (void)revents;
    if (now >= a->begun_ns + AUTOPSY_LIMIT_NS) {
        give_up(a, "the time for evidence was over");
        come_to_end(a);
    } else if (a->phase == PHASE_ASKING) {
        hear(a);
    } else {
        look_into(a, now);
    }
}

struct autopsy *autopsy_new(struct ev_loop *loop, const struct autopsy_settings *settings)
{
    struct autopsy *a = calloc(1, sizeof *a);

    if (a == NULL)
        return NULL;
    a->settings = *settings;
    a->loop = loop;
    a->repeat = keepsake_command(settings->argv, settings->seed);
    a->rest = rest_new(settings->supervisor, settings->fleet->scenario->count);
    if (a->repeat == NULL || a->rest == NULL) {
        autopsy_free(a);
        return NULL;
    }
    ev_timer_init(&a->look, on_look, LOOK_S, LOOK_S);
    a->look.data = a;
    return a;
}

void autopsy_begin(struct autopsy *a)
{
    char error[LINE];

    a->begun_ns = clock_now_ns();
    supervisor_calm(a->settings.supervisor);
    /* The other process sees what was committed. */
    (void)run_writer_commit(a->settings.writer);
    if (ask(a, error, sizeof error)) {
        a->phase = PHASE_ASKING;
        ev_timer_start(a->loop, &a->look);
        return;
    }
    log_warn("evidence: %s", error);
    come_to_end(a);
}

bool autopsy_end(struct autopsy *a)
{
    if (a->phase != PHASE_ASKING && a->phase != PHASE_LOOKING)
        return false;
    give_up(a, "the evidence phase was cut short");
    finish(a);
    return true;
}

void autopsy_free(struct autopsy *a)
{
    if (a == NULL)
        return;
    rest_free(a->rest);
    free(a->repeat);
    free(a);
}
