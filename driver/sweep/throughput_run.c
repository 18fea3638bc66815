#include "driver/sweep/throughput_run.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "driver/sweep/distance.h"
#include "driver/sweep/figures.h"
#include "driver/sweep/interrupt.h"
#include "driver/sweep/manifest.h"
#include "driver/sweep/tree.h"
#include "driver/sweep/troupe.h"
#include "driver/sweep/words.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOPIC "throughput"
#define EVENT_DIR_PREFIX "flatline-events."
#define TEXT 64

#define START_LIMIT_NS (60 * NS_PER_S)
#define STOP_LIMIT_NS (60 * NS_PER_S)  /* a broker has its database to write out */
#define QUIET_NS (5 * NS_PER_S)        /* and the latency: nothing more will arrive */
#define LATE_LIMIT_NS (900 * NS_PER_S) /* events under way to slow subscribers */

/* For predictions; time_left corrects them by what runs really took. */
#define RUN_NS (600 * NS_PER_MS) /* processes, databases, whatever the events */
#define EVENT_NS (60 * NS_PER_US)
#define CALL_NS (300 * NS_PER_US) /* of one author alone */
#define CONNECT_NS (500 * NS_PER_US)

/* Rows of 5 numbers in two databases and a line of text, with room for journals. */
#define EVENT_BYTES 160
#define RUN_BYTES (256 << 10)

struct act {
    const struct throughput_stage *stage;
    const struct throughput_options *options;
    const struct sweep_run *run;
    uint64_t latency_ms, clients;
    struct netem *netem; /* NULL: the way leads over delay lines, or straight on */
    char netem_log[PATH_MAX];
    struct troupe *troupe;
    struct member *broker, *author_line, *subscriber_line, *subscribers, *authors;
    char events[PATH_MAX]; /* the folder of the event databases, while they are written */
    struct words words;    /* a command line being made */
    char error[TROUPE_LINE];
};

/* --- what is predicted ----------------------------------------------------------------------- */

uint64_t throughput_run_predict(const struct throughput_options *o, uint64_t latency_ms,
                                uint64_t clients)
{
    uint64_t latency = latency_ms * NS_PER_MS, call = CALL_NS + latency;
    uint64_t each = (o->events + clients - 1) / clients, alone, together;

    if (o->connection_per_event)
        call += CONNECT_NS + latency * (o->secure ? 3 : 1);
    alone = o->stream ? call : each * call;
    together = o->events * EVENT_NS * (1 + o->subscribers) / 2 * (o->connection_per_event ? 8 : 1);
    /* Round trips that are measured, handshakes, and the last event's way. */
    return RUN_NS + 8 * latency + (alone > together ? alone : together);
}

uint64_t throughput_run_bytes(const struct throughput_options *o)
{
    return RUN_BYTES + o->events * (2 + o->subscribers) * EVENT_BYTES / 2;
}

/* --- command lines --------------------------------------------------------------------------- */

/* Of a program on that side of the netem, if there is one. */
static void begin(struct act *act, const char *program, enum netem_side side)
{
    words_clear(&act->words);
    if (act->netem != NULL)
        words_add_all(&act->words, (const char *const *)netem_prefix(act->netem, side), NULL);
    words_add(&act->words, "%s", program);
}

static void add_file(struct act *act, const char *option, enum role role)
{
    words_add(&act->words, "%s", option);
    words_add(&act->words, "%s/%s", act->events, role_file(role));
}

static void add_client(struct act *act, const struct member *to)
{
    begin(act, act->stage->programs.client, NETEM_NEAR);
    words_add_number(&act->words, "--port", (uint64_t)member_port(to));
    if (act->netem != NULL)
        words_add_text(&act->words, "--host", NETEM_ADDRESS_FAR);
    if (act->options->secure && act->netem != NULL) {
        words_add(&act->words, "--secure");
        words_add(&act->words, "--no-server-validation"); /* the certificate is localhost's */
    } else if (act->options->secure) {
        words_add(&act->words, "--secure");
        words_add(&act->words, "--cert-store-from-path");
        words_add(&act->words, "%s/cert.pem", act->stage->tls_dir);
    }
}

/* --- the cast -------------------------------------------------------------------------------- */

static enum troupe_outcome start(struct act *act, struct troupe_part part, struct member **out)
{
    char log[PATH_MAX];

    snprintf(log, sizeof log, "%s/logs/%s.log", act->run->dir, part.name);
    part.argv = words_argv(&act->words);
    if (part.argv == NULL) {
        snprintf(act->error, sizeof act->error, "no memory for the command of the %s", part.name);
        return TROUPE_DIED;
    }
    part.log_path = log;
    return troupe_start(act->troupe, &part, START_LIMIT_NS, out, act->error, sizeof act->error);
}

static enum troupe_outcome start_broker(struct act *act)
{
    const struct throughput_options *o = act->options;

    begin(act, act->stage->programs.server, NETEM_FAR);
    words_add_number(&act->words, "--port", 0);
    if (act->netem != NULL)
        words_add_text(&act->words, "--host", NETEM_ADDRESS_FAR);
    add_file(act, "--event-db", ROLE_BROKER);
    if (o->relay_queue != 0)
        words_add_number(&act->words, "--relay-queue", o->relay_queue);
    if (o->slow_subscriber != NULL)
        words_add_text(&act->words, "--slow-subscriber", o->slow_subscriber);
    if (o->secure) {
        words_add(&act->words, "--secure");
        words_add(&act->words, "--tls-pub");
        words_add(&act->words, "%s/cert.pem", act->stage->tls_dir);
        words_add(&act->words, "--tls-priv");
        words_add(&act->words, "%s/key.pem", act->stage->tls_dir);
    }
    return start(
        act, (struct troupe_part){.name = "broker", .page = true, .ready = TROUPE_READY_LISTENING},
        &act->broker);
}

static enum troupe_outcome start_line(struct act *act, const char *name, struct member **out)
{
    begin(act, act->stage->driver, NETEM_NEAR);
    words_add(&act->words, "delay");
    words_add_text(&act->words, "--listen", "0");
    words_add(&act->words, "--to");
    words_add(&act->words, "127.0.0.1:%d", member_port(act->broker));
    words_add(&act->words, "--rtt");
    words_add(&act->words, "%" PRIu64 "ms", act->latency_ms);
    return start(act,
                 (struct troupe_part){.name = name, .page = true, .ready = TROUPE_READY_LISTENING},
                 out);
}

/* Made first, since the broker starts on its far side; without latency it is the pair alone. */
static enum troupe_outcome lay_netem(struct act *act)
{
    const struct netem_settings settings = {.rtt_ns = act->latency_ms * NS_PER_MS,
                                            .plain = act->latency_ms == 0};

    if (!act->options->netem)
        return TROUPE_DONE;
    snprintf(act->netem_log, sizeof act->netem_log, "%s/logs/netem.log", act->run->dir);
    act->netem =
        netem_new(&settings, act->stage->guardian, act->netem_log, act->error, sizeof act->error);
    return act->netem != NULL ? TROUPE_DONE : TROUPE_DIED;
}

/* Without latency there is nothing in between. */
static enum troupe_outcome start_lines(struct act *act)
{
    enum troupe_outcome outcome;

    act->author_line = act->subscriber_line = act->broker;
    if (act->latency_ms == 0 || act->netem != NULL)
        return TROUPE_DONE;
    outcome = start_line(act, "author-delay", &act->author_line);
    return outcome == TROUPE_DONE ? start_line(act, "subscriber-delay", &act->subscriber_line)
                                  : outcome;
}

static enum troupe_outcome start_subscribers(struct act *act)
{
    add_client(act, act->subscriber_line);
    words_add_text(&act->words, "--subscribe", TOPIC);
    words_add_number(&act->words, "--subscribers", act->options->subscribers);
    words_add_number(&act->words, "--expect", act->options->events);
    add_file(act, "--event-db", ROLE_SUBSCRIBER);
    return start(act,
                 (struct troupe_part){
                     .name = "subscriber", .page = true, .ends = true, .ready = TROUPE_READY_PAGE},
                 &act->subscribers);
}

static enum troupe_outcome start_authors(struct act *act)
{
    const struct throughput_options *o = act->options;

    add_client(act, act->author_line);
    words_add_text(&act->words, "--publish", TOPIC);
    words_add_number(&act->words, "--events", o->events);
    words_add_number(&act->words, "--authors", act->clients);
    words_add_number(&act->words, "--event-size", o->event_size);
    add_file(act, "--event-log", ROLE_AUTHOR);
    if (o->stream)
        words_add(&act->words, "--publish-stream");
    if (o->connection_per_event)
        words_add(&act->words, "--connection-per-event");
    return start(act,
                 (struct troupe_part){.name = "author", .ends = true, .ready = TROUPE_READY_START},
                 &act->authors);
}

/* --- the way between them --------------------------------------------------------------------- */

static bool record_latency(struct act *act)
{
    const struct distance distance = {.latency_ms = act->latency_ms,
                                      .tls = act->options->secure,
                                      .broker_port = member_port(act->broker),
                                      .author_port = member_port(act->author_line),
                                      .subscriber_port = member_port(act->subscriber_line),
                                      .netem = act->netem,
                                      .name = act->run->dir};
    json_t *latency = distance_measure(&distance, act->error, sizeof act->error);

    if (latency != NULL)
        json_object_set_new(act->run->manifest, "latency", latency);
    return latency != NULL;
}

/* --- the play -------------------------------------------------------------------------------- */

struct patience {
    const struct act *act;
    int64_t seen;
    uint64_t looked_ns, quiet_ns, enough_ns;
};

/* A program that is not given the processor cannot be waited for in vain. */
static bool is_awake(const struct member *member, uint64_t now, struct page_snapshot *snapshot)
{
    return page_read(member_page(member), snapshot) && now < snapshot->time_ns + PAGE_STALE_NS;
}

/* They have all, or nothing has come for long although everybody could have done something. */
static bool is_over(void *user)
{
    static struct page_snapshot snapshot; /* too large for the stack of what is asked so often */
    struct patience *p = user;
    const struct act *act = p->act;
    const struct member *others[] = {act->author_line, act->subscriber_line, act->broker};
    uint64_t now = clock_now_ns(), since = p->looked_ns;
    bool awake;

    p->looked_ns = now;
    if (!member_lives(act->subscribers))
        return true;
    awake = is_awake(act->subscribers, now, &snapshot);
    if (awake && metric_has(&snapshot.metrics, METRIC_MESSAGES_RECEIVED) &&
        snapshot.metrics.value[METRIC_MESSAGES_RECEIVED] != p->seen) {
        p->seen = snapshot.metrics.value[METRIC_MESSAGES_RECEIVED];
        p->quiet_ns = 0;
    }
    for (size_t i = 0; i < 3; i++)
        awake = awake && is_awake(others[i], now, &snapshot);
    if (awake)
        p->quiet_ns += now - since;
    return p->quiet_ns >= p->enough_ns;
}

/* What became of one that ends by itself: failures of its own traffic (1) are counted as missing.
 */
static enum troupe_outcome look_at_end(struct act *act, const struct member *member)
{
    if (!member_lives(member) && member_code(member) > 1) {
        member_describe(member, act->error, sizeof act->error);
        return TROUPE_DIED;
    }
    if (!member_lives(member) && member_code(member) == 1) {
        member_describe(member, act->error, sizeof act->error);
        log_warn("%s", act->error);
    }
    return TROUPE_DONE;
}

static enum troupe_outcome await_authors(struct act *act)
{
    uint64_t limit =
        20 * throughput_run_predict(act->options, act->latency_ms, act->clients) + 60 * NS_PER_S;
    enum troupe_outcome outcome =
        troupe_await_end(act->troupe, act->authors, limit, act->error, sizeof act->error);

    return outcome == TROUPE_DONE ? look_at_end(act, act->authors) : outcome;
}

static enum troupe_outcome await_subscribers(struct act *act)
{
    struct patience patience = {.act = act,
                                .seen = -1,
                                .looked_ns = clock_now_ns(),
                                .enough_ns = QUIET_NS + 2 * act->latency_ms * NS_PER_MS};
    enum troupe_outcome outcome;

    outcome =
        troupe_await(act->troupe, is_over, &patience, LATE_LIMIT_NS, act->error, sizeof act->error);
    if (outcome == TROUPE_DONE && member_lives(act->subscribers))
        outcome = troupe_stop(act->troupe, act->subscribers, STOP_LIMIT_NS, act->error,
                              sizeof act->error);
    return outcome == TROUPE_DONE || outcome == TROUPE_DIED ? look_at_end(act, act->subscribers)
                                                            : outcome;
}

static enum troupe_outcome stop_rest(struct act *act)
{
    struct member *rest[] = {act->author_line, act->subscriber_line, act->broker};
    enum troupe_outcome outcome = TROUPE_DONE;

    for (size_t i = 0; i < 3 && outcome == TROUPE_DONE; i++)
        outcome = troupe_stop(act->troupe, rest[i], STOP_LIMIT_NS, act->error, sizeof act->error);
    return outcome;
}

static enum troupe_outcome play(struct act *act)
{
    static enum troupe_outcome (*const before[])(struct act *) = {lay_netem, start_broker,
                                                                  start_lines};
    static enum troupe_outcome (*const after[])(struct act *) = {
        start_subscribers, start_authors, await_authors, await_subscribers, stop_rest};
    enum troupe_outcome outcome = TROUPE_DONE;

    for (size_t i = 0; i < sizeof before / sizeof *before && outcome == TROUPE_DONE; i++)
        outcome = before[i](act);
    if (outcome == TROUPE_DONE && !record_latency(act))
        outcome = *act->error == '\0' ? TROUPE_INTERRUPTED : TROUPE_DIED;
    for (size_t i = 0; i < sizeof after / sizeof *after && outcome == TROUPE_DONE; i++)
        outcome = after[i](act);
    return outcome;
}

/* --- before and after ------------------------------------------------------------------------ */

static enum exit_status fail(const struct act *act)
{
    log_error("%s", act->error);
    return STATUS_ENVIRONMENT;
}

static bool make_folders(struct act *act)
{
    char logs[PATH_MAX];

    snprintf(logs, sizeof logs, "%s/logs", act->run->dir);
    if (!tree_make(logs, act->error, sizeof act->error))
        return false;
    snprintf(act->events, sizeof act->events, "%s/" EVENT_DIR_PREFIX "%d.XXXXXX",
             act->options->event_dir, (int)getpid());
    if (mkdtemp(act->events) != NULL)
        return true;
    snprintf(act->error, sizeof act->error,
             "cannot make a folder in %s: %s; choose another "
             "--event-dir",
             act->options->event_dir, strerror(errno));
    act->events[0] = '\0';
    return false;
}

static bool move_files(struct act *act)
{
    char from[PATH_MAX + 32], to[PATH_MAX];

    for (int role = 0; role < ROLES; role++) {
        snprintf(from, sizeof from, "%s/%s", act->events, role_file((enum role)role));
        snprintf(to, sizeof to, "%s/%s", act->run->dir, role_file((enum role)role));
        if (!tree_move_file(from, to, act->error, sizeof act->error))
            return false;
    }
    return true;
}

static bool record_figures(struct act *act)
{
    const struct figures_plan plan = {act->options->events, act->options->subscribers};
    json_t *rates = json_object(), *missing = json_object();
    struct figure figures[ROLES] = {0};
    json_t *versions = json_object_get(act->run->manifest, "versions");
    bool done = figures_read(act->run->dir, &plan, figures, NULL, act->error, sizeof act->error);

    for (int role = 0; role < ROLES; role++) {
        const char *name = role_name((enum role)role);

        json_object_set_new(rates, name, json_real(figures[role].events_per_second));
        json_object_set_new(missing, name, json_integer((json_int_t)figures[role].missing));
    }
    json_object_set_new(versions, "stress-server", json_string(act->stage->version));
    json_object_set_new(act->run->manifest, "events_per_second", rates);
    json_object_set_new(act->run->manifest, "missing", missing);
    return done;
}

static enum exit_status perform(struct act *act)
{
    enum troupe_outcome outcome;

    act->troupe = troupe_new(&(struct troupe_settings){.guardian = act->stage->guardian});
    if (act->troupe == NULL) {
        snprintf(act->error, sizeof act->error, "no memory");
        return fail(act);
    }
    outcome = play(act);
    troupe_free(act->troupe);
    netem_free(act->netem);
    if (outcome == TROUPE_INTERRUPTED || interrupt_came())
        return STATUS_INTERRUPTED;
    if (outcome != TROUPE_DONE || !move_files(act) || !record_figures(act))
        return fail(act);
    return STATUS_PASSED;
}

enum exit_status throughput_run(const struct throughput_stage *stage, const struct sweep_run *run)
{
    enum exit_status status;
    char error[TEXT + PATH_MAX];
    struct act *act = calloc(1, sizeof *act);

    if (act == NULL) {
        log_error("no memory");
        return STATUS_ENVIRONMENT;
    }
    act->stage = stage;
    act->options = stage->options;
    act->run = run;
    act->latency_ms = stage->options->latency_ms[run->at[0]];
    act->clients = stage->options->clients[run->at[1]];
    status = make_folders(act) ? perform(act) : fail(act);
    if (act->events[0] != '\0' && !tree_remove(act->events, error, sizeof error))
        log_warn("%s", error);
    words_clear(&act->words);
    free(act);
    return status;
}

void throughput_run_clean(const char *event_dir)
{
    DIR *dir = opendir(event_dir);
    const struct dirent *entry;
    char path[PATH_MAX], error[TEXT + PATH_MAX];
    int pid;

    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL) {
        if (sscanf(entry->d_name, EVENT_DIR_PREFIX "%d.", &pid) != 1 || pid <= 0 ||
            kill(pid, 0) == 0 || errno != ESRCH)
            continue;
        snprintf(path, sizeof path, "%s/%s", event_dir, entry->d_name);
        if (!tree_remove(path, error, sizeof error))
            log_warn("%s", error);
    }
    closedir(dir);
}
