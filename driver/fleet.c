#include "driver/fleet.h"

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

static void add_server(struct builder *b, const struct component *c,
                       const struct fleet_paths *paths)
{
    add(b, "%s", paths->server);
    add(b, "--port");
    add(b, "%d", c->port);
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
    add(b, "--port");
    add(b, "%d", c->port);
    if (c->secure) {
        add(b, "--secure");
        add(b, "--cert-store-from-path");
        add(b, "%s/cert.pem", paths->tls_dir);
    }
}

static bool build(struct fleet_command *command, const struct component *c,
                  const struct fleet_paths *paths)
{
    struct builder b = {0};

    if (c->server)
        add_server(&b, c, paths);
    else
        add_client(&b, c, paths);
    add(&b, "--telemetry-fd");
    add(&b, "%d", FLEET_PAGE_FD);
    if (paths->evidence_dir != NULL) {
        add(&b, "--profile-dir");
        add(&b, "%s/%s", paths->evidence_dir, c->name);
    }
    if (c->leak != NULL) {
        add(&b, "--inject-leak");
        add(&b, "%s", c->leak);
    }
    if (!c->server && c->service != SERVICE_FLATLINE) {
        add(&b, "--service");
        add(&b, "%s", service_name(c->service));
    }
    if (!c->server) {
        for (const char *const *arg = pattern_arguments(c->pattern); *arg != NULL; arg++)
            add(&b, "%s", *arg);
    }
    command->argv = b.argv;
    if (b.failed)
        return false;
    command->shell = fleet_quote(command->argv);
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
        for (char **arg = fleet->commands[i].argv; arg != NULL && *arg != NULL; arg++)
            free(*arg);
        free(fleet->commands[i].argv);
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
