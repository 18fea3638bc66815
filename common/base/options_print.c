#include "common/base/options_internal.h"

#include <string.h>

#define WIDTH 79       /* of a help line */
#define HELP_COLUMN 30 /* where the text of an option begins */

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

/* What --help shows ends where the first heading of what is further begins. */
static bool is_further(const struct option_spec *spec)
{
    return spec->name == NULL && spec->letter == OPTIONS_FURTHER;
}

static void print_questions(const struct option_set *set, bool all, FILE *out)
{
    const struct option_spec *spec = set->specs;

    while (!options_is_end(spec) && !is_further(spec))
        spec++;
    print_row(out, 'h', "help", NULL, "print this and exit");
    if (!all && !options_is_end(spec))
        print_row(out, 0, "help-all", NULL, "print the other options, too, and exit");
    print_row(out, 0, "version", NULL, "print the version, and the libraries', and exit");
}

void options_print_help(const struct option_set *set, bool all, FILE *out)
{
    fprintf(out, "usage: %s %s\n", set->program, set->usage);
    print_wrapped(out, set->summary, 0, 0);
    fputc('\n', out);
    for (const struct option_spec *spec = set->specs; !options_is_end(spec); spec++) {
        if (!all && is_further(spec))
            break;
        if (spec->name == NULL)
            fprintf(out, "%s\n", spec->help);
        else
            print_row(out, spec->letter, spec->name, spec->argument, spec->help);
    }
    print_questions(set, all, out);
    if (all)
        fputs("The environment can say it, too: --some-option X as FLATLINE_SOME_OPTION=X.\n", out);
    if (set->epilogue != NULL)
        fprintf(out, "\n%s", set->epilogue);
}

void options_print_list(const struct option_set *set, FILE *out)
{
    for (const struct option_spec *spec = set->specs; !options_is_end(spec); spec++) {
        if (spec->name != NULL)
            fprintf(out, "--%s\t%s\n", spec->name, spec->argument != NULL ? spec->argument : "");
    }
    fputs("--help\t\n--help-all\t\n--version\t\n", out);
}
