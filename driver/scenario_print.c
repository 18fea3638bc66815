#include "driver/scenario_print.h"

#include "driver/nemesis.h"
#include "driver/scenario_limits.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* Quoted unless it is plain for certain. */
static void put_text(FILE *out, const char *text)
{
    bool plain = isalnum((unsigned char)*text) != 0;

    for (const char *c = text; *c != '\0' && plain; c++)
        plain = isalnum((unsigned char)*c) || strchr("-_./=", *c) != NULL;
    if (plain) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        if ((unsigned char)*text < ' ')
            fprintf(out, "\\x%02x", (unsigned)(unsigned char)*text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

/* Exactly, in the largest unit that can say it so. */
static void put_duration(FILE *out, uint64_t ns)
{
    if (ns % NS_PER_S == 0)
        fprintf(out, "%" PRIu64 "s", ns / NS_PER_S);
    else if (ns % NS_PER_MS == 0)
        fprintf(out, "%" PRIu64 "ms", ns / NS_PER_MS);
    else
        fprintf(out, "%" PRIu64 "ns", ns);
}

static void put_size(FILE *out, uint64_t bytes)
{
    if (bytes % (1 << 20) == 0)
        fprintf(out, "%" PRIu64 "M", bytes >> 20);
    else
        fprintf(out, "%" PRIu64, bytes);
}

static void put_range(FILE *out, const char *key, uint64_t low_ns, uint64_t high_ns)
{
    if (high_ns == 0)
        return;
    fprintf(out, "%s: [", key);
    put_duration(out, low_ns);
    fputs(", ", out);
    put_duration(out, high_ns);
    fputs("]\n", out);
}

static void put_nemeses(FILE *out, unsigned nemeses)
{
    const char *separator = "nemesis: [";

    for (int i = 0; i < NEMESES; i++) {
        if (!(nemeses >> i & 1))
            continue;
        fprintf(out, "%s%s", separator, nemesis_info((enum nemesis)i)->name);
        separator = ", ";
    }
    if (nemeses != 0)
        fputs("]\n", out);
}

static void put_run(const struct scenario *s, FILE *out)
{
    if (*s->name != '\0') {
        fputs("name: ", out);
        put_text(out, s->name);
        fputc('\n', out);
    }
    if (s->duration_ns != 0) {
        fputs("duration: ", out);
        put_duration(out, s->duration_ns);
        fputc('\n', out);
    }
    if (s->sample_interval_ns != 0) {
        fputs("sample-interval: ", out);
        put_duration(out, s->sample_interval_ns);
        fputc('\n', out);
    }
    if (s->seed_given)
        fprintf(out, "seed: %" PRIu64 "\n", s->seed);
    if (s->checkpoints_given)
        fprintf(out, "checkpoints: %" PRIu64 "\n", s->checkpoints);
    put_range(out, "chaos-after", s->chaos_low_ns, s->chaos_high_ns);
    put_nemeses(out, s->nemeses);
    put_range(out, "nemesis-after", s->nemesis_low_ns, s->nemesis_high_ns);
}

static void put_cap(const struct component *c, FILE *out)
{
    if (c->cap == CAP_NONE) {
        fprintf(out, "    cap: none\n");
        return;
    }
    fprintf(out, "    cap: {kind: %s, size: ", cap_name(c->cap));
    put_size(out, c->cap == CAP_CGROUP ? c->group_cap : c->heap_cap);
    fputs("}\n", out);
}

static void put_words(const char *key, const char *const *words, FILE *out)
{
    if (words == NULL)
        return;
    fprintf(out, "    %s:\n", key);
    for (; *words != NULL; words++) {
        fputs("      - ", out);
        put_text(out, *words);
        fputc('\n', out);
    }
}

/* What servers and clients have in common, where it is not what goes without saying. */
static void put_process(const struct component *c, FILE *out)
{
    put_words("command", c->command, out);
    put_words("arguments", c->arguments, out);
    put_words("env", c->env, out);
    if (c->ready != READY_PAGE || c->ready_limit_ns != 0) {
        fprintf(out, "    ready: {by: %s", ready_name(c->ready));
        if (c->ready_limit_ns != 0) {
            fputs(", timeout: ", out);
            put_duration(out, c->ready_limit_ns);
        }
        fputs("}\n", out);
    }
    if (c->coverage != COVERAGE_NONE)
        fprintf(out, "    coverage: %s\n", coverage_name(c->coverage));
    if (c->kill != KILL_BOTH)
        fprintf(out, "    kill: %s\n", kill_name(c->kill));
}

static void put_server(const struct component *c, FILE *out)
{
    fputs("  - name: ", out);
    put_text(out, c->name);
    fprintf(out, "\n    port: %d\n    secure: %s\n    stable: %s\n", c->port,
            c->secure ? "true" : "false", c->stable ? "true" : "false");
    if (c->service != SERVICE_FLATLINE)
        fprintf(out, "    service: %s\n", service_name(c->service));
    if (c->command == NULL)
        fprintf(out, "    threads: %d\n", c->threads > 1 ? c->threads : 1);
    put_process(c, out);
    put_cap(c, out);
}

/* The length of a client's name without its pattern; 0 if that is no part of it. */
static size_t stem_of(const struct component *c)
{
    size_t name = strlen(c->name);
    size_t pattern = c->pattern != PATTERN_NONE ? strlen(pattern_name(c->pattern)) : name;

    return c->command == NULL && name > pattern + 1 && c->name[name - pattern - 1] == '-' &&
                   strcmp(c->name + name - pattern, pattern_name(c->pattern)) == 0
               ? name - pattern - 1
               : 0;
}

/* Whether b can stand in one entry with a, behind it. */
static bool is_sibling(const struct component *a, const struct component *b)
{
    size_t stem = stem_of(a);

    return stem != 0 && stem_of(b) == stem && strncmp(a->name, b->name, stem) == 0 &&
           a->peer == b->peer && a->stable == b->stable && a->service == b->service &&
           a->cap == b->cap && a->heap_cap == b->heap_cap && a->group_cap == b->group_cap &&
           a->env == b->env && a->kill == b->kill && a->ready_limit_ns == b->ready_limit_ns &&
           a->pattern < b->pattern;
}

static void put_patterns(const struct component *first, size_t count, FILE *out)
{
    if (first->command != NULL || first->pattern == PATTERN_NONE)
        return;
    if (stem_of(first) == 0) {
        fprintf(out, "    pattern: %s\n", pattern_name(first->pattern));
        return;
    }
    if (count == PATTERN_COUNT) {
        fputs("    patterns: all\n", out);
        return;
    }
    fputs("    patterns:\n", out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "      - %s\n", pattern_name(first[i].pattern));
}

/* An entry for that client and its siblings; returns how many it stands for. */
static size_t put_clients(const struct scenario *s, size_t first, FILE *out)
{
    const struct component *c = &s->components[first];
    char stem[COMPONENT_NAME];
    size_t count = 1, length = stem_of(c);

    while (first + count < s->count && is_sibling(&c[count - 1], &c[count]))
        count++;
    snprintf(stem, sizeof stem, "%.*s", length == 0 ? (int)strlen(c->name) : (int)length, c->name);
    fputs("  - name: ", out);
    put_text(out, stem);
    fputs("\n    server: ", out);
    put_text(out, s->components[c->peer].name);
    fprintf(out, "\n    stable: %s\n", c->stable ? "true" : "false");
    if (c->service != s->components[c->peer].service)
        fprintf(out, "    service: %s\n", service_name(c->service));
    put_patterns(c, count, out);
    put_process(c, out);
    put_cap(c, out);
    return count;
}

void scenario_print(const struct scenario *scenario, FILE *out)
{
    put_run(scenario, out);
    scenario_limits_print(scenario, out);
    fputs("servers:\n", out);
    for (size_t i = 0; i < scenario->count; i++) {
        if (scenario->components[i].server)
            put_server(&scenario->components[i], out);
    }
    fputs("clients:\n", out);
    for (size_t i = 0; i < scenario->count;)
        i += scenario->components[i].server ? 1 : put_clients(scenario, i, out);
}
