#include "driver/sweep/flame_stage.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "driver/sweep/free_port.h"
#include "driver/sweep/perf.h"
#include "driver/sweep/troupe.h"
#include "driver/sweep/words.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define READY_LIMIT_NS (60 * NS_PER_S)
#define STOP_LIMIT_NS (60 * NS_PER_S)
#define SAMPLE_NS (20 * NS_PER_MS)
/* What any implementation does on a loaded machine: a limit, no measure. */
#define SLOWEST_BYTES_S 20000
#define SLOWEST_MESSAGES_S 100
#define SHELL "/bin/sh"
/* Stops before it becomes the program, so that nothing of that is missed. */
#define HELD "kill -STOP $$; exec \"$@\""

#define ROLE_NAME(ident, name, text) [FLAME_##ident] = (name),
#define ROLE_TEXT(ident, name, text) [FLAME_##ident] = (text),
static const char *const role_names[FLAME_ROLES] = {FLAME_ROLE_TABLE(ROLE_NAME)};
static const char *const role_texts[FLAME_ROLES] = {FLAME_ROLE_TABLE(ROLE_TEXT)};
#undef ROLE_NAME
#undef ROLE_TEXT

const char *flame_role_name(enum flame_role role)
{
    return role_names[role];
}

const char *flame_role_text(enum flame_role role)
{
    return role_texts[role];
}

/* The pass under way. */
struct pass {
    const struct flame_stage *stage;
    struct flame_result *result;
    struct troupe *troupe;
    struct member *members[FLAME_ROLES];
    struct perf clients, server; /* recordings */
    int port;
    char error[TROUPE_LINE + 2 * PATH_MAX];
};

/* --- command lines --------------------------------------------------------------------------- */

/* What names the frames of those who make their code at run time; what each reads, the others let
 * be. */
static void put_environment(struct words *w, const struct flame_stage *stage, enum flame_role role)
{
    words_add(w, "/usr/bin/env");
    if (role == FLAME_SERVER && !stage->heap) {
        words_add(w, "NODE_OPTIONS=--perf-basic-prof --interpreted-frames-native-stack");
        words_add(w, "PYTHONPERFSUPPORT=1");
    }
    if (role == FLAME_SERVER && stage->options->debug) {
        words_add(w, "GRPC_VERBOSITY=DEBUG");
        words_add(w, "GRPC_TRACE=api,http,server,server_call,transport");
    }
    if (stage->heap)
        words_add(w,
                  "MALLOC_CONF=prof:true,prof_active:true,prof_accum:true,prof_final:true,"
                  "lg_prof_sample:9,prof_prefix:%s/heap.%s",
                  stage->dir, role_names[role]);
}

static void put_server(struct words *w, const struct flame_stage *stage, int port)
{
    put_environment(w, stage, FLAME_SERVER);
    flame_impl_add(stage->impl, port, w);
    if (stage->impl->ours && stage->options->debug)
        words_add(w, "--verbose");
}

static void put_client(struct words *w, const struct flame_stage *stage, enum flame_role role,
                       int port)
{
    const struct flame_options *o = stage->options;

    if (role == FLAME_CLIENT) {
        words_add(w, SHELL);
        words_add(w, "-c");
        words_add(w, HELD);
        words_add(w, "sh");
    }
    put_environment(w, stage, role);
    words_add(w, "%s", stage->programs->client);
    words_add(w, "--port");
    words_add(w, "%d", port);
    if (o->debug)
        words_add(w, "--verbose");
    if (role == FLAME_OBSERVER) {
        words_add(w, "--bidi-streaming");
        words_add(w, "0");
        return;
    }
    words_add(w, "--json");
    words_add_number(w, "--message-size", o->per_packet);
    words_add_number(w, "--num-calls", o->streams);
    words_add_number(w, "--client-streaming", flame_options_packets(o));
}

/* --- measuring ------------------------------------------------------------------------------- */

/* CPU seconds of a process so far; 0 if that is not known. */
static double cpu_of(pid_t pid)
{
    clockid_t clock;
    struct timespec time;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return 0;
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The kernel's own high-water mark; 0 if that is not known. */
static uint64_t peak_rss(pid_t pid)
{
    char path[64], line[128];
    uint64_t kilobytes = 0;
    FILE *in;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    in = fopen(path, "re");
    if (in == NULL)
        return 0;
    while (fgets(line, sizeof line, in) != NULL) {
        if (sscanf(line, "VmHWM: %" SCNu64, &kilobytes) == 1)
            break;
    }
    fclose(in);
    return kilobytes * 1024;
}

static void sampled(void *user, const struct member *member, uint64_t now_ns,
                    const struct metric_values *values)
{
    const struct pass *pass = user;

    (void)now_ns, (void)values;
    for (int role = 0; role < FLAME_ROLES; role++) {
        uint64_t peak = member == pass->members[role] ? peak_rss(member_pid(member)) : 0;

        if (peak > pass->result->peak_rss[role])
            pass->result->peak_rss[role] = peak;
    }
}

/* Its summary stands behind whatever it had to say. */
static bool read_summary(struct pass *pass, const char *log)
{
    FILE *in = fopen(log, "re");
    char line[512], why[512] = "";
    int code = member_code(pass->members[FLAME_CLIENT]);
    json_t *summary = NULL;
    long at = 0;

    if (in == NULL)
        return false;
    while (fgets(line, sizeof line, in) != NULL && strcmp(line, "{\n") != 0) {
        if (*why == '\0')
            snprintf(why, sizeof why, "%s", line);
        at = ftell(in);
    }
    if (fseek(in, at, SEEK_SET) == 0)
        summary = json_loadf(in, 0, NULL);
    fclose(in);
    why[strcspn(why, "\n")] = '\0';
    pass->result->wall_s =
        (double)json_integer_value(json_object_get(summary, "wall_ns")) / NS_PER_S;
    pass->result->client_cpu_s =
        (double)json_integer_value(json_object_get(summary, "cpu_ns")) / NS_PER_S;
    pass->result->messages =
        (uint64_t)json_integer_value(json_object_get(summary, "messages_sent"));
    json_decref(summary);
    if (code == 0 && pass->result->messages > 0)
        return true;
    snprintf(pass->error, sizeof pass->error, "the traffic failed with status %d: %s (log: %s)",
             code, *why == '\0' ? "no summary" : why, log);
    return false;
}

/* --- the acts -------------------------------------------------------------------------------- */

static char *log_of(const struct pass *pass, enum flame_role role, char *out, size_t cap)
{
    snprintf(out, cap, "%s/%s%s.log", pass->stage->dir, pass->stage->heap ? "heap." : "",
             role_names[role]);
    return out;
}

static enum troupe_outcome start(struct pass *pass, enum flame_role role, struct troupe_part part,
                                 struct words *words)
{
    enum troupe_outcome outcome = TROUPE_DIED;
    char log[PATH_MAX + 64];

    part.name = role_names[role];
    part.argv = words_argv(words);
    part.log_path = log_of(pass, role, log, sizeof log);
    if (part.argv != NULL)
        outcome = troupe_start(pass->troupe, &part, READY_LIMIT_NS, &pass->members[role],
                               pass->error, sizeof pass->error);
    else
        snprintf(pass->error, sizeof pass->error, "no memory for the command of %s", part.name);
    words_clear(words);
    return outcome;
}

static enum troupe_outcome start_server(struct pass *pass)
{
    struct troupe_part part = {.ready = TROUPE_READY_LISTENING};
    struct words words = {0};
    enum troupe_outcome outcome;

    if (!pass->stage->impl->ours) {
        pass->port = part.port = free_port(pass->error, sizeof pass->error);
        if (part.port == 0)
            return TROUPE_DIED;
        part.ready = TROUPE_READY_TCP;
    }
    put_server(&words, pass->stage, pass->port);
    outcome = start(pass, FLAME_SERVER, part, &words);
    if (outcome == TROUPE_DONE && pass->stage->impl->ours)
        pass->port = member_port(pass->members[FLAME_SERVER]);
    return outcome;
}

static bool is_resting(void *user)
{
    enum page_command_result result;
    const struct pass *pass = user;

    return page_acknowledged(member_page(pass->members[FLAME_OBSERVER]), 1, &result);
}

static enum troupe_outcome start_observer(struct pass *pass)
{
    struct troupe_part part = {.ready = TROUPE_READY_PAGE, .page = true};
    struct words words = {0};
    enum troupe_outcome outcome;

    put_client(&words, pass->stage, FLAME_OBSERVER, pass->port);
    outcome = start(pass, FLAME_OBSERVER, part, &words);
    if (outcome != TROUPE_DONE)
        return outcome;
    page_order(member_page(pass->members[FLAME_OBSERVER]), PAGE_COMMAND_PAUSE, 0);
    return troupe_await(pass->troupe, is_resting, pass, READY_LIMIT_NS, pass->error,
                        sizeof pass->error);
}

static bool is_held(void *user)
{
    const struct pass *pass = user;
    char path[64], state = '?';
    FILE *in;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)member_pid(pass->members[FLAME_CLIENT]));
    in = fopen(path, "re");
    if (in == NULL)
        return false;
    if (fscanf(in, "%*d (%*[^)]) %c", &state) != 1)
        state = '?';
    fclose(in);
    return state == 'T';
}

static enum troupe_outcome hold_client(struct pass *pass)
{
    struct troupe_part part = {.ready = TROUPE_READY_START, .ends = true};
    struct words words = {0};
    enum troupe_outcome outcome;

    put_client(&words, pass->stage, FLAME_CLIENT, pass->port);
    outcome = start(pass, FLAME_CLIENT, part, &words);
    if (outcome != TROUPE_DONE)
        return outcome;
    return troupe_await(pass->troupe, is_held, pass, READY_LIMIT_NS, pass->error,
                        sizeof pass->error);
}

/* Whose code is made at run time has frame pointers there, and nothing else. */
static bool wants_dwarf(const struct pass *pass, enum flame_role role)
{
    const char *chosen = pass->stage->options->call_graph;
    char map[64];

    if (chosen != NULL)
        return strcmp(chosen, "dwarf") == 0;
    return access(perf_map_path(member_pid(pass->members[role]), map, sizeof map), F_OK) != 0;
}

static enum troupe_outcome begin_recording(struct pass *pass)
{
    pid_t server = member_pid(pass->members[FLAME_SERVER]), clients[2];
    bool dwarf = wants_dwarf(pass, FLAME_SERVER);
    enum troupe_outcome outcome;
    size_t count = 0;

    clients[count++] = member_pid(pass->members[FLAME_CLIENT]);
    if (pass->members[FLAME_OBSERVER] != NULL)
        clients[count++] = member_pid(pass->members[FLAME_OBSERVER]);
    pass->result->call_graph = dwarf ? "dwarf" : "fp";
    outcome = perf_begin(&pass->server, pass->troupe, pass->stage->dir, "perf-server", &server, 1,
                         dwarf, pass->error, sizeof pass->error);
    if (outcome == TROUPE_DONE)
        outcome =
            perf_begin(&pass->clients, pass->troupe, pass->stage->dir, "perf-clients", clients,
                       count, wants_dwarf(pass, FLAME_CLIENT), pass->error, sizeof pass->error);
    return outcome;
}

static uint64_t traffic_limit_ns(const struct flame_options *o)
{
    uint64_t bytes = o->streams * o->per_stream, messages = o->streams * flame_options_packets(o);

    return (60 + bytes / SLOWEST_BYTES_S + messages / SLOWEST_MESSAGES_S) * NS_PER_S;
}

static enum troupe_outcome let_traffic_run(struct pass *pass)
{
    const pid_t server = member_pid(pass->members[FLAME_SERVER]);
    struct member *client = pass->members[FLAME_CLIENT];
    enum troupe_outcome outcome;
    char log[PATH_MAX + 64];
    double before = cpu_of(server);

    kill(member_pid(client), SIGCONT);
    outcome = troupe_await_end(pass->troupe, client, traffic_limit_ns(pass->stage->options),
                               pass->error, sizeof pass->error);
    pass->result->server_cpu_s = cpu_of(server) - before;
    if (outcome != TROUPE_DONE)
        return outcome;
    return read_summary(pass, log_of(pass, FLAME_CLIENT, log, sizeof log)) ? TROUPE_DONE
                                                                           : TROUPE_DIED;
}

static enum troupe_outcome end_recording(struct pass *pass)
{
    enum troupe_outcome outcome =
        perf_end(&pass->clients, pass->troupe, pass->error, sizeof pass->error);

    if (outcome == TROUPE_DONE)
        outcome = perf_end(&pass->server, pass->troupe, pass->error, sizeof pass->error);
    return outcome;
}

static enum troupe_outcome collapse(struct pass *pass)
{
    enum troupe_outcome outcome = TROUPE_DONE;

    for (int role = 0; role < FLAME_ROLES && outcome == TROUPE_DONE; role++) {
        const struct perf *perf = role == FLAME_SERVER ? &pass->server : &pass->clients;
        char file[32];

        if (pass->members[role] == NULL)
            continue;
        snprintf(file, sizeof file, "%s.folded", role_names[role]);
        outcome = perf_collapse(perf, pass->troupe, member_pid(pass->members[role]), file,
                                &pass->result->samples[role], pass->error, sizeof pass->error);
    }
    return outcome;
}

/* Somebody else's server may end as it likes. */
static enum troupe_outcome stop(struct pass *pass, enum flame_role role)
{
    struct member *member = pass->members[role];
    enum troupe_outcome outcome;

    if (member == NULL)
        return TROUPE_DONE;
    outcome = troupe_stop(pass->troupe, member, STOP_LIMIT_NS, pass->error, sizeof pass->error);
    if (outcome != TROUPE_DONE && role == FLAME_SERVER && !pass->stage->impl->ours) {
        log_debug("%s", pass->error);
        return TROUPE_DONE;
    }
    return outcome;
}

static enum troupe_outcome play(struct pass *pass)
{
    bool record = !pass->stage->heap;
    enum troupe_outcome outcome = start_server(pass);

    if (outcome == TROUPE_DONE && pass->stage->options->observer)
        outcome = start_observer(pass);
    if (outcome == TROUPE_DONE)
        outcome = hold_client(pass);
    if (outcome == TROUPE_DONE && record)
        outcome = begin_recording(pass);
    if (outcome == TROUPE_DONE)
        outcome = let_traffic_run(pass);
    if (outcome == TROUPE_DONE && record)
        outcome = end_recording(pass);
    if (outcome == TROUPE_DONE)
        outcome = stop(pass, FLAME_OBSERVER);
    if (outcome == TROUPE_DONE)
        outcome = stop(pass, FLAME_SERVER);
    if (outcome == TROUPE_DONE && record)
        outcome = collapse(pass);
    return outcome;
}

static enum exit_status status_of(const struct pass *pass, enum troupe_outcome outcome)
{
    const struct member *client = pass->members[FLAME_CLIENT];

    if (outcome == TROUPE_DONE)
        return STATUS_PASSED;
    if (outcome == TROUPE_INTERRUPTED)
        return STATUS_INTERRUPTED;
    log_error("%s", pass->error);
    return client != NULL && !member_lives(client) && member_code(client) == STATUS_FAILED
               ? STATUS_FAILED
               : STATUS_ENVIRONMENT;
}

enum exit_status flame_stage_play(const struct flame_stage *stage, struct flame_result *result)
{
    struct pass pass = {.stage = stage,
                        .result = result,
                        .clients = {.control = -1, .answer = -1},
                        .server = {.control = -1, .answer = -1}};
    const struct troupe_settings settings = {
        .guardian = stage->guardian, .sample_ns = SAMPLE_NS, .sampled = sampled, .user = &pass};
    enum exit_status status;
    pid_t server = 0;
    char map[64];

    pass.troupe = troupe_new(&settings);
    if (pass.troupe == NULL) {
        log_error("no memory");
        return STATUS_ENVIRONMENT;
    }
    status = status_of(&pass, play(&pass));
    if (pass.members[FLAME_SERVER] != NULL)
        server = member_pid(pass.members[FLAME_SERVER]);
    troupe_free(pass.troupe);
    perf_release(&pass.clients);
    perf_release(&pass.server);
    if (server != 0)
        unlink(perf_map_path(server, map, sizeof map));
    return status;
}
