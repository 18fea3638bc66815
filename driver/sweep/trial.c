#include "driver/sweep/trial.h"

#include "common/base/clock.h"
#include "driver/command.h"
#include "driver/spawn.h"
#include "driver/sweep/interrupt.h"
#include "driver/sweep/troupe.h"

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
#define WORDS_MAX 48
#define WORD_MAX (PATH_MAX + 64)

/* Command lines are made in place: words of bounded length. */
struct words {
    char text[WORDS_MAX][WORD_MAX];
    char *argv[WORDS_MAX + 1];
    size_t count;
};

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

static void add_word(struct words *words, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_word(struct words *words, const char *format, ...)
{
    va_list args;

    if (words->count == WORDS_MAX)
        return;
    va_start(args, format);
    vsnprintf(words->text[words->count], WORD_MAX, format, args);
    va_end(args);
    words->argv[words->count] = words->text[words->count];
    words->argv[++words->count] = NULL;
}

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

/* Below the kernel's ephemeral range, so that no client of this machine is given it meanwhile. */
static int free_port(void)
{
    for (int tries = 0; tries < 200; tries++) {
        int port = 20000 + (int)((clock_now_ns() / 1000 + (uint64_t)getpid() * 31) % 12000);
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int rv = bind(fd, (const struct sockaddr *)&address, sizeof address);

        close(fd);
        if (rv == 0)
            return port;
        usleep(1000);
    }
    return 0;
}

static bool add_foreign(struct stage *stage)
{
    char port[16];
    const char *values[PLACEHOLDERS] = {[PLACEHOLDER_HOST] = HOST,
                                        [PLACEHOLDER_PORT] = port,
                                        [PLACEHOLDER_CERT] = stage->cert,
                                        [PLACEHOLDER_KEY] = stage->key};

    snprintf(port, sizeof port, "%d", stage->trial->port);
    for (char *const *word = stage->plan->server.command; *word != NULL; word++) {
        char *text = command_expand(*word, values);

        if (text == NULL) {
            snprintf(stage->error, stage->cap, "no memory for the server's command");
            return false;
        }
        add_word(&stage->words, "%s", text);
        free(text);
    }
    return true;
}

static void add_own(struct stage *stage)
{
    const struct trial_server *s = &stage->plan->server;

    add_word(&stage->words, "%s", stage->plan->programs->server);
    add_word(&stage->words, "--port");
    add_word(&stage->words, "0");
    add_word(&stage->words, "--threads");
    add_word(&stage->words, "%s", s->threads);
    if (!s->secure)
        return;
    add_word(&stage->words, "--secure");
    add_word(&stage->words, "--tls-pub");
    add_word(&stage->words, "%s", stage->cert);
    add_word(&stage->words, "--tls-priv");
    add_word(&stage->words, "%s", stage->key);
}

static enum exit_status start_server(struct stage *stage)
{
    const struct trial_server *s = &stage->plan->server;
    char log[PATH_MAX + 32], program[PATH_MAX];
    struct troupe_part part = {.name = "server",
                               .log_path = log,
                               .heap_cap = s->heap_cap,
                               .page = s->command == NULL,
                               .ready =
                                   s->command == NULL ? TROUPE_READY_LISTENING : TROUPE_READY_TCP};
    enum troupe_outcome outcome;

    snprintf(log, sizeof log, "%s/logs/server.1.log", stage->plan->dir);
    stage->words.count = 0;
    /* It sets the limit and becomes the program. */
    if (s->descriptors != 0) {
        add_word(&stage->words, "prlimit");
        add_word(&stage->words, "--nofile=%" PRIu64 ":%" PRIu64, s->descriptors, s->descriptors);
        add_word(&stage->words, "--");
    }
    if (s->command != NULL) {
        part.port = stage->trial->port = free_port();
        if (!add_foreign(stage))
            return STATUS_ENVIRONMENT;
    } else {
        add_own(stage);
    }
    if (!command_find_program(stage->words.argv[0], program)) {
        snprintf(stage->error, stage->cap, "%s is no program that can be executed",
                 stage->words.argv[0]);
        return STATUS_ENVIRONMENT;
    }
    stage->words.argv[0] = program;
    part.argv = stage->words.argv;
    stage->trial->started_ns = clock_now_ns();
    outcome = troupe_start(stage->troupe, &part, READY_LIMIT_NS, &stage->server, stage->error,
                           stage->cap);
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

static void add_option(struct words *words, const char *name, uint64_t value)
{
    add_word(words, "%s", name);
    add_word(words, "%" PRIu64, value);
}

static void add_duration(struct words *words, const char *name, uint64_t ns)
{
    add_word(words, "%s", name);
    add_word(words, "%" PRIu64 "ns", ns);
}

static void add_swarm(struct stage *stage)
{
    const struct trial_swarm *s = &stage->plan->swarm;
    struct words *words = &stage->words;

    words->count = 0;
    add_word(words, "%s", stage->plan->programs->client);
    add_option(words, "--port", (uint64_t)stage->trial->port);
    add_option(words, "--swarm", s->clients);
    add_word(words, "--swarm-messages");
    add_word(words, "%" PRIu64 ":%" PRIu64, s->messages_from, s->messages_to);
    add_word(words, "--swarm-csv");
    add_word(words, "%s", stage->csv);
    add_duration(words, "--timeout", s->reply_limit_ns);
    if (s->rate != 0)
        add_option(words, "--swarm-rate", s->rate);
    if (s->stay_ns != 0)
        add_duration(words, "--swarm-stay", s->stay_ns);
    if (s->hold)
        add_word(words, "--swarm-hold");
    if (s->together)
        add_word(words, "--swarm-together");
    if (s->back)
        add_word(words, "--swarm-back");
    if (stage->plan->server.secure) {
        add_word(words, "--secure");
        add_word(words, "--cert-store-from-path");
        add_word(words, "%s", stage->cert);
    }
}

/* Once the server is gone the clients see it, too, and come to their end. */
static enum exit_status run_swarm(struct stage *stage)
{
    struct trial *trial = stage->trial;
    char log[PATH_MAX + 32], line[TROUPE_LINE];
    struct troupe_part part = {.name = "swarm",
                               .argv = stage->words.argv,
                               .log_path = log,
                               .page = true,
                               .ends = true,
                               .ready = TROUPE_READY_START};
    enum troupe_outcome outcome;

    snprintf(log, sizeof log, "%s/logs/swarm.1.log", stage->plan->dir);
    add_swarm(stage);
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
    free(stage);
    return status;
}

void trial_clear(struct trial *trial)
{
    free(trial->turns);
    free(trial->samples);
    memset(trial, 0, sizeof *trial);
}
