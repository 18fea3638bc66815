#include "driver/scenario_entry.h"

#include "common/base/options.h"
#include "driver/command.h"
#include "driver/scenario_keys.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 200 /* of a command */
#define COUNT_MAX 500 /* components of one entry */

/* One entry of servers or clients, which may stand for several components. */
struct entry {
    struct scenario_loader *loader;
    doc_node *at, *port_at, *threads_at;
    struct component component; /* what they have in common; its name is their stem */
    bool patterns[PATTERN_COUNT];
    size_t pattern_count;
    bool suffixed;      /* the pattern is part of their names */
    doc_node *ready_at; /* NULL: not said */
    uint64_t count;
    bool cap_given;
};

bool scenario_take_name(struct doc *doc, doc_node *node, char *name)
{
    const char *text;

    if (!doc_text(doc, node, &text))
        return false;
    if (strlen(text) >= COMPONENT_NAME)
        return doc_refuse(doc, node, "a name has at most %d characters", COMPONENT_NAME - 1);
    for (const char *c = text; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && strchr("-_.", *c) == NULL)
            return doc_refuse(doc, node,
                              "a name has only letters, digits, '-', '_' and '.': it is "
                              "part of file names");
    }
    if (*text == '.')
        return doc_refuse(doc, node, "a name does not begin with a dot");
    strcpy(name, text);
    return true;
}

static bool take_name(struct doc *doc, doc_node *node, void *into)
{
    struct entry *entry = into;

    return scenario_take_name(doc, node, entry->component.name);
}

static bool take_count(struct doc *doc, doc_node *node, void *into)
{
    struct entry *entry = into;

    return doc_number(doc, node, 1, COUNT_MAX, &entry->count);
}

static bool take_port(struct doc *doc, doc_node *node, void *into)
{
    struct entry *entry = into;
    uint64_t port;

    if (!doc_number(doc, node, 1, UINT16_MAX, &port))
        return false;
    entry->port_at = node;
    entry->component.port = (int)port;
    return true;
}

static bool take_secure(struct doc *doc, doc_node *node, void *into)
{
    struct entry *entry = into;

    return doc_flag(doc, node, &entry->component.secure);
}

static bool take_stable(struct doc *doc, doc_node *node, void *into)
{
    struct entry *entry = into;

    return doc_flag(doc, node, &entry->component.stable);
}

#define WORD_ROW(ident, name) (name),
static bool take_service(struct doc *doc, doc_node *node, void *into)
{
    static const char *const words[] = {SERVICE_TABLE(WORD_ROW)};
    struct entry *entry = into;
    int index;

    if (!doc_word(doc, node, words, SERVICE_COUNT, &index))
        return false;
    entry->component.service = (enum service)index;
    return true;
}

static bool take_threads(struct doc *doc, doc_node *node, void *into)
{
    struct entry *entry = into;
    uint64_t threads;

    if (!doc_number(doc, node, 1, OPTIONS_THREADS_MAX, &threads))
        return false;
    entry->threads_at = node;
    entry->component.threads = (int)threads;
    return true;
}

static bool take_cap_kind(struct doc *doc, doc_node *node, void *into)
{
    static const char *const words[] = {CAP_TABLE(WORD_ROW)};
    struct component *c = into;
    int index;

    if (!doc_word(doc, node, words, CAP_COUNT, &index))
        return false;
    c->cap = (enum cap)index;
    return true;
}

static bool take_cap_size(struct doc *doc, doc_node *node, void *into)
{
    struct component *c = into;

    if (!doc_size(doc, node, &c->heap_cap))
        return false;
    return c->heap_cap >= 1 << 20 || doc_refuse(doc, node, "a cap below 1M lets nothing start");
}

static const struct doc_key cap_keys[] = {CAP_KEY_TABLE(KEY_ROW)};

/* 64M, none, or {kind: data, size: 64M} */
static bool take_cap(struct doc *doc, doc_node *node, void *into)
{
    struct entry *entry = into;
    struct component *c = &entry->component;
    const char *text;

    entry->cap_given = true;
    if (!doc_is_text(node)) {
        if (!doc_take(doc, node, cap_keys, KEYS(cap_keys), c))
            return false;
    } else if (doc_text(doc, node, &text) && strcmp(text, cap_name(CAP_NONE)) == 0) {
        c->cap = CAP_NONE;
    } else if (!take_cap_size(doc, node, c)) {
        return false;
    }
    if (c->cap == CAP_NONE && c->heap_cap != 0)
        return doc_refuse(doc, node, "a cap of kind none has no size");
    if (c->cap != CAP_NONE && c->heap_cap == 0)
        return doc_refuse(doc, node, "the size is missing");
    if (c->cap == CAP_CGROUP) {
        c->group_cap = c->heap_cap;
        c->heap_cap = 0;
    }
    return true;
}

struct word_list {
    const char *words[WORDS_MAX + 2]; /* two that a shell needs */
    size_t count;
};

/* Placeholders that mean nothing are refused here, where their place is known. */
static bool add_word(struct doc *doc, doc_node *node, void *into)
{
    struct word_list *list = into;
    const char *unknown, *text;
    size_t length;

    if (list->count == WORDS_MAX)
        return doc_refuse(doc, node, "more than %d words", WORDS_MAX);
    if (!doc_text(doc, node, &text))
        return false;
    unknown = command_find_unknown(text, &length);
    if (unknown != NULL)
        return doc_refuse(doc, node,
                          "%.*s stands for nothing; there are {host}, {port}, {cert}, {key} "
                          "and {name}",
                          (int)length, unknown);
    list->words[list->count++] = text;
    return true;
}

static bool keep(struct doc *doc, doc_node *node, const struct entry *entry,
                 const struct word_list *list, const char *const **out)
{
    *out = scenario_keep(entry->loader->scenario, list->words, list->count);
    return *out != NULL || doc_refuse(doc, node, "no memory");
}

/* A list of words, or a line for a shell. */
static bool take_command(struct doc *doc, doc_node *node, void *into)
{
    struct word_list list = {.words = {"/bin/sh", "-c"}};
    struct entry *entry = into;
    bool ok;

    if (doc_is_text(node)) {
        list.count = 2;
        ok = add_word(doc, node, &list);
    } else {
        ok = doc_each(doc, node, add_word, &list);
    }
    return ok && keep(doc, node, entry, &list, &entry->component.command);
}

/* Keys come in the order of their table, so the command has been taken. */
static bool take_arguments(struct doc *doc, doc_node *node, void *into)
{
    struct word_list list = {.count = 0};
    struct entry *entry = into;

    if (entry->component.command != NULL)
        return doc_refuse(doc, node,
                          "arguments are for one of our own programs; a command has its own");
    return doc_each(doc, node, add_word, &list) &&
           keep(doc, node, entry, &list, &entry->component.arguments);
}

static bool add_variable(struct doc *doc, doc_node *node, void *into)
{
    const char *text;

    if (!doc_text(doc, node, &text))
        return false;
    if (strchr(text, '=') == NULL || *text == '=')
        return doc_refuse(doc, node, "'%s' is not NAME=VALUE", text);
    return add_word(doc, node, into);
}

static bool take_env(struct doc *doc, doc_node *node, void *into)
{
    struct word_list list = {.count = 0};
    struct entry *entry = into;

    return doc_each(doc, node, add_variable, &list) &&
           keep(doc, node, entry, &list, &entry->component.env);
}

static bool take_ready_by(struct doc *doc, doc_node *node, void *into)
{
    static const char *const words[] = {READY_TABLE(WORD_ROW)};
    struct entry *entry = into;
    int index;

    if (!doc_word(doc, node, words, READY_COUNT, &index))
        return false;
    entry->ready_at = node;
    entry->component.ready = (enum ready)index;
    return true;
}

static bool take_ready_timeout(struct doc *doc, doc_node *node, void *into)
{
    struct entry *entry = into;
    uint64_t *ns = &entry->component.ready_limit_ns;

    return doc_duration(doc, node, ns) &&
           (*ns > 0 || doc_refuse(doc, node, "nothing is ready at once"));
}

/* tcp, or {by: tcp, timeout: 30s} */
static bool take_ready(struct doc *doc, doc_node *node, void *into)
{
    static const struct doc_key keys[] = {READY_KEY_TABLE(KEY_ROW)};

    if (doc_is_text(node))
        return take_ready_by(doc, node, into);
    return doc_take(doc, node, keys, KEYS(keys), into);
}

static bool take_coverage(struct doc *doc, doc_node *node, void *into)
{
    static const char *const words[] = {COVERAGE_TABLE(WORD_ROW)};
    struct entry *entry = into;
    int index;

    if (!doc_word(doc, node, words, COVERAGE_COUNT, &index))
        return false;
    /* Keys come in the order of their table, so the command has been taken. */
    if (entry->component.command == NULL)
        return doc_refuse(doc, node,
                          "coverage is of a command; our own programs count for themselves");
    entry->component.coverage = (enum coverage)index;
    return true;
}

static bool take_kill(struct doc *doc, doc_node *node, void *into)
{
    static const char *const words[] = {KILL_TABLE(WORD_ROW)};
    struct entry *entry = into;
    int index;

    if (!doc_word(doc, node, words, KILL_COUNT, &index))
        return false;
    entry->component.kill = (enum kill)index;
    return true;
}
#undef WORD_ROW

static bool refuse_server(struct doc *doc, doc_node *node, const struct scenario *scenario,
                          const char *name)
{
    int near;

    (void)scenario_near(scenario, name, &near, 1);
    return doc_refuse(doc, node, "there is no server '%s'; the nearest is '%s'", name,
                      scenario->components[near].name);
}

static bool take_server(struct doc *doc, doc_node *node, void *into)
{
    struct entry *entry = into;
    const struct scenario *scenario = entry->loader->scenario;
    const char *name;
    int peer;

    if (!doc_text(doc, node, &name))
        return false;
    peer = scenario_find(scenario, name);
    if (peer < 0 || !scenario->components[peer].server)
        return refuse_server(doc, node, scenario, name);
    entry->component.peer = peer;
    entry->component.port = scenario->components[peer].port;
    entry->component.secure = scenario->components[peer].secure;
    entry->component.service = scenario->components[peer].service;
    return true;
}

static bool add_pattern(struct doc *doc, doc_node *node, void *into)
{
    static const char *const words[] = {
#define PATTERN_WORD(ident, name, ...) (name),
        PATTERN_TABLE(PATTERN_WORD)
#undef PATTERN_WORD
    };
    struct entry *entry = into;
    int index;

    if (!doc_word(doc, node, words, PATTERN_COUNT, &index))
        return false;
    if (entry->patterns[index])
        return doc_refuse(doc, node, "the pattern is here twice; for more of it use count");
    entry->patterns[index] = true;
    entry->pattern_count++;
    return true;
}

static bool take_pattern(struct doc *doc, doc_node *node, void *into)
{
    return add_pattern(doc, node, into);
}

/* A list, or all. */
static bool take_patterns(struct doc *doc, doc_node *node, void *into)
{
    struct entry *entry = into;
    const char *text;

    if (entry->pattern_count > 0)
        return doc_refuse(doc, node, "pattern and patterns contradict each other; keep one");
    entry->suffixed = true;
    if (!doc_is_text(node))
        return doc_each(doc, node, add_pattern, entry);
    if (!doc_text(doc, node, &text))
        return false;
    if (strcmp(text, "all") != 0)
        return doc_refuse(doc, node, "'%s' is neither a list of patterns nor all", text);
    memset(entry->patterns, true, sizeof entry->patterns);
    entry->pattern_count = PATTERN_COUNT;
    return true;
}

/* Who can be ready how; what is not said follows from who it is. */
static bool settle_ready(struct doc *doc, struct entry *entry)
{
    struct component *c = &entry->component;
    bool own = c->command == NULL;

    if (entry->ready_at == NULL)
        c->ready = own ? READY_PAGE : c->server ? READY_TCP : READY_START;
    else if (own && c->ready != READY_PAGE)
        return doc_refuse(doc, entry->ready_at,
                          "one of our own programs is ready by page; the others are for a command");
    else if (!own && c->ready == READY_PAGE)
        return doc_refuse(doc, entry->ready_at,
                          "a command has no page; a server is ready by tcp or "
                          "health, a client by start");
    else if (!c->server && (c->ready == READY_TCP || c->ready == READY_HEALTH))
        return doc_refuse(doc, entry->ready_at,
                          "a client listens on no port; it is ready by start");
    return true;
}

/* --- what an entry stands for ----------------------------------------------------------------- */

static bool add_member(struct doc *doc, const struct entry *entry, enum pattern pattern,
                       uint64_t number)
{
    struct scenario *scenario = entry->loader->scenario;
    const struct component *stem = &entry->component;
    char name[COMPONENT_NAME + 64], copy[24] = "";
    struct component *c;

    if (entry->count > 1)
        snprintf(copy, sizeof copy, "-%llu", (unsigned long long)number);
    snprintf(name, sizeof name, "%s%s%s%s", stem->name, entry->suffixed ? "-" : "",
             entry->suffixed ? pattern_name(pattern) : "", copy);
    if (strlen(name) >= COMPONENT_NAME)
        return doc_refuse(doc, entry->at, "the name '%s' becomes longer than %d characters", name,
                          COMPONENT_NAME - 1);
    if (scenario_find(scenario, name) >= 0)
        return doc_refuse(doc, entry->at, "there is a component '%s' already; choose another name",
                          name);
    if (scenario->count == SCENARIO_MAX)
        return doc_refuse(doc, entry->at, "more than %d components", SCENARIO_MAX);
    c = scenario_add(scenario);
    if (c == NULL)
        return doc_refuse(doc, entry->at, "no memory");
    *c = *stem;
    memcpy(c->name, name, sizeof c->name);
    c->pattern = c->arguments != NULL ? PATTERN_NONE : pattern;
    if (c->server)
        c->port += (int)number - 1;
    if (!entry->cap_given && c->command != NULL)
        c->cap = CAP_NONE;
    else if (!entry->cap_given)
        c->heap_cap = scenario_default_cap(c, entry->loader->settings);
    return true;
}

static bool add_members(struct doc *doc, const struct entry *entry)
{
    for (int p = 0; p < PATTERN_COUNT; p++) {
        for (uint64_t k = 1; k <= entry->count && entry->patterns[p]; k++) {
            if (!add_member(doc, entry, (enum pattern)p, k))
                return false;
        }
    }
    return true;
}

static bool check_ports(struct doc *doc, const struct entry *entry, const char *remedy)
{
    const struct scenario *scenario = entry->loader->scenario;
    int first = entry->component.port, last = first + (int)entry->count - 1;
    doc_node *at = entry->port_at == NULL ? entry->at : entry->port_at;

    if (last > UINT16_MAX)
        return doc_refuse(doc, at, "from %d on there is no room for %d ports; %s", first,
                          (int)entry->count, remedy);
    for (size_t i = 0; i < scenario->count; i++) {
        const struct component *c = &scenario->components[i];

        if (c->port >= first && c->port <= last)
            return doc_refuse(doc, at, "port %d is %s's already; %s", c->port, c->name, remedy);
    }
    return true;
}

bool scenario_take_server(struct doc *doc, doc_node *node, void *into)
{
    static const struct doc_key keys[] = {SERVER_KEY_TABLE(KEY_ROW)};
    struct scenario_loader *loader = into;
    /* Servers have no pattern; the first stands for that. */
    struct entry entry = {.loader = loader, .at = node, .count = 1, .patterns = {true}};

    entry.component = (struct component){
        .server = true, .stable = true, .peer = -1, .threads = loader->settings->server_threads};
    if (!doc_take(doc, node, keys, KEYS(keys), &entry))
        return false;
    if (entry.component.command != NULL && entry.threads_at != NULL)
        return doc_refuse(doc, entry.threads_at,
                          "threads are of our own server; a command has its "
                          "own way to say it");
    if (!settle_ready(doc, &entry))
        return false;
    if (entry.port_at == NULL)
        entry.component.port = loader->settings->base_port + (int)loader->scenario->count;
    return check_ports(doc, &entry, "choose another port") && add_members(doc, &entry);
}

bool scenario_take_client(struct doc *doc, doc_node *node, void *into)
{
    static const struct doc_key keys[] = {CLIENT_KEY_TABLE(KEY_ROW)};
    struct entry entry = {.loader = into, .at = node, .count = 1};

    entry.component = (struct component){.stable = true, .peer = -1};
    if (!doc_take(doc, node, keys, KEYS(keys), &entry))
        return false;
    if (entry.component.command != NULL && entry.pattern_count > 0)
        return doc_refuse(doc, node, "pattern and command contradict each other; keep one");
    if (entry.component.arguments != NULL && entry.pattern_count > 0)
        return doc_refuse(doc, node, "pattern and arguments contradict each other; keep one");
    if (entry.component.command == NULL && entry.component.arguments == NULL &&
        entry.pattern_count == 0)
        return doc_refuse(doc, node,
                          "the key 'pattern', 'patterns', 'arguments' or 'command' is missing");
    if (entry.component.command != NULL || entry.component.arguments != NULL)
        entry.patterns[0] = true; /* stands for none */
    if (!settle_ready(doc, &entry))
        return false;
    return add_members(doc, &entry);
}
