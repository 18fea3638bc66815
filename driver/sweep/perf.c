#include "driver/sweep/perf.h"

#include "common/base/clock.h"
#include "driver/collapse_perf.h"
#include "driver/command.h"
#include "driver/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIAL_LIMIT_NS (60 * NS_PER_S)
#define BEGIN_LIMIT_NS (60 * NS_PER_S)
#define END_LIMIT_NS (300 * NS_PER_S)
#define SCRIPT_LIMIT_NS (1800 * NS_PER_S)
#define PARANOID "/proc/sys/kernel/perf_event_paranoid"
#define SHELL "/bin/sh"
#define TEXT(x) #x
#define NUMBER(x) TEXT(x)

static bool read_line(const char *path, char *out, size_t cap)
{
    FILE *in = fopen(path, "re");
    bool ok = in != NULL && fgets(out, (int)cap, in) != NULL;

    if (in != NULL)
        fclose(in);
    if (!ok)
        *out = '\0';
    out[strcspn(out, "\n")] = '\0';
    return ok;
}

bool perf_is_possible(const struct guardian *guardian, const char *log, char *error, size_t cap)
{
    char path[PATH_MAX], line[256], level[32], why[512];
    char *argv[] = {
        path,         (char *)"record",    (char *)"-q",   (char *)"-e", (char *)"cpu-clock",
        (char *)"-o", (char *)"/dev/null", (char *)"true", NULL};
    const struct spawn_request request = {
        .argv = argv, .envp = guardian_environment(guardian), .log_path = log, .page_fd = -1};
    struct spawn_end end;

    if (!command_find_program("perf", path)) {
        snprintf(error, cap,
                 "perf is not in PATH: install it (apt-get install linux-perf), or draw the heap "
                 "alone (--only heap)");
        return false;
    }
    unlink(log);
    if (spawn_run(&request, TRIAL_LIMIT_NS, &end, why, sizeof why) && end.code == 0)
        return true;
    read_line(log, line, sizeof line);
    read_line(PARANOID, level, sizeof level);
    snprintf(error, cap,
             "perf cannot record here (%s%s%s): be root, or sysctl -w kernel.perf_event_paranoid=1 "
             "(it is %s); without perf, --only heap",
             log, *line == '\0' ? "" : ": ", line, *level == '\0' ? "not there" : level);
    return false;
}

static char *in_dir(const struct perf *perf, const char *suffix, char *out, size_t cap)
{
    snprintf(out, cap, "%s/%s%s", perf->dir, perf->name, suffix);
    return out;
}

/* A pipe that keeps what is written before anybody reads, and is never at its end. */
static int make_pipe(const char *path, char *error, size_t cap)
{
    int fd = -1;

    unlink(path);
    if (mkfifo(path, 0600) < 0 || (fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
        snprintf(error, cap, "%s: %s", path, strerror(errno));
    return fd;
}

static bool has_answered(void *user)
{
    const struct perf *perf = user;
    char answer[16];

    return read(perf->answer, answer, sizeof answer) > 0 || !member_lives(perf->member);
}

/* One that was not to, or not so. */
static enum troupe_outcome explain_end(const struct perf *perf, char *error, size_t cap)
{
    char log[PATH_MAX + 64], line[256];

    read_line(in_dir(perf, ".log", log, sizeof log), line, sizeof line);
    snprintf(error, cap, "perf ended with status %d: %s (log: %s)", member_code(perf->member),
             *line == '\0' ? "without a word" : line, log);
    return TROUPE_DIED;
}

static enum troupe_outcome tell(struct perf *perf, struct troupe *troupe, const char *word,
                                uint64_t limit_ns, char *error, size_t cap)
{
    enum troupe_outcome outcome;

    if (write(perf->control, word, strlen(word)) < 0) {
        snprintf(error, cap, "perf's control: %s", strerror(errno));
        return TROUPE_DIED;
    }
    outcome = troupe_await(troupe, has_answered, perf, limit_ns, error, cap);
    return outcome == TROUPE_DONE && !member_lives(perf->member) ? explain_end(perf, error, cap)
                                                                 : outcome;
}

static bool open_pipes(struct perf *perf, char *option, size_t option_cap, char *error, size_t cap)
{
    char control[PATH_MAX + 64], answer[PATH_MAX + 64];

    in_dir(perf, ".control", control, sizeof control);
    in_dir(perf, ".answer", answer, sizeof answer);
    snprintf(option, option_cap, "--control=fifo:%s,%s", control, answer);
    perf->control = make_pipe(control, error, cap);
    if (perf->control >= 0)
        perf->answer = make_pipe(answer, error, cap);
    return perf->answer >= 0;
}

enum troupe_outcome perf_begin(struct perf *perf, struct troupe *troupe, const char *dir,
                               const char *name, const pid_t *pids, size_t count, bool dwarf,
                               char *error, size_t cap)
{
    char path[PATH_MAX], list[16 * PERF_PIDS_MAX] = "", data[PATH_MAX + 64], log[PATH_MAX + 64];
    char control[2 * PATH_MAX + 200];
    char *argv[] = {path,
                    (char *)"record",
                    (char *)"-q",
                    (char *)"-e",
                    (char *)"cpu-clock",
                    (char *)"-F",
                    (char *)NUMBER(PERF_FREQUENCY),
                    (char *)"--call-graph",
                    dwarf ? (char *)"dwarf" : (char *)"fp",
                    (char *)"-D",
                    (char *)"-1",
                    control,
                    (char *)"-o",
                    data,
                    (char *)"-p",
                    list,
                    NULL};
    struct troupe_part part = {.name = "perf", .argv = argv, .log_path = log, .ends = true};
    enum troupe_outcome outcome;
    size_t used = 0;

    *perf = (struct perf){.control = -1, .answer = -1};
    snprintf(perf->name, sizeof perf->name, "%s", name);
    snprintf(perf->dir, sizeof perf->dir, "%s", dir);
    if (!command_find_program("perf", path) ||
        !open_pipes(perf, control, sizeof control, error, cap))
        return TROUPE_DIED;
    for (size_t i = 0; i < count && i < PERF_PIDS_MAX; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%d", i > 0 ? "," : "",
                                 (int)pids[i]);
    in_dir(perf, ".data", data, sizeof data);
    in_dir(perf, ".log", log, sizeof log);
    outcome = troupe_start(troupe, &part, BEGIN_LIMIT_NS, &perf->member, error, cap);
    if (outcome == TROUPE_DONE)
        outcome = tell(perf, troupe, "enable\n", BEGIN_LIMIT_NS, error, cap);
    return outcome;
}

enum troupe_outcome perf_end(struct perf *perf, struct troupe *troupe, char *error, size_t cap)
{
    enum troupe_outcome outcome;

    /* Who has nobody left to look at ends by itself. */
    if (member_lives(perf->member) && write(perf->control, "stop\n", 5) < 0) {
        snprintf(error, cap, "perf's control: %s", strerror(errno));
        return TROUPE_DIED;
    }
    outcome = troupe_await_end(troupe, perf->member, END_LIMIT_NS, error, cap);
    return outcome == TROUPE_DONE && member_code(perf->member) != 0 ? explain_end(perf, error, cap)
                                                                    : outcome;
}

void perf_release(struct perf *perf)
{
    static const char *const drafts[] = {".control", ".answer", ".data", ".data.old", ".raw"};
    char path[PATH_MAX + 64];

    if (perf->control >= 0)
        close(perf->control);
    if (perf->answer >= 0)
        close(perf->answer);
    perf->control = perf->answer = -1;
    for (size_t i = 0; perf->dir[0] != '\0' && i < sizeof drafts / sizeof *drafts; i++)
        unlink(in_dir(perf, drafts[i], path, sizeof path));
}

/* The shell, for it keeps the samples apart from what perf says beside them. Names of inlined
 * functions are left out: to find them takes minutes. */
enum troupe_outcome perf_collapse(const struct perf *perf, struct troupe *troupe, pid_t pid,
                                  const char *file, uint64_t *samples, char *error, size_t cap)
{
    char data[PATH_MAX + 64], raw[PATH_MAX + 64], log[PATH_MAX + 64], folded[PATH_MAX + 64];
    char number[16];
    char *argv[] = {(char *)SHELL,
                    (char *)"-c",
                    (char *)"exec perf script --no-inline -F " COLLAPSE_PERF_FIELDS
                            " --pid \"$1\" -i \"$2\" >\"$3\"",
                    (char *)"perf",
                    number,
                    data,
                    raw,
                    NULL};
    struct troupe_part part = {.name = "perf", .argv = argv, .log_path = log, .ends = true};
    struct member *script;
    enum troupe_outcome outcome;

    snprintf(number, sizeof number, "%d", (int)pid);
    snprintf(folded, sizeof folded, "%s/%s", perf->dir, file);
    in_dir(perf, ".data", data, sizeof data);
    in_dir(perf, ".raw", raw, sizeof raw);
    in_dir(perf, ".script.log", log, sizeof log);
    outcome = troupe_start(troupe, &part, SCRIPT_LIMIT_NS, &script, error, cap);
    if (outcome == TROUPE_DONE)
        outcome = troupe_await_end(troupe, script, SCRIPT_LIMIT_NS, error, cap);
    if (outcome == TROUPE_DONE && member_code(script) != 0) {
        char line[256];

        read_line(log, line, sizeof line);
        snprintf(error, cap, "perf script failed with status %d: %s (%s)", member_code(script),
                 line, log);
        return TROUPE_DIED;
    }
    if (outcome == TROUPE_DONE && !collapse_perf(raw, folded, samples, error, cap))
        return TROUPE_DIED;
    return outcome;
}

char *perf_map_path(pid_t pid, char *out, size_t cap)
{
    snprintf(out, cap, "/tmp/perf-%d.map", (int)pid);
    return out;
}
