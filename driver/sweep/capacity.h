/*
 * How many clients a server holds, and at what cost: `driver capacity`. Without --find a climb to
 * --clients and, really descending, back; with it a search. Results are described in
 * docs/capacity.md.
 */
#ifndef FLATLINE_DRIVER_SWEEP_CAPACITY_H
#define FLATLINE_DRIVER_SWEEP_CAPACITY_H

#include "common/base/exit_status.h"
#include "driver/sweep/sweep.h"
#include "driver/sweep/trial.h"

#include <stdbool.h>
#include <stdint.h>

#define CAPACITY_COMMAND_WORDS 32

#define CAPACITY_FIND_TABLE(X) \
    X(CLIENTS, "clients")      \
    X(MESSAGES, "messages")

#define CAPACITY_FIND_ENUM(ident, name) FIND_##ident,
enum capacity_find { FIND_NOTHING, CAPACITY_FIND_TABLE(CAPACITY_FIND_ENUM) CAPACITY_FINDS };
#undef CAPACITY_FIND_ENUM

struct capacity_options {
    const char *out;
    uint64_t clients, messages_from, messages_to;
    uint64_t rate; /* turns a second; UINT64_MAX: not given */
    uint64_t reply_limit_ns;
    uint64_t runs, seed;
    bool hold, secure, resume, verbose;
    const char *server; /* as typed; NULL: ours */
    char *server_text;  /* cut into words, which live in it */
    char *server_words[CAPACITY_COMMAND_WORDS + 1];
    const char *threads; /* as typed */
    char *threads_text;
    const char *thread_values[SWEEP_VALUES_MAX];
    size_t thread_count;
    uint64_t heap_cap, descriptors; /* 0: as they are */
    enum capacity_find find;
    uint64_t up_to;        /* of the search; 0: not given */
    uint64_t rtt_bound_ns; /* of the search; 0: not given */
};

/* Reads them, checked as a whole; prints and exits by itself where there is nothing to do or
 * something is wrong. capacity_options_clear frees what they hold. */
void capacity_options_take(struct capacity_options *options, int argc, char **argv);
void capacity_options_clear(struct capacity_options *options);

/* What all runs have in common. */
struct capacity_setting {
    const struct capacity_options *options;
    struct guardian *guardian;
    const struct programs *programs;
    char **argv; /* as typed, from the command's word on */
};

/* The trial in DIR that the options ask for: up, and back. It lives as long as they. */
struct trial_plan capacity_plan(const struct capacity_setting *setting, const char *threads,
                                const char *dir);

/* One run of the sweep, in run->dir: a climb, or a search. Why it failed was logged. */
enum exit_status capacity_climb(const struct capacity_setting *setting,
                                const struct sweep_run *run);
enum exit_status capacity_search(const struct capacity_setting *setting,
                                 const struct sweep_run *run);

/* `driver capacity ...`; argv[0] is its word. */
enum exit_status capacity_main(int argc, char **argv);

#endif
