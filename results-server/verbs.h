/*
 * What results-server is told to do besides to serve: its first argument. Columns: word, what
 * follows it, the function, what it does. The function reads its own command line (argv[0] is the
 * word) with a table of options in a file of its own.
 */
#ifndef FLATLINE_RESULTS_SERVER_VERBS_H
#define FLATLINE_RESULTS_SERVER_VERBS_H

#define VERB_TABLE(X)                                                  \
    X("routes", "", routes_main, "Print what can be asked over HTTP.") \
    X("export", " ID", export_main, "Write what a test came to as files.")

/* The exit status; argv outlives the call. */
typedef int verb_main_fn(int argc, char **argv);

#define VERB_MAIN(word, operands, function, text) verb_main_fn function;
VERB_TABLE(VERB_MAIN)
#undef VERB_MAIN

/* NULL: there is no such word. */
verb_main_fn *verbs_find(const char *word);

/* For --help: a line each. */
#define VERB_HELP(word, operands, function, text) \
    "  results-server " word operands "\n      " text "\n"
#define VERBS_HELP VERB_TABLE(VERB_HELP)

#endif
