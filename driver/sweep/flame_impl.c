#include "driver/sweep/flame_impl.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "driver/command.h"
#include "driver/scenario_load.h"
#include "driver/spawn.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERSION_LIMIT_NS (20 * NS_PER_S)
#define HOST "127.0.0.1"
#define BASE_PORT 31300 /* of components of a scenario; none is listened on */

/* The servers that come with Flatline: name, scenario. */
#define SHIPPED_TABLE(X)               \
    X("grpc-cpp", "examples/cpp.yaml") \
    X("grpc-js", "examples/js.yaml")   \
    X("grpcio", "examples/grpcio.yaml")

#define SHIPPED_ROW(name, file) {name, file},
static const struct {
    const char *name, *file;
} shipped[] = {SHIPPED_TABLE(SHIPPED_ROW)};
#undef SHIPPED_ROW

static const char *shipped_file(const char *name)
{
    for (size_t i = 0; i < sizeof shipped / sizeof *shipped; i++) {
        if (strcmp(shipped[i].name, name) == 0)
            return shipped[i].file;
    }
    return NULL;
}

static bool load(struct flame_impl *impl, const char *file, char *error, size_t cap)
{
    const struct scenario_settings settings = {.base_port = BASE_PORT};

    if (!scenario_load(file, &settings, &impl->scenario, error, cap))
        return false;
    for (size_t i = 0; i < impl->scenario.count; i++) {
        const struct component *c = &impl->scenario.components[i];

        if (c->server && !c->secure) {
            impl->component = c;
            return true;
        }
    }
    snprintf(error, cap, "%s: has no server without TLS", file);
    return false;
}

bool flame_impl_find(struct flame_impl *impl, const char *name, const char *scenario_file,
                     const struct programs *programs, bool *usage, char *error, size_t cap)
{
    const char *file = scenario_file != NULL ? scenario_file : shipped_file(name);

    *impl = (struct flame_impl){.name = name, .ours = file == NULL};
    *usage = true;
    if (file == NULL && strcmp(name, "ours") != 0) {
        snprintf(error, cap,
                 "--impl: '%s' is none of ours, grpc-cpp, grpc-js, grpcio; any other needs "
                 "--scenario FILE",
                 name);
        return false;
    }
    if (file != NULL && scenario_file == NULL && access(file, R_OK) != 0) {
        snprintf(error, cap,
                 "%s: not found; start from the source folder, or name it with --scenario", file);
        return false;
    }
    if (file != NULL && !load(impl, file, error, cap))
        return false;
    *usage = false;
    impl->ours = file == NULL || impl->component->command == NULL;
    if (impl->ours) {
        snprintf(impl->program, sizeof impl->program, "%s", programs->server);
        return true;
    }
    if (command_find_program(impl->component->command[0], impl->program))
        return true;
    snprintf(error, cap, "%s: its program %s cannot be executed; %s says how it is made", file,
             impl->component->command[0], file);
    return false;
}

void flame_impl_clear(struct flame_impl *impl)
{
    scenario_clear(&impl->scenario);
}

static void add_ours(const struct flame_impl *impl, int port, struct words *words)
{
    words_add(words, "%s", impl->program);
    words_add_number(words, "--port", (uint64_t)port);
    /* A size, of which its replies make little use, lets it take any. */
    words_add_number(words, "--message-size", 128);
    if (impl->component != NULL)
        words_add_all(words, impl->component->arguments, NULL);
}

static void add_theirs(const struct flame_impl *impl, int port, struct words *words)
{
    char text[16];
    const char *values[PLACEHOLDERS] = {[PLACEHOLDER_HOST] = HOST,
                                        [PLACEHOLDER_PORT] = text,
                                        [PLACEHOLDER_CERT] = "",
                                        [PLACEHOLDER_KEY] = ""};

    snprintf(text, sizeof text, "%d", port);
    words_add(words, "%s", impl->program);
    words_add_all(words, impl->component->command + 1, values);
}

void flame_impl_add(const struct flame_impl *impl, int port, struct words *words)
{
    words_add(words, "/usr/bin/env");
    if (impl->component != NULL)
        words_add_all(words, impl->component->env, NULL);
    if (impl->ours)
        add_ours(impl, port, words);
    else
        add_theirs(impl, port, words);
}

/* The first word that begins with a number: "0.1.0", "v20.20.2" without the v. */
static void pick_version(const char *line, char out[FLAME_VERSION])
{
    for (const char *at = line; *at != '\0';) {
        size_t length, used = 0;

        at += strspn(at, " \t(");
        length = strcspn(at, " \t(),");
        if (isdigit((unsigned char)*at) || (*at == 'v' && isdigit((unsigned char)at[1]))) {
            for (size_t i = *at == 'v'; i < length && used + 1 < FLAME_VERSION; i++)
                out[used++] =
                    (char)(isalnum((unsigned char)at[i]) || strchr("._+-", at[i]) ? at[i] : '_');
            out[used] = '\0';
            return;
        }
        at += length;
        if (*at != '\0')
            at++;
    }
}

void flame_impl_ask_version(struct flame_impl *impl, const struct guardian *guardian,
                            const char *log)
{
    struct words words = {0};
    struct spawn_request request = {
        .envp = guardian_environment(guardian), .log_path = log, .page_fd = -1};
    struct spawn_end end;
    char error[1024];
    FILE *said;

    strcpy(impl->version, "unknown");
    flame_impl_add(impl, 0, &words);
    words_add(&words, "--version");
    request.argv = words_argv(&words);
    if (request.argv == NULL)
        log_debug("%s --version: no memory", impl->program);
    else if (!spawn_run(&request, VERSION_LIMIT_NS, &end, error, sizeof error))
        log_debug("%s --version: %s", impl->program, error);
    else if (end.code == 0 && (said = fopen(log, "re")) != NULL) {
        if (fgets(impl->version_line, sizeof impl->version_line, said) != NULL)
            impl->version_line[strcspn(impl->version_line, "\n")] = '\0';
        fclose(said);
        pick_version(impl->version_line, impl->version);
    }
    words_clear(&words);
}
