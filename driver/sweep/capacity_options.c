#include "driver/sweep/capacity.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/options.h"
#include "common/base/rng.h"
#include "common/base/units.h"
#include "driver/version.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIND_WORD(ident, name) " " name
#define CLIENTS_MAX UINT64_C(1000000) /* stress-client's */

static bool set_out(void *into, const struct option_spec *spec, const char *value, char *why,
                    size_t cap)
{
    struct capacity_options *o = into;

    (void)spec;
    o->out = value;
    if (*value != '\0')
        return true;
    snprintf(why, cap, "the name of a folder is missing");
    return false;
}

static bool set_clients(void *into, const struct option_spec *spec, const char *value, char *why,
                        size_t cap)
{
    struct capacity_options *o = into;

    (void)spec;
    if (units_parse_u64(value, &o->clients) && o->clients >= 1 && o->clients <= CLIENTS_MAX)
        return true;
    snprintf(why, cap, "'%s' is not a number of clients (1 to %" PRIu64 ")", value, CLIENTS_MAX);
    return false;
}

static bool set_messages(void *into, const struct option_spec *spec, const char *value, char *why,
                         size_t cap)
{
    struct capacity_options *o = into;
    const char *colon = strchr(value, ':');
    char from[24];

    (void)spec;
    snprintf(from, sizeof from, "%.*s", (int)(colon != NULL ? colon - value : 23), value);
    if (units_parse_u64(from, &o->messages_from) &&
        units_parse_u64(colon != NULL ? colon + 1 : from, &o->messages_to) &&
        o->messages_from >= 1 && o->messages_to >= 1)
        return true;
    snprintf(why, cap, "'%s' is not FROM:TO, two numbers of messages from 1 up", value);
    return false;
}

/* Split at blanks: no shell, so that what is measured is the server. */
static bool set_server(void *into, const struct option_spec *spec, const char *value, char *why,
                       size_t cap)
{
    struct capacity_options *o = into;
    size_t count = 0;
    char *at;

    (void)spec;
    free(o->server_text);
    o->server = value;
    at = o->server_text = strdup(value);
    for (char *word = strsep(&at, " "); word != NULL; word = strsep(&at, " ")) {
        if (*word == '\0')
            continue;
        if (count == CAPACITY_COMMAND_WORDS) {
            snprintf(why, cap, "more than %d words: put them into a script",
                     CAPACITY_COMMAND_WORDS);
            return false;
        }
        o->server_words[count++] = word;
    }
    o->server_words[count] = NULL;
    if (count > 0 && strstr(value, "{port}") != NULL)
        return true;
    snprintf(why, cap, "'%s' is no command with {port} in it", value);
    return false;
}

static bool set_threads(void *into, const struct option_spec *spec, const char *value, char *why,
                        size_t cap)
{
    struct capacity_options *o = into;

    (void)spec;
    free(o->threads_text);
    o->threads = value;
    if (!sweep_split(value, o->thread_values, &o->thread_count, &o->threads_text, why, cap))
        return false;
    for (size_t i = 0; i < o->thread_count; i++) {
        uint64_t n;

        if (!units_parse_u64(o->thread_values[i], &n) || n < 1 || n > OPTIONS_THREADS_MAX) {
            snprintf(why, cap, "'%s' is not a number of threads (1 to %d)", o->thread_values[i],
                     OPTIONS_THREADS_MAX);
            return false;
        }
    }
    return true;
}

static bool set_find(void *into, const struct option_spec *spec, const char *value, char *why,
                     size_t cap)
{
    static const char *const names[CAPACITY_FINDS] = {[FIND_NOTHING] = "",
#define FIND_NAME(ident, name) [FIND_##ident] = (name),
                                                      CAPACITY_FIND_TABLE(FIND_NAME)
#undef FIND_NAME
    };
    struct capacity_options *o = into;

    (void)spec;
    for (int i = FIND_NOTHING + 1; i < CAPACITY_FINDS; i++) {
        if (strcmp(value, names[i]) == 0) {
            o->find = (enum capacity_find)i;
            return true;
        }
    }
    snprintf(why, cap, "'%s' is none of" CAPACITY_FIND_TABLE(FIND_WORD), value);
    return false;
}

#define MEMBER(name) offsetof(struct capacity_options, name)

static const struct option_spec specs[] = {
    {"out", 0, "DIR", "where results go (capacity)", set_out, 0},
    {"clients", 0, "N", "clients 1 to N, one after another (250)", set_clients, 0},
    {"messages", 0, "FROM:TO", "of the first client and of the last; linear between (1:10)",
     set_messages, 0},
    {"hold", 0, NULL, "clients stay connected until they come down again", options_set_flag,
     MEMBER(hold)},
    {"rate", 0, "N", "begin N clients a second (so many that a way takes 10 s); 0: no limit",
     options_set_u64, MEMBER(rate)},
    {"reply-timeout", 0, "TIME", "a client that waits longer is not served (5s)",
     options_set_period, MEMBER(reply_limit_ns)},
    {"runs", 0, "N", "repeat so often (1)", options_set_u64, MEMBER(runs)},
    {"resume", 0, NULL, "go on with what an earlier call began in DIR", options_set_flag,
     MEMBER(resume)},
    {NULL, 0, NULL, "The server", NULL, 0},
    {"server", 0, "CMD", "somebody else's, which serves flatline.v1.Stress at {port}", set_server,
     0},
    {"server-threads", 0, "LIST", "event loops of ours, such as 1,2 (1)", set_threads, 0},
    {"server-heap", 0, "SIZE", "its heap cap, such as 64M (none)", options_set_size,
     MEMBER(heap_cap)},
    {"server-fds", 0, "N", "its limit of file descriptors (as inherited)", options_set_u64,
     MEMBER(descriptors)},
    {"secure", 0, NULL, "TLS; a server of CMD finds {cert} and {key}", options_set_flag,
     MEMBER(secure)},
    {NULL, 0, NULL, "A search instead of the climb", NULL, 0},
    {"find", 0, "WHAT", "the most of them that it holds:" CAPACITY_FIND_TABLE(FIND_WORD), set_find,
     0},
    {"up-to", 0, "N", "try no more (clients 10000, messages 100000)", options_set_u64,
     MEMBER(up_to)},
    {"rtt-bound", 0, "TIME", "p99 round trip, all sending at once, that is still fine (1s)",
     options_set_duration, MEMBER(rtt_bound_ns)},
    {"verbose", 'v', NULL, "say more", options_set_flag, MEMBER(verbose)},
    {0},
};

static const struct option_set set = {
    .program = "driver capacity",
    .usage = "[OPTION]... --out DIR",
    .summary = "Measures how many clients a server holds, and at what cost: a climb and the way "
               "back down, or a search.",
    .specs = specs,
    .epilogue = "  driver capacity --clients 250 --messages 1:100 --hold --out capacity\n"
                "  driver capacity --find clients --server-fds 256 --out found\n",
    .print_version = version_print,
};

static void check(const struct capacity_options *o)
{
    if (o->out == NULL)
        options_exit_bad(&set, "--out is missing: where are the results to go?");
    if (o->runs == 0)
        options_exit_bad(&set, "--runs 0: nothing to do");
    if (o->server != NULL && o->threads != NULL)
        options_exit_bad(&set, "--server-threads is of our server: put it into --server");
    if (o->find == FIND_NOTHING && (o->up_to != 0 || o->rtt_bound_ns != 0))
        options_exit_bad(&set, "--up-to and --rtt-bound need --find");
    if (o->find != FIND_NOTHING && (o->hold || o->rate != UINT64_MAX))
        options_exit_bad(&set, "--hold and --rate are of a climb, not of --find");
    if (o->find == FIND_CLIENTS && o->clients != 0)
        options_exit_bad(&set, "--clients is what is to be found: --up-to bounds it");
    if (o->find == FIND_MESSAGES && o->messages_from != 0)
        options_exit_bad(&set, "--messages is what is to be found: --up-to bounds it");
    if (o->find == FIND_CLIENTS && o->up_to > CLIENTS_MAX)
        options_exit_bad(&set, "--up-to: no more than %" PRIu64 " clients", CLIENTS_MAX);
}

static void set_defaults(struct capacity_options *o)
{
    if (o->clients == 0)
        o->clients = o->find == FIND_NOTHING ? 250 : 1;
    if (o->messages_from == 0) {
        o->messages_from = 1;
        o->messages_to = 10;
    }
    /* So slow that ten samples a second show the memory at many numbers of connections. */
    if (o->rate == UINT64_MAX)
        o->rate = o->clients / 10 + 1;
    if (o->find != FIND_NOTHING)
        o->rate = 0;
    if (o->up_to == 0)
        o->up_to = o->find == FIND_CLIENTS ? 10000 : 100000;
    if (o->rtt_bound_ns == 0)
        o->rtt_bound_ns = NS_PER_S;
}

void capacity_options_take(struct capacity_options *options, int argc, char **argv)
{
    char why[64];

    *options = (struct capacity_options){
        .rate = UINT64_MAX, .reply_limit_ns = 5 * NS_PER_S, .runs = 1, .seed = rng_seed_random()};
    options_parse_or_exit(&set, argc, argv, options);
    check(options);
    if (options->thread_count == 0 &&
        !sweep_split("1", options->thread_values, &options->thread_count, &options->threads_text,
                     why, sizeof why)) {
        log_error("%s", why);
        exit(STATUS_ENVIRONMENT);
    }
    set_defaults(options);
}

void capacity_options_clear(struct capacity_options *options)
{
    free(options->server_text);
    free(options->threads_text);
}
