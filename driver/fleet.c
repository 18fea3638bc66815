#include "driver/fleet.h"

#include "driver/command.h"
#include "driver/nemesis.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct builder {
    char **argv; /* ended by NULL at all times */
    size_t count;
    bool failed;
};

__attribute__((format(printf, 2, 3))) static void add(struct builder *b, const char *format, ...)
{
    char **argv = b->failed ? NULL : realloc(b->argv, (b->count + 2) * sizeof *argv);
    va_list args;

    b->failed = argv == NULL;
    if (b->failed)
        return;
    b->argv = argv;
    va_start(args, format);
    if (vasprintf(&argv[b->count], format, args) < 0) {
        argv[b->count] = NULL;
        b->failed = true;
    } else {
        argv[++b->count] = NULL;
    }
    va_end(args);
}

static void release(char ***words)
{
    for (char **word = *words; word != NULL && *word != NULL; word++)
        free(*word);
    free(*words);
    *words = NULL;
}

static void add_address(struct builder *b, const struct component *c)
{
    if (c->address != NULL) {
        add(b, "--host");
        add(b, "%s", c->address);
    }
    add(b, "--port");
    add(b, "%d", c->port);
}

static void add_server(struct builder *b, const struct component *c,
                       const struct fleet_paths *paths)
{
    add(b, "%s", paths->server);
    add_address(b, c);
    if (c->threads > 1) {
        add(b, "--threads");
        add(b, "%d", c->threads);
    }
    if (c->secure) {
        add(b, "--secure");
        add(b, "--tls-pub");
        add(b, "%s/cert.pem", paths->tls_dir);
        add(b, "--tls-priv");
        add(b, "%s/key.pem", paths->tls_dir);
    }
}

static void add_client(struct builder *b, const struct component *c,
                       const struct fleet_paths *paths)
{
    add(b, "%s", paths->client);
    add_address(b, c);
    if (c->secure) {
        add(b, "--secure");
        add(b, "--cert-store-from-path");
        add(b, "%s", paths->trust);
    }
}

/* The server answers as many PINGs as its clients send: streams in one direction alone excuse none.
 */
static void add_keepalive(struct builder *b, const struct component *c)
{
    add(b, "--keepalive");
    add(b, NEMESIS_KEEPALIVE);
    add(b, "--keepalive-timeout");
    add(b, NEMESIS_KEEPALIVE_TIMEOUT);
    if (c->server) {
        add(b, "--permit-keepalive");
        add(b, "1ms");
    } else {
        add(b, "--connect-timeout");
        add(b, NEMESIS_CONNECT_TIMEOUT);
    }
}

/* What stands for the placeholders; absolute, since somebody else's program may change its folder.
 */
struct meaning {
    char port[16], cert[PATH_MAX + 16], key[PATH_MAX + 16];
    const char *values[PLACEHOLDERS];
};

static void find_meaning(struct meaning *m, const struct component *c,
                         const struct fleet_paths *paths)
{
    char dir[PATH_MAX];

    if (realpath(paths->tls_dir, dir) == NULL)
        snprintf(dir, sizeof dir, "%s", paths->tls_dir);
    snprintf(m->port, sizeof m->port, "%d", c->port);
    snprintf(m->cert, sizeof m->cert, "%s/cert.pem", dir);
    snprintf(m->key, sizeof m->key, "%s/key.pem", dir);
    m->values[PLACEHOLDER_HOST] = component_address(c);
    m->values[PLACEHOLDER_PORT] = m->port;
    m->values[PLACEHOLDER_CERT] = m->cert;
    m->values[PLACEHOLDER_KEY] = m->key;
    m->values[PLACEHOLDER_NAME] = c->name;
}

static void add_expanded(struct builder *b, const char *const *words, const struct meaning *m)
{
    for (; words != NULL && *words != NULL; words++) {
        char *text = command_expand(*words, m->values);

        if (text == NULL)
            b->failed = true;
        else
            add(b, "%s", text);
        free(text);
    }
}

static void add_own(struct builder *b, const struct component *c, const struct meaning *m,
                    const struct fleet_paths *paths)
{
    if (c->server)
        add_server(b, c, paths);
    else
        add_client(b, c, paths);
    add(b, "--telemetry-fd");
    add(b, "%d", FLEET_PAGE_FD);
    if (paths->keepalive)
        add_keepalive(b, c);
    if (paths->evidence_dir != NULL) {
        add(b, "--profile-dir");
        add(b, "%s/%s", paths->evidence_dir, c->name);
    }
    if (c->leak != NULL) {
        add(b, "--inject-leak");
        add(b, "%s", c->leak);
    }
    if (c->healthy != NULL) {
        add(b, "--inject-healthy");
        add(b, "%s", c->healthy);
    }
    if (!c->server && c->service != SERVICE_FLATLINE) {
        add(b, "--service");
        add(b, "%s", service_name(c->service));
    }
    if (c->arguments != NULL)
        add_expanded(b, c->arguments, m);
    else if (!c->server)
        add_expanded(b, pattern_arguments(c->pattern), m);
}

static bool is_overridden(const char *entry, char *const *by, size_t count)
{
    size_t name = strcspn(entry, "=") + 1;

    for (size_t i = 0; i < count; i++) {
        if (strncmp(by[i], entry, name) == 0)
            return true;
    }
    return false;
}

/* The scenario's part first, then what it leaves of the common one. */
static void add_environment(struct builder *b, const struct component *c, const struct meaning *m,
                            const struct fleet_paths *paths)
{
    size_t own;

    add_expanded(b, c->env, m);
    own = b->count;
    for (char *const *entry = paths->environment; entry != NULL && *entry != NULL; entry++) {
        if (!is_overridden(*entry, b->argv, own))
            add(b, "%s", *entry);
    }
}

/*
 * Has the shim loaded, before what the program is to have loaded anyway. The ten digits are its own
 * to fill in, see probe/publish.c.
 */
static void add_shim(struct builder *b, const struct fleet_paths *paths)
{
    static const char name[] = "LD_PRELOAD=";
    char *preload = NULL;

    for (size_t i = 0; i < b->count; i++) {
        if (strncmp(b->argv[i], name, strlen(name)) != 0)
            continue;
        if (asprintf(&preload, "%s%s:%s", name, paths->probe, b->argv[i] + strlen(name)) < 0) {
            b->failed = true;
            return;
        }
        free(b->argv[i]);
        b->argv[i] = preload;
    }
    if (preload == NULL)
        add(b, "%s%s", name, paths->probe);
    add(b, "FLATLINE_SHIM=%d:0000000000", FLEET_PAGE_FD);
}

/* As a shell would take it: with env in front where there is something to set. */
static char *describe(const struct builder *argv, const struct component *c,
                      const struct builder *environment)
{
    struct builder all = {0};
    char *text = NULL;

    if (c->env != NULL)
        add(&all, "env");
    for (size_t i = 0; c->env != NULL && c->env[i] != NULL; i++)
        add(&all, "%s", environment->argv[i]);
    for (size_t i = 0; i < argv->count; i++)
        add(&all, "%s", argv->argv[i]);
    if (!all.failed && all.argv != NULL)
        text = fleet_quote(all.argv);
    release(&all.argv);
    return text;
}

/* As a client of ours would reach it. */
static void add_probe(struct builder *b, const struct component *c, const struct fleet_paths *paths)
{
    add_client(b, c, paths);
    add(b, "--probe");
    add(b, "--timeout");
    add(b, "1s");
}

static bool build(struct fleet_command *command, const struct component *c,
                  const struct fleet_paths *paths)
{
    struct builder argv = {0}, environment = {0}, probe = {0};
    char program[PATH_MAX];
    struct meaning meaning;

    find_meaning(&meaning, c, paths);
    if (c->command == NULL) {
        add_own(&argv, c, &meaning, paths);
    } else {
        /* A program that is not there keeps its name, for whoever tries to execute it. */
        add(&argv, "%s", command_find_program(c->command[0], program) ? program : c->command[0]);
        add_expanded(&argv, c->command + 1, &meaning);
    }
    if (c->env != NULL || c->coverage != COVERAGE_NONE)
        add_environment(&environment, c, &meaning, paths);
    if (c->coverage != COVERAGE_NONE)
        add_shim(&environment, paths);
    if (c->ready == READY_HEALTH)
        add_probe(&probe, c, paths);
    command->argv = argv.argv;
    command->environment = environment.argv;
    command->probe = probe.argv;
    if (argv.failed || environment.failed || probe.failed)
        return false;
    command->shell = describe(&argv, c, &environment);
    return command->shell != NULL;
}

struct fleet *fleet_new(const struct scenario *scenario, const struct fleet_paths *paths)
{
    struct fleet *fleet = calloc(1, sizeof *fleet);

    if (fleet == NULL)
        return NULL;
    fleet->scenario = scenario;
    fleet->commands = calloc(scenario->count + 1, sizeof *fleet->commands);
    if (fleet->commands == NULL) {
        free(fleet);
        return NULL;
    }
    for (size_t i = 0; i < scenario->count; i++) {
        if (!build(&fleet->commands[i], &scenario->components[i], paths)) {
            fleet_free(fleet);
            return NULL;
        }
    }
    return fleet;
}

void fleet_free(struct fleet *fleet)
{
    if (fleet == NULL)
        return;
    for (size_t i = 0; i < fleet->scenario->count; i++) {
        release(&fleet->commands[i].argv);
        release(&fleet->commands[i].environment);
        release(&fleet->commands[i].probe);
        free(fleet->commands[i].shell);
    }
    free(fleet->commands);
    free(fleet);
}

static bool is_plain(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:,=@%+";

    return *text != '\0' && text[strspn(text, plain)] == '\0';
}

static void quote_word(FILE *out, const char *text)
{
    if (is_plain(text)) {
        fputs(text, out);
        return;
    }
    fputc('\'', out);
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fputc(*text, out);
    }
    fputc('\'', out);
}

char *fleet_quote(char *const *argv)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return NULL;
    for (char *const *arg = argv; *arg != NULL; arg++) {
        if (arg != argv)
            fputc(' ', out);
        quote_word(out, *arg);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
