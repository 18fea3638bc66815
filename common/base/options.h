/*
 * A declarative command line over getopt_long: one table per program, which expands into the parser
 * and into --help, so that the two cannot drift apart. Options are applied in order of appearance
 * (a later one may refer to an earlier one); `-h, --help`, `--help-all`, `--version` and
 * `--list-options` (for completion by a shell) come by themselves.
 *
 * Every option can also come from the environment, --num-calls as FLATLINE_NUM_CALLS: 1 or 0 for
 * one without argument; an empty value is none. Those are applied first, in the order of the table,
 * so that the command line has the last word. Variables of options that a program does not have are
 * let be, since one environment may serve several.
 */
#ifndef FLATLINE_BASE_OPTIONS_H
#define FLATLINE_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OPTIONS_VARIABLE_PREFIX "FLATLINE_"
#define OPTIONS_THREADS_MAX 32 /* of a server; the accounting of memory has room for them */

/* The letter of a heading: it and all below it only --help-all shows. */
#define OPTIONS_FURTHER '+'

struct option_spec;

/*
 * Stores `value` (NULL for an option without argument) into the program's struct. On bad input
 * false, with *why saying what is wrong with the value ("'70000' is not a port (0 to 65535)"); the
 * name of the option is put before it by the parser.
 */
typedef bool option_apply_fn(void *into, const struct option_spec *spec, const char *value,
                             char *why, size_t cap);

struct option_spec {
    const char *name; /* without dashes; NULL: `help` is a heading; a row of zeros ends the table */
    char letter;      /* one-letter form; 0: none */
    const char *argument; /* how --help calls it ("PORT"); NULL: the option takes none */
    const char *help;     /* wrapped by the printer */
    option_apply_fn *apply;
    size_t offset; /* of the member that the ready-made apply functions below set */
};

struct option_set {
    const char *program;              /* "stress-server" */
    const char *usage;                /* what follows the name: "--port PORT [OPTION]..." */
    const char *summary;              /* one or two sentences */
    const struct option_spec *specs;  /* the common case first */
    const char *epilogue;             /* examples, verbatim, each line ended; may be NULL */
    void (*print_version)(FILE *out); /* what --version writes, ended by a newline */
    bool operands;                    /* whether arguments that are no options are allowed */
};

enum options_outcome {
    OPTIONS_RUN,
    OPTIONS_HELP,
    OPTIONS_HELP_ALL,
    OPTIONS_VERSION,
    OPTIONS_LIST,
    OPTIONS_BAD
};

/* The first step of options_parse: what the environment says. False: *error holds one line. */
bool options_take_environment(const struct option_set *set, void *into, char *error, size_t cap);

/*
 * Applies the environment and then argv to *into. *first becomes the index of the first operand
 * (options may stand after operands; argv is permuted); may be NULL. OPTIONS_BAD: *error holds one
 * line without the program's name.
 */
enum options_outcome options_parse(const struct option_set *set, int argc, char **argv, void *into,
                                   int *first, char *error, size_t cap);

/*
 * The same for a main function: prints help or version on stdout and exits 0, or one line on stderr
 * and exits 2; returns the index of the first operand.
 */
int options_parse_or_exit(const struct option_set *set, int argc, char **argv, void *into);

/* One line on stderr, "PROGRAM: ...; see --help", and exit 2: for what no single option shows. */
void options_exit_bad(const struct option_set *set, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

/* The common options, or all. */
void options_print_help(const struct option_set *set, bool all, FILE *out);

/* A line for each option, "--port\tPORT". */
void options_print_list(const struct option_set *set, FILE *out);

/* Ready-made apply functions, with the type of the member at `offset`. */
option_apply_fn options_set_flag;     /* bool, becomes true */
option_apply_fn options_set_text;     /* const char *, points into argv */
option_apply_fn options_set_u64;      /* uint64_t */
option_apply_fn options_set_port;     /* int; 0 to 65535, so -1 can stand for "not given" */
option_apply_fn options_set_threads;  /* int; 1 to OPTIONS_THREADS_MAX */
option_apply_fn options_set_fd;       /* int; 0 and up, so -1 can stand for "not given" */
option_apply_fn options_set_duration; /* uint64_t ns, by units_parse_duration */
option_apply_fn options_set_period;   /* the same, longer than 0, which can stand for "not given" */
option_apply_fn options_set_size;     /* uint64_t bytes, by units_parse_size */

/*
 * For an apply function of a URL: whether it says who asks (http://USER:PASSWORD@HOST), which all
 * who look at the processes could read. *why says so then, but not what stands there.
 */
bool options_url_names_user(const char *url, char *why, size_t cap);

/* For an apply function of a size with limits, both included. */
bool options_set_size_within(void *into, const struct option_spec *spec, const char *value,
                             uint64_t least, uint64_t most, char *why, size_t cap);

#endif
