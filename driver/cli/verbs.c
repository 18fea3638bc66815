#include "driver/cli/verbs.h"

#include "common/base/options.h"
#include "driver/delay.h"
#include "driver/selfcheck_plan.h"
#include "driver/sweep/capacity.h"
#include "driver/sweep/flame.h"
#include "driver/sweep/throughput.h"
#include "driver/version.h"

#include <string.h>

#define MEMBER(name) offsetof(struct options, name)
#define VERBOSE                                                             \
    {                                                                       \
        "verbose", 'v', NULL, "say more", options_set_flag, MEMBER(verbose) \
    }

static bool set_format(void *into, const struct option_spec *spec, const char *value, char *why,
                       size_t cap)
{
    struct options *options = into;
    int format = report_find(value);
    char words[128];

    (void)spec;
    if (format < 0) {
        snprintf(why, cap, "'%s' is not a format; there are %s", value,
                 report_words(words, sizeof words));
        return false;
    }
    options->format = (enum report_format)format;
    return true;
}

static bool set_max_size(void *into, const struct option_spec *spec, const char *value, char *why,
                         size_t cap)
{
    struct options *options = into;

    if (!options_set_size(into, spec, value, why, cap))
        return false;
    if (options->max_size >= REPORT_MARKDOWN_LEAST && options->max_size <= REPORT_MARKDOWN_MOST)
        return true;
    snprintf(why, cap, "'%s' is not between 8K and just below 1M", value);
    return false;
}

static bool add_base(void *into, const struct option_spec *spec, const char *value, char *why,
                     size_t cap)
{
    struct options *options = into;

    (void)spec;
    if (options->base_count == OPTIONS_BASES_MAX) {
        snprintf(why, cap, "more than %d", OPTIONS_BASES_MAX);
        return false;
    }
    options->bases[++options->base_count] = (char *)value;
    return true;
}

static bool set_compare_format(void *into, const struct option_spec *spec, const char *value,
                               char *why, size_t cap)
{
    struct options *options = into;

    (void)spec;
    options->compare_json = strcmp(value, "json") == 0;
    if (options->compare_json || strcmp(value, "terminal") == 0)
        return true;
    snprintf(why, cap, "'%s' is not a format; there are terminal, json", value);
    return false;
}

static const struct option_spec specs_COMPARE[] = {
    {"base", 0, "RUN",
     "one more base, a repeat of the first: their spread is the noise; repeatable", add_base, 0},
    {"format", 0, "FORMAT", "terminal or json (terminal)", set_compare_format, 0},
    VERBOSE,
    {0},
};

static const struct option_spec specs_GATE[] = {
    {"allow-inconclusive", 0, NULL,
     "end with 0 instead of 4 when nothing failed but not every rule could be judged",
     options_set_flag, MEMBER(allow_inconclusive)},
    {"rules", 0, "FILE", "limits that go before those of the run (docs/methods.md)",
     options_set_text, MEMBER(rules_file)},
    VERBOSE,
    {0},
};

static const struct option_spec specs_REPORT[] = {
    {"format", 0, "FORMAT", REPORT_FORMAT_HELP, set_format, 0},
    {"max-size", 0, "SIZE", "of the markdown; rows beyond it are counted, not shown (64K)",
     set_max_size, MEMBER(max_size)},
    {"output", 'o', "FILE", "write it there (standard output)", options_set_text, MEMBER(output)},
    VERBOSE,
    {0},
};

static const struct option_spec specs_CHARTS[] = {VERBOSE, {0}};

static const struct option_spec specs_SCENARIO[] = {
    {"print-default", 0, NULL, "print the built-in fleet as a scenario file", options_set_flag,
     MEMBER(print_default)},
    {"print-reference", 0, NULL, "print every key of a scenario file, as Markdown tables",
     options_set_flag, MEMBER(print_reference)},
    {"check", 0, "FILE", "say whether a scenario file is right, and how many it starts",
     options_set_text, MEMBER(check_file)},
    VERBOSE,
    {0},
};

static bool set_only(void *into, const struct option_spec *spec, const char *value, char *why,
                     size_t cap)
{
    struct options *options = into;

    (void)spec;
    options->only = value;
    return selfcheck_knows(value, why, cap);
}

static const struct option_spec specs_SELFCHECK[] = {
    {"duration", 0, "TIME", "of its run (60s)", options_set_duration, MEMBER(duration_ns)},
    {"only", 0, "SHAPE,...", "plant these alone", set_only, 0},
    {"evidence", 0, NULL,
     "then look into the three worst, too: their stacks must name who leaks (30s more)",
     options_set_flag, MEMBER(evidence)},
    {"json", 0, NULL, "print the table as JSON", options_set_flag, MEMBER(json)},
    {"working-dir", 0, "DIR", "where the run gets a folder (runs)", options_set_text,
     MEMBER(working_dir)},
    {"base-port", 0, "N", "the servers listen on N, N+1 and so on (31300)", options_set_port,
     MEMBER(base_port)},
    VERBOSE,
    {0},
};

static const struct option_spec specs_SUSPECTS[] = {VERBOSE, {0}};

static const struct {
    const char *word, *runs;
    int least, most;
    struct option_set set;
} verbs[VERB_COUNT] = {
#define VERB_ROW(ident, name, takes, from, to, text)          \
    [VERB_##ident] = {.word = name,                           \
                      .runs = takes,                          \
                      .least = from,                          \
                      .most = to,                             \
                      .set = {.program = "driver " name,      \
                              .usage = "[OPTION]..." takes,   \
                              .summary = text,                \
                              .specs = specs_##ident,         \
                              .print_version = version_print, \
                              .operands = true}},
    VERB_TABLE(VERB_ROW)
#undef VERB_ROW
};

#define VERB_OWN_ROW(word, takes, function, text) {word, function},
static const struct own {
    const char *word;
    verb_main_fn *function;
} own[] = {VERB_OWN_TABLE(VERB_OWN_ROW){NULL, NULL}};
#undef VERB_OWN_ROW

verb_main_fn *verbs_find_own(const char *word)
{
    for (const struct own *at = own; at->word != NULL; at++) {
        if (strcmp(at->word, word) == 0)
            return at->function;
    }
    return NULL;
}

enum verb verbs_find(const char *word)
{
    for (int i = VERB_RUN + 1; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i].word, word) == 0)
            return (enum verb)i;
    }
    return VERB_RUN;
}

char *verbs_list(char *out, size_t cap)
{
    size_t used = 0;

    *out = '\0';
    for (const struct own *at = own; at->word != NULL && used < cap; at++)
        used += (size_t)snprintf(out + used, cap - used, "%s, ", at->word);
    for (int i = VERB_RUN + 1; i < VERB_COUNT && used < cap; i++)
        used += (size_t)snprintf(out + used, cap - used, "%s%s",
                                 i == VERB_RUN + 1     ? ""
                                 : i + 1 == VERB_COUNT ? " and "
                                                       : ", ",
                                 verbs[i].word);
    return out;
}

void verbs_take(struct options *options, enum verb verb, int argc, char **argv)
{
    int first = options_parse_or_exit(&verbs[verb].set, argc, argv, options);

    options->operands = argv + first;
    options->operand_count = argc - first;
    if (options->operand_count < verbs[verb].least)
        options_exit_bad(&verbs[verb].set,
                         "give it%s, where a RUN is the folder of a run, such as runs/latest",
                         verbs[verb].runs);
    if (options->operand_count > verbs[verb].most)
        options_exit_bad(&verbs[verb].set, "unexpected argument '%s'",
                         options->operands[verbs[verb].most]);
    if (verb == VERB_SCENARIO &&
        options->print_default + options->print_reference + (options->check_file != NULL) != 1)
        options_exit_bad(&verbs[verb].set,
                         "give it either --print-default, --print-reference or --check FILE");
}
