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
#define WORDS_MAX 56
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

static bool add(char **words, size_t *count, size_t room, const char *word)
{
    if (word == NULL || *count + 1 >= room)
        return false;
    words[*count] = strdup(word);
    if (words[*count] == NULL)
        return false;
    words[++*count] = NULL;
    /* It is freed by flame_impl_free_words. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    return true;
}

/* What the scenario adds to its environment. */
static bool add_environment(const struct flame_impl *impl, char **words, size_t *count, size_t room)
{
    const char *const *env = impl->component != NULL ? impl->component->env : NULL;

    if (!add(words, count, room, "/usr/bin/env"))
        return false;
    for (; env != NULL && *env != NULL; env++) {
        if (!add(words, count, room, *env))
            return false;
    }
    return true;
}

static bool add_ours(const struct flame_impl *impl, const char *port, char **words, size_t *count,
                     size_t room)
{
    const char *const *more = impl->component != NULL ? impl->component->arguments : NULL;
    /* A size, of which its replies make little use, lets it take any. */
    const char *const own[] = {impl->program, "--port", port, "--message-size", "128"};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (!add(words, count, room, own[i]))
            return false;
    }
    for (; more != NULL && *more != NULL; more++) {
        if (!add(words, count, room, *more))
            return false;
    }
    return true;
}

static bool add_theirs(const struct flame_impl *impl, const char *port, char **words, size_t *count,
                       size_t room)
{
    const char *const *command = impl->component->command;
    const char *values[PLACEHOLDERS] = {[PLACEHOLDER_HOST] = HOST,
                                        [PLACEHOLDER_PORT] = port,
                                        [PLACEHOLDER_CERT] = "",
                                        [PLACEHOLDER_KEY] = ""};

    if (!add(words, count, room, impl->program))
        return false;
    for (command++; *command != NULL; command++) {
        char *word = command_expand(*command, values);
        bool added = add(words, count, room, word);

        free(word);
        if (!added)
            return false;
    }
    return true;
}

bool flame_impl_words(const struct flame_impl *impl, int port, char **words, size_t room)
{
    char text[16];
    size_t count = 0;
    bool ok;

    words[0] = NULL;
    snprintf(text, sizeof text, "%d", port);
    ok = add_environment(impl, words, &count, room) &&
         (impl->ours ? add_ours(impl, text, words, &count, room)
                     : add_theirs(impl, text, words, &count, room));
    if (!ok)
        flame_impl_free_words(words);
    return ok;
}

void flame_impl_free_words(char **words)
{
    for (size_t i = 0; words[i] != NULL; i++)
        free(words[i]);
    words[0] = NULL;
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
    char *words[WORDS_MAX + 1], error[1024];
    char question[] = "--version";
    struct spawn_request request = {
        .argv = words, .envp = guardian_environment(guardian), .log_path = log, .page_fd = -1};
    struct spawn_end end;
    size_t count = 0;
    FILE *said;

    strcpy(impl->version, "unknown");
    if (!flame_impl_words(impl, 0, words, WORDS_MAX))
        return;
    while (words[count] != NULL)
        count++;
    words[count] = question;
    words[count + 1] = NULL;
    if (!spawn_run(&request, VERSION_LIMIT_NS, &end, error, sizeof error))
        log_debug("%s --version: %s", impl->program, error);
    else if (end.code == 0 && (said = fopen(log, "re")) != NULL) {
        if (fgets(impl->version_line, sizeof impl->version_line, said) != NULL)
            impl->version_line[strcspn(impl->version_line, "\n")] = '\0';
        fclose(said);
        pick_version(impl->version_line, impl->version);
    }
    words[count] = NULL;
    flame_impl_free_words(words);
}
