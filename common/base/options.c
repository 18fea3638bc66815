#include "common/base/options.h"

#include "common/base/exit_status.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 79       /* of a help line */
#define HELP_COLUMN 30 /* where the text of an option begins */
#define MAX_OPTIONS 96

/* What getopt_long returns: a row's index above all characters, so that letters stay apart. */
enum { VALUE_ROW = 256, VALUE_HELP = VALUE_ROW + MAX_OPTIONS, VALUE_VERSION };

struct tables {
    struct option longs[MAX_OPTIONS + 3];
    char letters[2 * MAX_OPTIONS + 4];
};

static bool is_end(const struct option_spec *spec)
{
    return spec->name == NULL && spec->help == NULL;
}

static void build_tables(const struct option_set *set, struct tables *t)
{
    struct option *l = t->longs;
    char *letter = t->letters;

    /* ":" makes getopt_long tell a missing argument from an unknown option. */
    *letter++ = ':';
    *letter++ = 'h';
    for (const struct option_spec *spec = set->specs; !is_end(spec); spec++) {
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
    *l++ = (struct option){"version", no_argument, NULL, VALUE_VERSION};
}

/* The row behind what getopt_long returned or left in optopt; NULL if there is none. */
static const struct option_spec *row_of(const struct option_set *set, int value)
{
    if (value >= VALUE_ROW && value < VALUE_HELP)
        return &set->specs[value - VALUE_ROW];
    for (const struct option_spec *spec = set->specs; !is_end(spec); spec++) {
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
        snprintf(error, cap, "unknown or ambiguous option %s", argv[optind - 1]);
}

static bool apply_row(const struct option_spec *spec, void *into, char *error, size_t cap)
{
    char why[768] = ""; /* room for a list of names */

    if (spec->apply(into, spec, optarg, why, sizeof why))
        return true;
    snprintf(error, cap, "--%s: %s", spec->name, why);
    return false;
}

enum options_outcome options_parse(const struct option_set *set, int argc, char **argv, void *into,
                                   int *first, char *error, size_t cap)
{
    struct tables tables = {0};
    int result;

    if (!options_take_environment(set, into, error, cap))
        return OPTIONS_BAD;
    build_tables(set, &tables);
    optind = 0; /* glibc: start anew, also after an earlier parse */
    opterr = 0;
    while ((result = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
        if (result == VALUE_HELP || result == 'h')
            return OPTIONS_HELP;
        if (result == VALUE_VERSION)
            return OPTIONS_VERSION;
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
        options_print_help(set, stdout);
        break;
    case OPTIONS_VERSION:
        set->print_version(stdout);
        break;
    }
    exit(fflush(stdout) == 0 ? STATUS_PASSED : STATUS_ENVIRONMENT);
}

/* Puts words from `column` on, broken before WIDTH, continuation lines indented to `indent`. */
static void print_wrapped(FILE *out, const char *text, size_t column, size_t indent)
{
    bool fresh = true;

    while (*text != '\0') {
        size_t word = strcspn(text, " ");

        if (!fresh && column + 1 + word > WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
            fresh = true;
        }
        fprintf(out, "%s%.*s", fresh ? "" : " ", (int)word, text);
        column += word + (fresh ? 0 : 1);
        fresh = false;
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void print_row(FILE *out, char letter, const char *name, const char *argument,
                      const char *help)
{
    char left[80];
    int n = letter != 0 ? snprintf(left, sizeof left, "  -%c, --%s", letter, name)
                        : snprintf(left, sizeof left, "      --%s", name);

    if (argument != NULL)
        n += snprintf(left + n, sizeof left - (size_t)n, " %s", argument);
    fputs(left, out);
    if (n + 2 > HELP_COLUMN)
        fprintf(out, "\n%*s", HELP_COLUMN, "");
    else
        fprintf(out, "%*s", HELP_COLUMN - n, "");
    print_wrapped(out, help, HELP_COLUMN, HELP_COLUMN);
}

void options_print_help(const struct option_set *set, FILE *out)
{
    fprintf(out, "usage: %s %s\n", set->program, set->usage);
    print_wrapped(out, set->summary, 0, 0);
    fputc('\n', out);
    for (const struct option_spec *spec = set->specs; !is_end(spec); spec++) {
        if (spec->name == NULL)
            fprintf(out, "%s\n", spec->help);
        else
            print_row(out, spec->letter, spec->name, spec->argument, spec->help);
    }
    print_row(out, 'h', "help", NULL, "print this and exit");
    print_row(out, 0, "version", NULL, "print the version, and the libraries', and exit");
    fputs("The environment can say it, too: --some-option X as FLATLINE_SOME_OPTION=X.\n", out);
    if (set->epilogue != NULL)
        fprintf(out, "\n%s", set->epilogue);
}
