#include "driver/scenario_load.h"

#include "driver/nemesis.h"
#include "driver/scenario_entry.h"
#include "driver/scenario_keys.h"
#include "driver/scenario_limits.h"

#include <stdio.h>
#include <string.h>

static bool take_scenario_name(struct doc *doc, doc_node *node, void *into)
{
    struct scenario_loader *loader = into;

    return scenario_take_name(doc, node, loader->scenario->name);
}

static bool take_duration(struct doc *doc, doc_node *node, void *into)
{
    struct scenario_loader *loader = into;
    uint64_t *ns = &loader->scenario->duration_ns;

    return doc_duration(doc, node, ns) &&
           (*ns > 0 || doc_refuse(doc, node, "a run must last some time"));
}

static bool take_sample_interval(struct doc *doc, doc_node *node, void *into)
{
    struct scenario_loader *loader = into;
    uint64_t *ns = &loader->scenario->sample_interval_ns;

    return doc_duration(doc, node, ns) &&
           ((*ns >= SCENARIO_INTERVAL_MIN_NS && *ns <= SCENARIO_INTERVAL_MAX_NS) ||
            doc_refuse(doc, node, "it must lie between 10ms and 10s"));
}

static bool take_seed(struct doc *doc, doc_node *node, void *into)
{
    struct scenario_loader *loader = into;

    loader->scenario->seed_given = true;
    return doc_number(doc, node, 0, UINT64_MAX, &loader->scenario->seed);
}

static bool take_checkpoints(struct doc *doc, doc_node *node, void *into)
{
    struct scenario_loader *loader = into;

    loader->scenario->checkpoints_given = true;
    return doc_number(doc, node, 0, SCENARIO_CHECKPOINTS_MAX, &loader->scenario->checkpoints);
}

struct range {
    uint64_t low_ns, high_ns; /* 0: not taken yet */
};

static bool take_time(struct doc *doc, doc_node *node, void *into)
{
    struct range *range = into;
    uint64_t *ns = range->low_ns == 0 ? &range->low_ns : &range->high_ns;

    return doc_duration(doc, node, ns) &&
           (*ns >= NS_PER_MS || doc_refuse(doc, node, "it must be 1ms at least"));
}

static bool take_range(struct doc *doc, doc_node *node, struct range *range)
{
    if (doc_length(node) != 2)
        return doc_refuse(doc, node, "a list of two times belongs here, such as [16s, 20s]");
    return doc_each(doc, node, take_time, range) &&
           (range->low_ns <= range->high_ns ||
            doc_refuse(doc, node, "the second time is earlier than the first"));
}

static bool take_chaos_after(struct doc *doc, doc_node *node, void *into)
{
    struct scenario_loader *loader = into;
    struct range range = {0};
    bool taken = take_range(doc, node, &range);

    loader->scenario->chaos_low_ns = range.low_ns;
    loader->scenario->chaos_high_ns = range.high_ns;
    return taken;
}

static bool take_nemesis_after(struct doc *doc, doc_node *node, void *into)
{
    struct scenario_loader *loader = into;
    struct range range = {0};
    bool taken = take_range(doc, node, &range);

    loader->scenario->nemesis_low_ns = range.low_ns;
    loader->scenario->nemesis_high_ns = range.high_ns;
    return taken;
}

static bool take_one_nemesis(struct doc *doc, doc_node *node, void *into)
{
    struct scenario *scenario = into;
    unsigned chosen;
    const char *text;
    char why[128];

    if (!doc_text(doc, node, &text))
        return false;
    if (!nemesis_parse(text, &chosen, why, sizeof why))
        return doc_refuse(doc, node, "%s", why);
    scenario->nemeses |= chosen;
    return true;
}

/* "all", or a list. */
static bool take_nemesis(struct doc *doc, doc_node *node, void *into)
{
    struct scenario_loader *loader = into;

    return doc_is_text(node) ? take_one_nemesis(doc, node, loader->scenario)
                             : doc_each(doc, node, take_one_nemesis, loader->scenario);
}

static bool take_limits(struct doc *doc, doc_node *node, void *into)
{
    struct scenario_loader *loader = into;

    return scenario_limits_take(doc, node, loader->scenario);
}

static bool take_servers(struct doc *doc, doc_node *node, void *into)
{
    return doc_each(doc, node, scenario_take_server, into);
}

static bool take_clients(struct doc *doc, doc_node *node, void *into)
{
    return doc_each(doc, node, scenario_take_client, into);
}

bool scenario_take(struct doc *doc, const struct scenario_settings *settings,
                   struct scenario *scenario)
{
    static const struct doc_key keys[] = {SCENARIO_KEY_TABLE(KEY_ROW)};
    struct scenario_loader loader = {.settings = settings, .scenario = scenario};

    return doc_take(doc, doc_root(doc), keys, KEYS(keys), &loader);
}

bool scenario_load(const char *path, const struct scenario_settings *settings,
                   struct scenario *scenario, char *error, size_t cap)
{
    struct doc *doc = doc_new(path, error, cap);
    bool ok;

    if (doc == NULL)
        return false;
    ok = scenario_take(doc, settings, scenario);
    if (!ok)
        snprintf(error, cap, "%s", doc_error(doc));
    doc_free(doc);
    return ok;
}
