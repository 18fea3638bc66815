#include "common/base/options.h"

#include "common/base/exit_status.h"
#include "common/base/options_internal.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPTIONS 96

/* What getopt_long returns: a row's index above all characters, so that letters stay apart. */
enum {
    VALUE_ROW = 256,
    VALUE_HELP = VALUE_ROW + MAX_OPTIONS,
    VALUE_HELP_ALL,
    VALUE_VERSION,
    VALUE_LIST
};

struct tables {
    struct option longs[MAX_OPTIONS + 5];
    char letters[2 * MAX_OPTIONS + 4];
};

static void build_tables(const struct option_set *set, struct tables *t)
{
    struct option *l = t->longs;
    char *letter = t->letters;

    /* ":" makes getopt_long tell a missing argument from an unknown option. */
    *letter++ = ':';
    *letter++ = 'h';
    for (const struct option_spec *spec = set->specs; !options_is_end(spec); spec++) {
        if (spec->name == NULL)
            continue;
        if (spec - set->specs >= MAX_OPTIONS)
            abort();
        l->name = spec->name;
        l->has_arg = spec->argument != NULL ? required_argument : no_argument;
        l->val = VALUE_ROW + (int)(spec - set->specs);
        l++;
        if (spec->letter != 0) {
            *letter++ = spec->letter;
            if (spec->argument != NULL)
                *letter++ = ':';
        }
    }
    *l++ = (struct option){"help", no_argument, NULL, VALUE_HELP};
    *l++ = (struct option){"help-all", no_argument, NULL, VALUE_HELP_ALL};
    *l++ = (struct option){"version", no_argument, NULL, VALUE_VERSION};
    *l++ = (struct option){"list-options", no_argument, NULL, VALUE_LIST};
}

/* The row behind what getopt_long returned or left in optopt; NULL if there is none. */
static const struct option_spec *row_of(const struct option_set *set, int value)
{
    if (value >= VALUE_ROW && value < VALUE_HELP)
        return &set->specs[value - VALUE_ROW];
    for (const struct option_spec *spec = set->specs; !options_is_end(spec); spec++) {
        if (spec->name != NULL && spec->letter != 0 && spec->letter == value)
            return spec;
    }
    return NULL;
}

static void explain_bad(const struct option_set *set, int result, char **argv, char *error,
                        size_t cap)
{
    const struct option_spec *spec = row_of(set, optopt);

    if (result == ':' && spec != NULL)
        snprintf(error, cap, "--%s needs a value (%s)", spec->name, spec->argument);
    else if (spec != NULL || optopt >= VALUE_HELP)
        snprintf(error, cap, "%s: this option takes no value", argv[optind - 1]);
    else if (optopt != 0)
        snprintf(error, cap, "unknown option -%c", optopt);
    else
        options_explain_unknown(set, argv[optind - 1], error, cap);
}

static bool apply_row(const struct option_spec *spec, void *into, char *error, size_t cap)
{
    char why[768] = ""; /* room for a list of names */

    if (spec->apply(into, spec, optarg, why, sizeof why))
        return true;
    snprintf(error, cap, "--%s: %s", spec->name, why);
    return false;
}

/* The options that every program has: they are answered, and nothing else is done. */
static bool is_question(int result, enum options_outcome *outcome)
{
    switch (result) {
    case 'h':
    case VALUE_HELP:
        *outcome = OPTIONS_HELP;
        return true;
    case VALUE_HELP_ALL:
        *outcome = OPTIONS_HELP_ALL;
        return true;
    case VALUE_VERSION:
        *outcome = OPTIONS_VERSION;
        return true;
    case VALUE_LIST:
        *outcome = OPTIONS_LIST;
        return true;
    default:
        return false;
    }
}

enum options_outcome options_parse(const struct option_set *set, int argc, char **argv, void *into,
                                   int *first, char *error, size_t cap)
{
    struct tables tables = {0};
    enum options_outcome outcome;
    int result;

    if (!options_take_environment(set, into, error, cap))
        return OPTIONS_BAD;
    build_tables(set, &tables);
    optind = 0; /* glibc: start anew, also after an earlier parse */
    opterr = 0;
    while ((result = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
        if (is_question(result, &outcome))
            return outcome;
        if (result == '?' || result == ':') {
            explain_bad(set, result, argv, error, cap);
            return OPTIONS_BAD;
        }
        if (!apply_row(row_of(set, result), into, error, cap))
            return OPTIONS_BAD;
    }
    if (!set->operands && optind < argc) {
        snprintf(error, cap, "unexpected argument '%s'", argv[optind]);
        return OPTIONS_BAD;
    }
    if (first != NULL)
        *first = optind;
    return OPTIONS_RUN;
}

void options_exit_bad(const struct option_set *set, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s: ", set->program);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("; see --help\n", stderr);
    exit(STATUS_USAGE);
}

int options_parse_or_exit(const struct option_set *set, int argc, char **argv, void *into)
{
    char error[512];
    int first = argc;

    switch (options_parse(set, argc, argv, into, &first, error, sizeof error)) {
    case OPTIONS_RUN:
        return first;
    case OPTIONS_BAD:
        options_exit_bad(set, "%s", error);
    case OPTIONS_HELP:
        options_print_help(set, false, stdout);
        break;
    case OPTIONS_HELP_ALL:
        options_print_help(set, true, stdout);
        break;
    case OPTIONS_LIST:
        options_print_list(set, stdout);
        break;
    case OPTIONS_VERSION:
        set->print_version(stdout);
        break;
    }
    exit(fflush(stdout) == 0 ? STATUS_PASSED : STATUS_ENVIRONMENT);
}
