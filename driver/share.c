#include "driver/share.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "driver/guardian.h"
#include "driver/host/link.h"
#include "driver/host/topology.h"
#include "driver/readiness.h"
#include "driver/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE 1024
/* Beyond what the uploader itself waits for the others. */
#define SLACK_NS (15 * NS_PER_S)
/* Of what was not sent yet, with a server that may be away. */
#define DELIVERY_NS (60 * NS_PER_S)
/* Others may still look for evidence, stop, and deliver; or be found lost. */
#define WHOLE_NS (180 * NS_PER_S)
/* At an end that is none. */
#define FAREWELL_NS (5 * NS_PER_S)
#define DEATH_MS 5000
#define UPLOADER "uploader: " /* how its lines begin */
/* For the uploader to say that the driver is gone, when it is. */
#define LAST_WORDS_MS 5000

/* A server elsewhere, as its clients here will find it. */
struct reach {
    struct readiness readiness;
    bool asked, there;
};

struct share {
    struct share_settings settings;
    struct share_hooks hooks;
    void *user;
    struct guardian *guardian; /* its own: the uploader outlives the fleet */
    struct spawned uploader;
    bool started; /* and not reaped yet */
    struct link *link;
    struct topology *topology;
    struct reach *reaches; /* beside the scenario's components, from the first question on */
    size_t reach_count;
    unsigned heard; /* a bit for each word */
    bool over;      /* the uploader says nothing more */
    bool waiting, interrupted;
    bool met;         /* all hosts are there, and fit together */
    bool told_end;    /* how this share ended */
    char whole[LINE]; /* what it said of that */
    char why[LINE];   /* it gave up */
    ev_timer deadline;
};

static bool has_heard(const struct share *h, enum link_word word)
{
    return (h->heard & 1u << word) != 0;
}

/* ---- what the uploader says ---- */

static void take_start(struct share *h, const char *rest)
{
    char *end;
    unsigned long long ns = strtoull(rest, &end, 10);

    if (end == rest || *end != '\0')
        log_error("the uploader said a beginning that is no time: %.40s", rest);
    else
        h->hooks.start(h->user, ns);
}

static void take_topology(struct share *h, const char *rest)
{
    if (h->topology == NULL)
        h->topology = topology_new(rest, (size_t)h->settings.orders->size, h->why, sizeof h->why);
}

static void take(void *user, enum link_word word, const char *rest)
{
    struct share *h = user;

    h->heard |= 1u << word;
    switch (word) {
    case LINK_TOPOLOGY:
        take_topology(h, rest);
        break;
    case LINK_START:
        take_start(h, rest);
        break;
    case LINK_END:
        if (!h->met && h->why[0] == '\0')
            snprintf(h->why, sizeof h->why, "%s", rest);
        h->hooks.end(h->user, rest);
        break;
    case LINK_LOST:
        log_warn("host %s is lost: nothing is heard of it any more", rest);
        break;
    case LINK_WHOLE:
        snprintf(h->whole, sizeof h->whole, "%s", rest);
        break;
    case LINK_ERROR:
        snprintf(h->why, sizeof h->why, "%s", rest);
        break;
    default:
        break;
    }
}

/* What it logged last, which is why it has ended, without time and name; false: nothing. */
static bool read_last_words(const struct share *h, char *out, size_t cap)
{
    char path[PATH_MAX], line[LINE];
    FILE *log;

    snprintf(path, sizeof path, "%s/logs/uploader.log", h->settings.run_dir);
    log = fopen(path, "re");
    *out = '\0';
    while (log != NULL && fgets(line, sizeof line, log) != NULL) {
        const char *name = strstr(line, UPLOADER), *text = line;

        if (name != NULL)
            text = name + strlen(UPLOADER);
        snprintf(out, cap, "%.*s", (int)strcspn(text, "\n"), text);
    }
    if (log != NULL)
        fclose(log);
    return *out != '\0';
}

static void over(void *user, const char *why)
{
    struct share *h = user;

    h->over = true;
    if (h->why[0] == '\0' && (why != NULL || !read_last_words(h, h->why, sizeof h->why)))
        snprintf(h->why, sizeof h->why, "the uploader %s: see %s/logs/uploader.log",
                 why == NULL ? "has ended" : why, h->settings.run_dir);
    if (!h->waiting)
        h->hooks.cut_off(h->user, h->why);
}

/* ---- waiting ---- */

static void on_deadline(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    (void)loop, (void)watcher, (void)revents;
}

/* Whoever has ended before all have met will not come. */
static bool is_in_vain(const struct share *h, enum link_word word)
{
    return h->over || h->interrupted || (word == LINK_TOPOLOGY && has_heard(h, LINK_END));
}

/* Until a word was heard, the uploader has ended (LINK_WORDS: all that is waited for), or a while
 * has passed. */
static bool await(struct share *h, enum link_word word, uint64_t limit_ns)
{
    uint64_t until_ns = clock_now_ns() + limit_ns;
    bool heard = false;

    h->waiting = true;
    ev_now_update(h->settings.loop);
    ev_timer_init(&h->deadline, on_deadline, (double)limit_ns / 1e9, 0.);
    ev_timer_start(h->settings.loop, &h->deadline);
    do {
        heard = word == LINK_WORDS ? h->over : has_heard(h, word);
        if (heard || is_in_vain(h, word) || clock_now_ns() >= until_ns)
            break;
        ev_run(h->settings.loop, EVRUN_ONCE);
    } while (true);
    ev_timer_stop(h->settings.loop, &h->deadline);
    h->waiting = false;
    return heard;
}

static bool refuse(const struct share *h, const char *what, char *error, size_t cap)
{
    if (h->interrupted)
        *error = '\0';
    else if (h->why[0] != '\0')
        snprintf(error, cap, "%s: %s", what, h->why);
    else
        snprintf(error, cap, "%s: the uploader says nothing more; see %s/logs/uploader.log", what,
                 h->settings.run_dir);
    return false;
}

/* ---- the uploader ---- */

#define WORDS_MAX 32

struct words {
    char *argv[WORDS_MAX + 1];
    size_t count;
};

static void add(struct words *w, const char *option, const char *value)
{
    if (value == NULL)
        return;
    w->argv[w->count++] = (char *)option;
    w->argv[w->count++] = (char *)value;
}

static bool spawn_uploader(struct share *h, int in, int out, char *error, size_t cap)
{
    const struct host_orders *o = h->settings.orders;
    char rank[16], size[16], barrier[32], log[PATH_MAX];
    struct words w = {.argv = {(char *)h->settings.uploader}, .count = 1};
    struct spawn_request request = {.argv = w.argv,
                                    .envp = guardian_environment(h->guardian),
                                    .log_path = log,
                                    .in_fd = in,
                                    .out_fd = out,
                                    .page_fd = -1};

    snprintf(rank, sizeof rank, "%d", o->rank);
    snprintf(size, sizeof size, "%d", o->size);
    snprintf(barrier, sizeof barrier, "%" PRIu64 "ms", o->barrier_ns / NS_PER_MS);
    snprintf(log, sizeof log, "%s/logs/uploader.log", h->settings.run_dir);
    add(&w, "--to", o->report_to);
    add(&w, "--test", o->test);
    add(&w, "--peer", o->name);
    add(&w, "--token", o->token_file);
    add(&w, "--ca", o->ca_file);
    add(&w, "--run", h->settings.run_dir);
    add(&w, "--rank", rank);
    add(&w, "--size", size);
    add(&w, "--address", o->address);
    add(&w, "--place", place_name(o->place));
    add(&w, "--barrier-timeout", barrier);
    h->started = spawn_start(&request, &h->uploader, error, cap);
    if (!h->started)
        return false;
    guardian_watch(h->guardian, h->uploader.pid);
    /* Late on a busy machine it would be taken for a lost host. */
    spawn_hurry(&h->uploader);
    return true;
}

static bool start_uploader(struct share *h, char *error, size_t cap)
{
    const struct link_hooks hooks = {take, over};
    int there[2], back[2];
    bool started;

    if (pipe2(there, O_CLOEXEC) < 0 || pipe2(back, O_CLOEXEC) < 0) {
        snprintf(error, cap, "cannot make pipes to the uploader: %s", strerror(errno));
        return false;
    }
    started = spawn_uploader(h, there[0], back[1], error, cap);
    close(there[0]);
    close(back[1]);
    if (!started) {
        close(there[1]);
        close(back[0]);
        return false;
    }
    h->link = link_new(h->settings.loop, back[0], there[1], &hooks, h);
    if (h->link == NULL)
        snprintf(error, cap, "no memory");
    return h->link != NULL;
}

struct share *share_new(const struct share_settings *settings, const struct share_hooks *hooks,
                        void *user, char *error, size_t cap)
{
    struct share *h = calloc(1, sizeof *h);

    snprintf(error, cap, "no memory");
    if (h == NULL)
        return NULL;
    h->settings = *settings;
    h->hooks = *hooks;
    h->user = user;
    h->guardian = guardian_new_patient(LAST_WORDS_MS, error, cap);
    if (h->guardian != NULL && start_uploader(h, error, cap))
        return h;
    share_free(h);
    return NULL;
}

/* How it ended; it is given a while to. -1: not by itself. */
static int end_uploader(struct share *h, uint64_t limit_ns)
{
    struct spawn_end end = {-1, 0};
    struct pollfd death = {.fd = h->uploader.pidfd, .events = POLLIN};

    if (!h->started)
        return -1;
    if (h->link != NULL) {
        h->interrupted = false;
        link_hang_up(h->link);
        (void)await(h, LINK_WORDS, limit_ns);
    }
    guardian_forget(h->guardian, h->uploader.pid);
    /* Its end of the pipe closes a moment before it is dead. */
    if (h->over)
        poll(&death, 1, DEATH_MS);
    if (spawn_reap(&h->uploader, &end))
        spawn_release(&h->uploader);
    else
        spawn_end_now(&h->uploader);
    h->started = false;
    return end.code;
}

static void release_reaches(struct share *h)
{
    for (size_t i = 0; i < h->reach_count; i++) {
        if (h->reaches[i].asked)
            readiness_end(&h->reaches[i].readiness);
    }
    free(h->reaches);
}

void share_free(struct share *h)
{
    if (h == NULL)
        return;
    if (h->link != NULL && !h->over && !h->told_end)
        (void)link_say(h->link,
                       h->interrupted ? "done %d interrupted" : "done %d error it could not begin",
                       h->interrupted ? STATUS_INTERRUPTED : STATUS_ENVIRONMENT);
    (void)end_uploader(h, FAREWELL_NS);
    link_free(h->link);
    guardian_free(h->guardian);
    topology_free(h->topology);
    release_reaches(h);
    free(h);
}

/* ---- the phases ---- */

static bool tell_share(struct share *h, const struct scenario *s, const char *ca)
{
    const char **names = calloc(s->count + 1, sizeof *names);
    char *text = NULL;
    size_t count = 0;
    bool said;

    for (size_t i = 0; names != NULL && i < s->count; i++) {
        if (!s->components[i].elsewhere)
            names[count++] = s->components[i].name;
    }
    if (names != NULL)
        text = topology_describe(names, count, ca);
    free(names);
    /* Who does not listen any more has said why, or will not answer. */
    said = text != NULL;
    if (said)
        (void)link_say(h->link, "host %s", text);
    free(text);
    return said;
}

/* A host of another scenario would lack what this one expects there, or run it twice. */
static bool check_share(const struct share *h, const struct scenario *s, size_t rank, char *error,
                        size_t cap)
{
    bool all = h->settings.orders->place == PLACE_REPLICATE;
    const char *name;
    size_t k = 0;

    for (size_t i = 0; i < s->count; i++) {
        if (!all && s->components[i].host != (int)rank)
            continue;
        name = topology_component(h->topology, rank, k++);
        if (name == NULL || strcmp(name, s->components[i].name) != 0) {
            snprintf(error, cap,
                     "host %s runs another scenario: %s stands there in place of %s; start all "
                     "hosts with the same options",
                     h->topology->hosts[rank].name, name == NULL ? "nothing" : name,
                     s->components[i].name);
            return false;
        }
    }
    name = topology_component(h->topology, rank, k);
    if (name != NULL)
        snprintf(error, cap,
                 "host %s runs another scenario: it has %s besides; start all hosts with the same "
                 "options",
                 h->topology->hosts[rank].name, name);
    return name == NULL;
}

bool share_meet(struct share *h, struct scenario *s, const char *ca, char *error, size_t cap)
{
    const struct host_orders *o = h->settings.orders;

    log_info("host %s, rank %d of %d; waiting for all hosts of test %s", o->name, o->rank, o->size,
             o->test);
    if (!tell_share(h, s, ca)) {
        snprintf(error, cap, "no memory");
        return false;
    }
    if (!await(h, LINK_TOPOLOGY, o->barrier_ns + SLACK_NS) || h->topology == NULL)
        return refuse(h, "the hosts did not meet", error, cap);
    for (size_t rank = 0; rank < h->topology->count; rank++) {
        if (!check_share(h, s, rank, error, cap))
            return false;
        if (o->place == PLACE_SPREAD || (int)rank == o->rank)
            place_address(s, (int)rank, h->topology->hosts[rank].address);
    }
    /* One of them may have found that it cannot go on, before there is a run that could be ended.
     */
    if (has_heard(h, LINK_END))
        return refuse(h, "the hosts did not meet", error, cap);
    h->met = true;
    return true;
}

bool share_trust(const struct share *h, struct certificates *certificates, char *error, size_t cap)
{
    const struct host_orders *o = h->settings.orders;

    for (size_t rank = 0; o->place == PLACE_SPREAD && rank < h->topology->count; rank++) {
        const char *ca = h->topology->hosts[rank].ca;

        if ((int)rank != o->rank && ca != NULL && !certificates_trust(certificates, ca, error, cap))
            return false;
    }
    return true;
}

static bool is_reached(struct reach *r, const struct component *server)
{
    struct component asked = *server;

    asked.ready = READY_TCP;
    if (!r->asked)
        readiness_begin(&r->readiness, &asked, NULL);
    r->asked = true;
    r->there = r->there || readiness_look(&r->readiness, clock_now_ns());
    return r->there;
}

bool share_reach_servers(struct share *h, const struct scenario *s)
{
    bool all = true;

    if (h->reaches == NULL) {
        h->reaches = calloc(s->count, sizeof *h->reaches);
        h->reach_count = h->reaches == NULL ? 0 : s->count;
    }
    for (size_t i = 0; i < h->reach_count; i++) {
        const struct component *c = &s->components[i];

        if (!c->elsewhere && c->peer >= 0 && s->components[c->peer].elsewhere)
            all = is_reached(&h->reaches[c->peer], &s->components[c->peer]) && all;
    }
    return all && h->reaches != NULL;
}

void share_ready(struct share *h)
{
    (void)link_say(h->link, "ready");
}

void share_interrupt(struct share *h)
{
    h->interrupted = true;
}

/* The results server's word for it. */
static const char *verdict_word(enum exit_status status)
{
    switch (status) {
    case STATUS_PASSED:
        return "pass";
    case STATUS_FAILED:
        return "fail";
    case STATUS_INCONCLUSIVE:
        return "inconclusive";
    case STATUS_INTERRUPTED:
        return "interrupted";
    default:
        return "error";
    }
}

static bool is_gone(const struct share *h, const char *what, char *error, size_t cap)
{
    if (h->over)
        (void)refuse(h, what, error, cap);
    return h->over;
}

static bool part(struct share *h, const char *what, char *error, size_t cap)
{
    if (end_uploader(h, DELIVERY_NS) == 0)
        return true;
    return refuse(h, what, error, cap);
}

bool share_deliver(struct share *h, enum exit_status status, const char *reason, char *error,
                   size_t cap)
{
    static const char what[] = "this host's share was not delivered";

    h->interrupted = false;
    h->told_end = true;
    if (is_gone(h, what, error, cap))
        return false;
    (void)link_say(h->link, "done %d %s%s%.*s", (int)status, verdict_word(status),
                   reason == NULL ? "" : " ", reason == NULL ? 0 : (int)strcspn(reason, "\n"),
                   reason == NULL ? "" : reason);
    return h->settings.orders->rank == 0 || part(h, what, error, cap);
}

bool share_collect(struct share *h, const char *dir, char *error, size_t cap)
{
    static const char what[] = "the whole was not collected";

    if (is_gone(h, what, error, cap))
        return false;
    (void)link_say(h->link, "whole %s", dir);
    if (!await(h, LINK_WHOLE, WHOLE_NS))
        return refuse(h, what, error, cap);
    if (strncmp(h->whole, "ok ", 3) == 0)
        return true;
    snprintf(error, cap, "%s: %s", what, h->whole);
    return false;
}

bool share_conclude(struct share *h, enum exit_status status, char *error, size_t cap)
{
    static const char what[] = "the verdict was not delivered";

    if (is_gone(h, what, error, cap))
        return false;
    (void)link_say(h->link, "finish %s", verdict_word(status));
    if (!await(h, LINK_FINISHED, DELIVERY_NS))
        return refuse(h, what, error, cap);
    return part(h, what, error, cap);
}
