#include "driver/sweep/trial.h"

#include "common/base/clock.h"
#include "driver/command.h"
#include "driver/spawn.h"
#include "driver/sweep/free_port.h"
#include "driver/sweep/interrupt.h"
#include "driver/sweep/troupe.h"
#include "driver/sweep/words.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOST "127.0.0.1"
#define SAMPLE_NS (100 * NS_PER_MS)
#define REST_NS (3 * SAMPLE_NS)
#define REST_LIMIT_NS (20 * NS_PER_S)
#define READY_LIMIT_NS (60 * NS_PER_S)
#define STOP_LIMIT_NS (30 * NS_PER_S)

struct stage {
    const struct trial_plan *plan;
    struct trial *trial;
    struct troupe *troupe;
    struct member *server, *client;
    size_t sample_room;
    bool starved; /* samples were lost for lack of memory */
    char cert[PATH_MAX + 32], key[PATH_MAX + 32], csv[PATH_MAX + 32];
    struct words words;
    char *error;
    size_t cap;
};

static enum exit_status status_of(enum troupe_outcome outcome)
{
    return outcome == TROUPE_DONE          ? STATUS_PASSED
           : outcome == TROUPE_INTERRUPTED ? STATUS_INTERRUPTED
                                           : STATUS_ENVIRONMENT;
}

/* ---- samples ---- */

static void take_sample(void *user, const struct member *member, uint64_t now,
                        const struct metric_values *values)
{
    struct stage *stage = user;
    struct trial *trial = stage->trial;

    if (trial->sample_count == stage->sample_room) {
        size_t room = stage->sample_room * 2 + 256;
        struct trial_sample *more = realloc(trial->samples, room * sizeof *more);

        stage->starved = stage->starved || more == NULL;
        if (more == NULL)
            return;
        trial->samples = more;
        stage->sample_room = room;
    }
    trial->samples[trial->sample_count++] =
        (struct trial_sample){.time_ns = now, .server = member == stage->server, .values = *values};
    if (member == stage->server && metric_has(values, METRIC_ACCEPTS_REFUSED))
        trial->accepts_refused = (uint64_t)values->value[METRIC_ACCEPTS_REFUSED];
}

/* ---- the server ---- */

static void add_foreign(struct stage *stage)
{
    char port[16];
    const char *values[PLACEHOLDERS] = {[PLACEHOLDER_HOST] = HOST,
                                        [PLACEHOLDER_PORT] = port,
                                        [PLACEHOLDER_CERT] = stage->cert,
                                        [PLACEHOLDER_KEY] = stage->key};

    snprintf(port, sizeof port, "%d", stage->trial->port);
    words_add_all(&stage->words, (const char *const *)stage->plan->server.command, values);
}

static void add_own(struct stage *stage)
{
    const struct trial_server *s = &stage->plan->server;

    words_add(&stage->words, "%s", stage->plan->programs->server);
    words_add_number(&stage->words, "--port", 0);
    words_add_text(&stage->words, "--threads", s->threads);
    if (!s->secure)
        return;
    words_add(&stage->words, "--secure");
    words_add_text(&stage->words, "--tls-pub", stage->cert);
    words_add_text(&stage->words, "--tls-priv", stage->key);
}

static enum exit_status start_server(struct stage *stage)
{
    const struct trial_server *s = &stage->plan->server;
    char log[PATH_MAX + 32], program[PATH_MAX], *named;
    struct troupe_part part = {.name = "server",
                               .log_path = log,
                               .heap_cap = s->heap_cap,
                               .page = s->command == NULL,
                               .ready =
                                   s->command == NULL ? TROUPE_READY_LISTENING : TROUPE_READY_TCP};
    enum troupe_outcome outcome;

    snprintf(log, sizeof log, "%s/logs/server.1.log", stage->plan->dir);
    words_clear(&stage->words);
    /* It sets the limit and becomes the program. */
    if (s->descriptors != 0) {
        words_add(&stage->words, "prlimit");
        words_add(&stage->words, "--nofile=%" PRIu64 ":%" PRIu64, s->descriptors, s->descriptors);
        words_add(&stage->words, "--");
    }
    if (s->command != NULL) {
        part.port = stage->trial->port = free_port(stage->error, stage->cap);
        if (part.port == 0)
            return STATUS_ENVIRONMENT;
        add_foreign(stage);
    } else {
        add_own(stage);
    }
    part.argv = words_argv(&stage->words);
    if (part.argv == NULL) {
        snprintf(stage->error, stage->cap, "no memory for the server's command");
        return STATUS_ENVIRONMENT;
    }
    if (!command_find_program(part.argv[0], program)) {
        snprintf(stage->error, stage->cap, "%s is no program that can be executed", part.argv[0]);
        return STATUS_ENVIRONMENT;
    }
    named = stage->words.at[0];
    stage->words.at[0] = program;
    stage->trial->started_ns = clock_now_ns();
    outcome = troupe_start(stage->troupe, &part, READY_LIMIT_NS, &stage->server, stage->error,
                           stage->cap);
    stage->words.at[0] = named;
    if (outcome != TROUPE_DONE)
        return status_of(outcome);
    stage->trial->ready_ns = clock_now_ns();
    stage->trial->server_pid = member_pid(stage->server);
    if (s->command == NULL)
        stage->trial->port = member_port(stage->server);
    return STATUS_PASSED;
}

/* "Max open files            1024                 20000                files" */
static void read_descriptors(struct trial *trial)
{
    char path[64], line[256];
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/limits", trial->server_pid);
    file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "Max open files", 14) == 0)
            trial->descriptors = strtoull(line + 14, NULL, 10);
    }
    if (file != NULL)
        fclose(file);
}

static void read_backlog(struct trial *trial)
{
    FILE *file = fopen("/proc/sys/net/core/somaxconn", "re");
    char line[32];

    if (file == NULL)
        return;
    if (fgets(line, sizeof line, file) != NULL)
        trial->backlog = (int)strtol(line, NULL, 10);
    fclose(file);
}

/* ---- the swarm ---- */

static bool never(void *user)
{
    (void)user;
    return false;
}

/* Waits for what the server says of itself, not for a time: a busy machine may hold it up. */
struct rest {
    struct page *page;
    uint64_t order;
    bool ordered;
};

static bool is_at_rest(void *user)
{
    static struct page_snapshot snapshot; /* too large for the stack */
    struct rest *rest = user;
    enum page_command_result result;

    if (!rest->ordered) {
        rest->order = page_order(rest->page, PAGE_COMMAND_PUBLISH, 0);
        rest->ordered = true;
    }
    if (!page_acknowledged(rest->page, rest->order, &result))
        return false;
    rest->ordered = false;
    return page_read(rest->page, &snapshot) && metric_has(&snapshot.metrics, METRIC_CONNECTIONS) &&
           snapshot.metrics.value[METRIC_CONNECTIONS] == 0;
}

/* Before the first client comes, and when all have gone: some samples without any. */
static void look_at_rest(struct stage *stage)
{
    struct rest rest = {.page = member_page(stage->server)};
    char line[TROUPE_LINE];

    if (stage->trial->server_died)
        return;
    if (rest.page != NULL)
        (void)troupe_await(stage->troupe, is_at_rest, &rest, REST_LIMIT_NS, line, sizeof line);
    (void)troupe_await(stage->troupe, never, NULL, REST_NS, line, sizeof line);
}

static void add_duration(struct words *words, const char *name, uint64_t ns)
{
    words_add(words, "%s", name);
    words_add(words, "%" PRIu64 "ns", ns);
}

static void add_swarm(struct stage *stage)
{
    const struct trial_swarm *s = &stage->plan->swarm;
    struct words *words = &stage->words;

    words_clear(words);
    words_add(words, "%s", stage->plan->programs->client);
    words_add_number(words, "--port", (uint64_t)stage->trial->port);
    words_add_number(words, "--swarm", s->clients);
    words_add(words, "--swarm-messages");
    words_add(words, "%" PRIu64 ":%" PRIu64, s->messages_from, s->messages_to);
    words_add_text(words, "--swarm-csv", stage->csv);
    add_duration(words, "--timeout", s->reply_limit_ns);
    if (s->rate != 0)
        words_add_number(words, "--swarm-rate", s->rate);
    if (s->stay_ns != 0)
        add_duration(words, "--swarm-stay", s->stay_ns);
    if (s->hold)
        words_add(words, "--swarm-hold");
    if (s->together)
        words_add(words, "--swarm-together");
    if (s->back)
        words_add(words, "--swarm-back");
    if (stage->plan->server.secure) {
        words_add(words, "--secure");
        words_add_text(words, "--cert-store-from-path", stage->cert);
    }
}

/* Once the server is gone the clients see it, too, and come to their end. */
static enum exit_status run_swarm(struct stage *stage)
{
    struct trial *trial = stage->trial;
    char log[PATH_MAX + 32], line[TROUPE_LINE];
    struct troupe_part part = {
        .name = "swarm", .log_path = log, .page = true, .ends = true, .ready = TROUPE_READY_START};
    enum troupe_outcome outcome;

    snprintf(log, sizeof log, "%s/logs/swarm.1.log", stage->plan->dir);
    add_swarm(stage);
    part.argv = words_argv(&stage->words);
    if (part.argv == NULL) {
        snprintf(stage->error, stage->cap, "no memory for the swarm's command");
        return STATUS_ENVIRONMENT;
    }
    trial->swarm_ns = clock_now_ns();
    outcome = troupe_start(stage->troupe, &part, READY_LIMIT_NS, &stage->client, stage->error,
                           stage->cap);
    if (outcome == TROUPE_DONE)
        outcome = troupe_await_end(stage->troupe, stage->client, stage->plan->limit_ns,
                                   stage->error, stage->cap);
    if (outcome == TROUPE_DIED && stage->client != NULL && !member_lives(stage->server)) {
        trial->server_died = true;
        trial->server_code = member_code(stage->server);
        snprintf(trial->death, sizeof trial->death, "%s", stage->error);
        outcome = troupe_await_end(stage->troupe, stage->client, stage->plan->limit_ns, line,
                                   sizeof line);
    }
    if (stage->client != NULL)
        trial->client_pid = member_pid(stage->client);
    trial->ended_ns = clock_now_ns();
    if (outcome == TROUPE_DONE)
        trial->client_code = member_code(stage->client);
    return status_of(outcome);
}

static enum exit_status read_turns(struct stage *stage)
{
    struct trial *trial = stage->trial;
    FILE *file = fopen(stage->csv, "re");
    size_t room = 0;
    char line[512];

    /* The header is read over. */
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        struct swarm_turn turn = {.phase = SWARM_UP};

        if (!swarm_turn_read(line, &turn))
            continue;
        if (trial->turn_count == room) {
            struct swarm_turn *more = realloc(trial->turns, (room = room * 2 + 64) * sizeof *more);

            if (more == NULL)
                break;
            trial->turns = more;
        }
        trial->turns[trial->turn_count++] = turn;
    }
    if (file != NULL)
        fclose(file);
    if (trial->turn_count > 0)
        return STATUS_PASSED;
    snprintf(stage->error, stage->cap, "%s has no turn of any client (log: %s/logs/swarm.1.log)",
             stage->csv, stage->plan->dir);
    return STATUS_ENVIRONMENT;
}

/* ---- the whole ---- */

static enum exit_status make_folders(struct stage *stage)
{
    char logs[PATH_MAX + 16], tls[PATH_MAX + 16];
    char make[] = "--make-cert";
    char *argv[] = {(char *)stage->plan->programs->server, make, tls, NULL};
    struct spawn_request request = {.argv = argv,
                                    .envp = guardian_environment(stage->plan->guardian),
                                    .log_path = "/dev/null",
                                    .page_fd = -1};
    struct spawn_end end;

    snprintf(logs, sizeof logs, "%s/logs", stage->plan->dir);
    snprintf(tls, sizeof tls, "%s/tls", stage->plan->dir);
    snprintf(stage->cert, sizeof stage->cert, "%s/cert.pem", tls);
    snprintf(stage->key, sizeof stage->key, "%s/key.pem", tls);
    snprintf(stage->csv, sizeof stage->csv, "%s/swarm.csv", stage->plan->dir);
    if (mkdir(logs, 0755) != 0) {
        snprintf(stage->error, stage->cap, "cannot make %s: %m", logs);
        return STATUS_ENVIRONMENT;
    }
    if (!stage->plan->server.secure)
        return STATUS_PASSED;
    if (!spawn_run(&request, READY_LIMIT_NS, &end, stage->error, stage->cap))
        return STATUS_ENVIRONMENT;
    if (end.code == 0)
        return STATUS_PASSED;
    snprintf(stage->error, stage->cap, "no certificate could be made in %s: is the disk full?",
             tls);
    return STATUS_ENVIRONMENT;
}

static enum exit_status act(struct stage *stage)
{
    enum exit_status status = make_folders(stage);

    if (status == STATUS_PASSED)
        status = start_server(stage);
    if (status != STATUS_PASSED)
        return status;
    read_descriptors(stage->trial);
    read_backlog(stage->trial);
    look_at_rest(stage);
    status = run_swarm(stage);
    if (status == STATUS_PASSED)
        look_at_rest(stage);
    if (status == STATUS_PASSED && interrupt_came())
        status = STATUS_INTERRUPTED;
    return status;
}

/* 0: all were served; 1: somebody was not, which the turns tell. */
static enum exit_status judge_client(struct stage *stage)
{
    int code = stage->trial->client_code;

    if (code == STATUS_PASSED || code == STATUS_FAILED)
        return read_turns(stage);
    snprintf(stage->error, stage->cap, "the swarm ended with status %d (log: %s/logs/swarm.1.log)",
             code, stage->plan->dir);
    return STATUS_ENVIRONMENT;
}

enum exit_status trial_run(const struct trial_plan *plan, struct trial *trial, char *error,
                           size_t cap)
{
    struct stage *stage = calloc(1, sizeof *stage);
    enum exit_status status = STATUS_ENVIRONMENT;
    char line[TROUPE_LINE];

    memset(trial, 0, sizeof *trial);
    *error = '\0';
    snprintf(error, cap, "no memory for a trial");
    if (stage == NULL)
        return status;
    *stage = (struct stage){.plan = plan, .trial = trial, .error = error, .cap = cap};
    stage->troupe = troupe_new(&(struct troupe_settings){
        .guardian = plan->guardian, .sample_ns = SAMPLE_NS, .sampled = take_sample, .user = stage});
    if (stage->troupe != NULL) {
        *error = '\0';
        status = act(stage);
    }
    if (status == STATUS_PASSED)
        status = judge_client(stage);
    if (status == STATUS_PASSED && stage->starved) {
        snprintf(error, cap, "no memory for the samples");
        status = STATUS_ENVIRONMENT;
    }
    if (status == STATUS_PASSED && !trial->server_died)
        (void)troupe_stop(stage->troupe, stage->server, STOP_LIMIT_NS, line, sizeof line);
    troupe_free(stage->troupe);
    words_clear(&stage->words);
    free(stage);
    return status;
}

void trial_clear(struct trial *trial)
{
    free(trial->turns);
    free(trial->samples);
    memset(trial, 0, sizeof *trial);
}
