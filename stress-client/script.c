#include "stress-client/script.h"

#include "common/base/clock.h"
#include "common/doc/doc.h"
#include "stress-client/script_keys.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEY_ROW(name, required, take) {name, required, take},
#define KEYS(table) (sizeof(table) / sizeof *(table))

#define START_JITTER_NS (3 * NS_PER_S)
#define HEARD_INTERVALS 3 /* of the kind that is sent most often, where nothing is said */

/* What docs/routines.md shows, word for word. */
static const char peer_text[] = "kinds:\n"
                                "  - name: position\n"
                                "    every: 100ms\n"
                                "    size: 48\n"
                                "    expires: 1s\n"
                                "  - name: profile\n"
                                "    every: 1s\n"
                                "    size: 512\n"
                                "    expires: 10s\n"
                                "  - name: chat\n"
                                "    every: 10s\n"
                                "    size: [16, 256]\n";

static const struct {
    const char *name, *text;
} built_in[] = {
    {"peer", peer_text},
};

/* --- single values ---------------------------------------------------------------------------- */

static bool take_peers(struct doc *doc, doc_node *node, void *into)
{
    struct script *script = into;

    return doc_number(doc, node, 1, SCRIPT_PEERS_MAX, &script->peers);
}

static bool take_room(struct doc *doc, doc_node *node, void *into)
{
    struct script *script = into;
    const char *text;

    if (!doc_text(doc, node, &text))
        return false;
    /* libyaml lets nothing pass that is not UTF-8. */
    if (strlen(text) > EVENT_TOPIC_MAX)
        return doc_refuse(doc, node, "a room's name has at most %d bytes", EVENT_TOPIC_MAX);
    strcpy(script->room, text);
    return true;
}

static bool take_room_size(struct doc *doc, doc_node *node, void *into)
{
    struct script *script = into;

    return doc_number(doc, node, 1, SCRIPT_PEERS_MAX, &script->room_size);
}

static bool take_start_jitter(struct doc *doc, doc_node *node, void *into)
{
    struct script *script = into;

    return doc_duration(doc, node, &script->start_jitter_ns);
}

static bool take_heard(struct doc *doc, doc_node *node, void *into)
{
    struct script *script = into;

    return doc_duration(doc, node, &script->heard_ns) &&
           (script->heard_ns > 0 || doc_refuse(doc, node, "nobody is heard within no time"));
}

/* --- a kind ----------------------------------------------------------------------------------- */

static bool is_kind_name(const char *text)
{
    size_t size = strlen(text);

    return size < SCRIPT_KIND_NAME && *text >= 'a' && *text <= 'z' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == size;
}

static bool take_kind_name(struct doc *doc, doc_node *node, void *into)
{
    struct script_kind *kind = into;
    const char *text;

    if (!doc_text(doc, node, &text))
        return false;
    if (!is_kind_name(text))
        return doc_refuse(doc, node,
                          "a kind's name has 1 to %d of a-z, 0-9, '_' and '-', a letter first",
                          SCRIPT_KIND_NAME - 1);
    if (strcmp(text, SCRIPT_OTHER) == 0)
        return doc_refuse(doc, node, "'" SCRIPT_OTHER "' stands for the kinds of other routines");
    strcpy(kind->name, text);
    return true;
}

static bool take_every(struct doc *doc, doc_node *node, void *into)
{
    struct script_kind *kind = into;
    uint64_t *ns = &kind->schedule.every_ns;

    return doc_duration(doc, node, ns) &&
           ((*ns >= SCRIPT_EVERY_MIN_NS && *ns <= SCRIPT_EVERY_MAX_NS) ||
            doc_refuse(doc, node, "from 1ms to 24h; for more at once use burst"));
}

/* Keys come in the order of their table, so `every` has been taken. */
static bool take_jitter(struct doc *doc, doc_node *node, void *into)
{
    struct script_kind *kind = into;
    struct schedule *schedule = &kind->schedule;

    return doc_duration(doc, node, &schedule->jitter_ns) &&
           (schedule->jitter_ns <= schedule->every_ns ||
            doc_refuse(doc, node, "jitter is at most 'every', so that events keep their order"));
}

static bool take_burst(struct doc *doc, doc_node *node, void *into)
{
    struct script_kind *kind = into;

    return doc_number(doc, node, 1, SCRIPT_BURST_MAX, &kind->schedule.burst);
}

struct range {
    uint64_t bounds[2];
    size_t count;
};

static bool take_bound(struct doc *doc, doc_node *node, void *into)
{
    struct range *range = into;
    uint64_t bytes;

    if (!doc_size(doc, node, &bytes))
        return false;
    if (range->count == 2)
        return doc_refuse(doc, node, "a range is [LEAST, MOST]");
    if (bytes > EVENT_BODY_MAX)
        return doc_refuse(doc, node, "an event's body has at most 63K");
    range->bounds[range->count++] = bytes;
    return true;
}

/* 48, or [16, 256] */
static bool take_body(struct doc *doc, doc_node *node, void *into)
{
    struct script_kind *kind = into;
    struct range range = {.count = 0};

    if (doc_is_text(node) ? !take_bound(doc, node, &range)
                          : !doc_each(doc, node, take_bound, &range))
        return false;
    if (!doc_is_text(node) && (range.count != 2 || range.bounds[0] > range.bounds[1]))
        return doc_refuse(doc, node, "a range is [LEAST, MOST]");
    kind->size_least = range.bounds[0];
    kind->size_most = range.bounds[range.count - 1];
    return true;
}

static bool take_expires(struct doc *doc, doc_node *node, void *into)
{
    struct script_kind *kind = into;

    return doc_duration(doc, node, &kind->expires_ns) &&
           (kind->expires_ns > 0 ||
            doc_refuse(doc, node, "longer than 0; without the key it does not expire"));
}

static const struct doc_key kind_keys[] = {KIND_KEY_TABLE(KEY_ROW)};

static bool take_kind(struct doc *doc, doc_node *node, void *into)
{
    struct script *script = into;
    struct script_kind *kind = &script->kinds[script->kind_count];

    if (script->kind_count == SCRIPT_KINDS)
        return doc_refuse(doc, node, "more than %d kinds", SCRIPT_KINDS);
    *kind = (struct script_kind){.schedule.burst = 1};
    if (!doc_take(doc, node, kind_keys, KEYS(kind_keys), kind))
        return false;
    for (size_t i = 0; i < script->kind_count; i++) {
        if (strcmp(script->kinds[i].name, kind->name) == 0)
            return doc_refuse(doc, node, "there are two kinds '%s'", kind->name);
    }
    script->kind_count++;
    return true;
}

static bool take_kinds(struct doc *doc, doc_node *node, void *into)
{
    return doc_each(doc, node, take_kind, into);
}

/* --- the whole -------------------------------------------------------------------------------- */

static const struct doc_key keys[] = {SCRIPT_KEY_TABLE(KEY_ROW)};

static void set_heard(struct script *script)
{
    uint64_t shortest = UINT64_MAX;

    for (size_t i = 0; i < script->kind_count; i++) {
        uint64_t every = script->kinds[i].schedule.every_ns;

        shortest = every < shortest ? every : shortest;
    }
    script->heard_ns = HEARD_INTERVALS * shortest;
}

static bool read_doc(struct doc *doc, struct script *script, char *error, size_t cap)
{
    bool taken;

    *script = (struct script){.peers = 1, .room = "room", .start_jitter_ns = START_JITTER_NS};
    taken = doc_take(doc, doc_root(doc), keys, KEYS(keys), script);
    if (!taken)
        snprintf(error, cap, "%s", doc_error(doc));
    else if (script->heard_ns == 0)
        set_heard(script);
    doc_free(doc);
    return taken;
}

bool script_read(const char *name, const char *text, size_t size, struct script *script,
                 char *error, size_t cap)
{
    struct doc *doc = doc_new_text(name, text, size, error, cap);

    return doc != NULL && read_doc(doc, script, error, cap);
}

bool script_load(const char *name, struct script *script, char *error, size_t cap)
{
    struct doc *doc;

    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++) {
        if (strcmp(name, built_in[i].name) == 0)
            return script_read(name, built_in[i].text, strlen(built_in[i].text), script, error,
                               cap);
    }
    if (strpbrk(name, "/.") == NULL && access(name, F_OK) != 0) {
        snprintf(error, cap, "'%s' is neither a file nor the built-in routine 'peer'", name);
        return false;
    }
    doc = doc_new(name, error, cap);
    return doc != NULL && read_doc(doc, script, error, cap);
}
