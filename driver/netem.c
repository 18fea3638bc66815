#include "driver/netem.h"

#include "common/base/clock.h"
#include "common/base/thread.h"
#include "driver/command.h"
#include "driver/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_NS (5 * NS_PER_S)
#define LOOK_NS (2 * NS_PER_MS)
#define PREFIX_WORDS 6
#define WORDS 200      /* of a line that explains */
#define QUEUE "100000" /* packets; tc's default of 1000 drops what a long fast way holds */

struct side {
    struct spawned holder;
    bool held;
    char program[PATH_MAX], pid[16];
    char *prefix[PREFIX_WORDS];
};

struct netem {
    struct guardian *guardian;
    const char *log_path;
    struct side sides[2];
};

/* ---- the commands ---- */

static void add(struct netem_command *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Words at blanks. */
static void add(struct netem_command *c, const char *format, ...)
{
    char text[NETEM_WORDS * NETEM_WORD], *rest = text;
    size_t count = 0;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    while (count + 1 < NETEM_WORDS && c->words[count][0] != '\0')
        count++;
    for (char *word; (word = strsep(&rest, " ")) != NULL && count + 1 < NETEM_WORDS; count++)
        snprintf(c->words[count], NETEM_WORD, "%s", word);
    c->words[count][0] = '\0';
}

static void add_netem(struct netem_command *c, const struct netem_settings *s, int side)
{
    add(c, "tc qdisc add dev fl%d root netem delay %" PRIu64 "us", side, s->rtt_ns / 2 / NS_PER_US);
    if (s->jitter_ns != 0)
        add(c, "%" PRIu64 "us", s->jitter_ns / NS_PER_US);
    if (s->bytes_per_s != 0)
        add(c, "rate %" PRIu64 "bit", 8 * s->bytes_per_s);
    add(c, "limit " QUEUE);
}

bool netem_command(const struct netem_settings *settings, const pid_t holders[2], unsigned k,
                   struct netem_command *out)
{
    static const char *const addresses[] = {NETEM_ADDRESS_NEAR, NETEM_ADDRESS_FAR};
    int side = k == 0 ? 0 : (int)(k - 1) % 2;

    out->words[0][0] = '\0';
    add(out, "nsenter -t %d -n", (int)holders[side]);
    switch (k == 0 ? 0 : (k + 1) / 2) {
    case 0:
        add(out, "ip link add fl0 type veth peer name fl1 netns %d", (int)holders[1]);
        return true;
    case 1:
        add(out, "ip address add %s/30 dev fl%d", addresses[side], side);
        return true;
    case 2:
        add(out, "ip link set lo up");
        return true;
    case 3:
        add(out, "ip link set fl%d up", side);
        return true;
    case 4:
        add_netem(out, settings, side);
        return !settings->plain;
    default:
        return false;
    }
}

/* ---- carried out ---- */

/* The last line of what the commands said. */
static void last_words(const char *log_path, char *out, size_t cap)
{
    FILE *log = fopen(log_path, "re");
    char line[WORDS];

    snprintf(out, cap, "it said nothing");
    while (log != NULL && fgets(line, sizeof line, log) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0')
            snprintf(out, cap, "%s", line);
    }
    if (log != NULL)
        fclose(log);
}

static bool run(const struct netem *n, struct netem_command *command, char *error, size_t cap)
{
    char program[PATH_MAX], text[NETEM_WORDS * NETEM_WORD] = "";
    char *argv[NETEM_WORDS + 1] = {program};
    struct spawn_request request = {.argv = argv,
                                    .envp = guardian_environment(n->guardian),
                                    .log_path = n->log_path,
                                    .page_fd = -1};
    struct spawn_end end;
    size_t used = 0;
    char why[WORDS];

    if (!command_find_program(command->words[0], program)) {
        snprintf(error, cap, "netem cannot be used here: there is no %s", command->words[0]);
        return false;
    }
    for (size_t i = 0; command->words[i][0] != '\0'; i++) {
        if (i > 0)
            argv[i] = command->words[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i == 0 ? "" : " ",
                                 command->words[i]);
    }
    if (!spawn_run(&request, LIMIT_NS, &end, error, cap))
        return false;
    if (end.code == 0)
        return true;
    last_words(n->log_path, why, sizeof why);
    snprintf(error, cap,
             "netem cannot be used here: '%s': %s (it needs root, iproute2 and a kernel with "
             "sch_netem; a delay line needs none of them)",
             text, why);
    return false;
}

/* Whether that process has left our namespace. */
static bool has_left(pid_t pid)
{
    struct stat own, its;
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    return stat("/proc/self/ns/net", &own) == 0 && stat(path, &its) == 0 &&
           own.st_ino != its.st_ino;
}

static bool hold(struct netem *n, struct side *side, char *error, size_t cap)
{
    char *argv[] = {side->program,   (char *)"--net",    (char *)"--",
                    (char *)"sleep", (char *)"infinity", NULL};
    const struct spawn_request request = {.argv = argv,
                                          .envp = guardian_environment(n->guardian),
                                          .log_path = n->log_path,
                                          .page_fd = -1};
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    uint64_t limit_ns = clock_now_ns() + LIMIT_NS;
    char why[WORDS];

    if (!command_find_program("unshare", side->program)) {
        snprintf(error, cap, "netem cannot be used here: there is no unshare");
        return false;
    }
    if (!spawn_start(&request, &side->holder, error, cap))
        return false;
    side->held = true;
    guardian_watch(n->guardian, side->holder.pid);
    while (!has_left(side->holder.pid)) {
        if (spawn_is_dead(&side->holder) || clock_now_ns() > limit_ns) {
            last_words(n->log_path, why, sizeof why);
            snprintf(error, cap, "netem cannot be used here: no network namespace can be made: %s",
                     why);
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

static bool make_prefix(struct side *side, char *error, size_t cap)
{
    if (!command_find_program("nsenter", side->program)) {
        snprintf(error, cap, "netem cannot be used here: there is no nsenter");
        return false;
    }
    snprintf(side->pid, sizeof side->pid, "%d", (int)side->holder.pid);
    side->prefix[0] = side->program;
    side->prefix[1] = (char *)"-t";
    side->prefix[2] = side->pid;
    side->prefix[3] = (char *)"-n";
    side->prefix[4] = (char *)"--";
    return true;
}

static bool join(struct netem *n, const struct netem_settings *settings, char *error, size_t cap)
{
    const pid_t holders[] = {n->sides[0].holder.pid, n->sides[1].holder.pid};
    struct netem_command command;

    for (unsigned k = 0; netem_command(settings, holders, k, &command); k++) {
        if (!run(n, &command, error, cap))
            return false;
    }
    return true;
}

struct netem *netem_new(const struct netem_settings *settings, struct guardian *guardian,
                        const char *log_path, char *error, size_t cap)
{
    struct netem *n = calloc(1, sizeof *n);

    if (n == NULL) {
        snprintf(error, cap, "no memory");
        return NULL;
    }
    n->guardian = guardian;
    n->log_path = log_path;
    if (hold(n, &n->sides[0], error, cap) && hold(n, &n->sides[1], error, cap) &&
        join(n, settings, error, cap) && make_prefix(&n->sides[0], error, cap) &&
        make_prefix(&n->sides[1], error, cap))
        return n;
    netem_free(n);
    return NULL;
}

void netem_free(struct netem *n)
{
    for (int i = 0; n != NULL && i < 2; i++) {
        if (!n->sides[i].held)
            continue;
        guardian_forget(n->guardian, n->sides[i].holder.pid);
        spawn_end_now(&n->sides[i].holder);
    }
    free(n);
}

char *const *netem_prefix(const struct netem *n, enum netem_side side)
{
    return n->sides[side].prefix;
}

/* ---- a socket there ---- */

struct errand {
    const char *pid;
    int fd, error;
};

/* A socket lives in the namespace of the thread that made it. */
static void *fetch_socket(void *arg)
{
    struct errand *errand = arg;
    char path[64];
    int there;

    snprintf(path, sizeof path, "/proc/%s/ns/net", errand->pid);
    there = open(path, O_RDONLY | O_CLOEXEC);
    if (there >= 0 && setns(there, CLONE_NEWNET) == 0)
        errand->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    errand->error = errno;
    if (there >= 0)
        close(there);
    return NULL;
}

/* By a thread that ends there, so that this one never leaves home. */
int netem_socket(const struct netem *n, enum netem_side side)
{
    struct errand errand = {n->sides[side].pid, -1, 0};
    pthread_t thread;
    int error = thread_start(&thread, 0, fetch_socket, &errand);

    if (error == 0) {
        pthread_join(thread, NULL);
        error = errand.error;
    }
    errno = error;
    return errand.fd;
}
