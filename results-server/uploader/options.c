#include "config.h"

#include "results-server/uploader/options.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/base/options.h"

#include <ctype.h>
#include <curl/curl.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_MAX 64
#define BUFFER_LEAST 1024
#define BUFFER_MOST (UINT64_C(1) << 30)
#define SIZE_MAX_HOSTS 100000

#define MEMBER(name) offsetof(struct options, name)

/* As the server has it, so that an id can stand in a path as it is. */
static bool set_id(void *into, const struct option_spec *spec, const char *value, char *why,
                   size_t cap)
{
    size_t good = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789._-");

    if (value[good] != '\0' || good == 0 || good > ID_MAX || !isalnum((unsigned char)*value)) {
        snprintf(why, cap,
                 "'%.80s' is not 1 to %d letters, digits, '.', '_', '-' (first a letter or digit)",
                 value, ID_MAX);
        return false;
    }
    return options_set_text(into, spec, value, why, cap);
}

/* As people copy it, with a slash at the end, too; what else could follow belongs to no server. */
static bool set_url(void *into, const struct option_spec *spec, const char *value, char *why,
                    size_t cap)
{
    const char *host = strstr(value, "://");
    const char *end = host == NULL ? NULL : strpbrk(host + 3, "/?#@");
    CURLU *url = curl_url();
    CURLUcode code =
        url == NULL ? CURLUE_OUT_OF_MEMORY : curl_url_set(url, CURLUPART_URL, value, 0);

    curl_url_cleanup(url);
    if (options_url_names_user(value, why, cap))
        return false;
    if (code == CURLUE_OUT_OF_MEMORY) {
        log_error("no memory for the command line");
        exit(STATUS_ENVIRONMENT);
    }
    if (code != CURLUE_OK || host == NULL || (end != NULL && strcmp(end, "/") != 0) ||
        (strncmp(value, "http://", 7) != 0 && strncmp(value, "https://", 8) != 0)) {
        snprintf(why, cap, "'%.200s' is not http://HOST:PORT or https://HOST:PORT", value);
        return false;
    }
    return options_set_text(into, spec, value, why, cap);
}

static bool set_place(void *into, const struct option_spec *spec, const char *value, char *why,
                      size_t cap)
{
    if (strcmp(value, "spread") != 0 && strcmp(value, "replicate") != 0) {
        snprintf(why, cap, "'%.80s' is neither spread nor replicate", value);
        return false;
    }
    return options_set_text(into, spec, value, why, cap);
}

static bool set_buffer(void *into, const struct option_spec *spec, const char *value, char *why,
                       size_t cap)
{
    return options_set_size_within(into, spec, value, BUFFER_LEAST, BUFFER_MOST, why, cap);
}

static const struct option_spec specs[] = {
    {"to", 0, "URL", "the results server, http://HOST:PORT or https://HOST:PORT", set_url,
     MEMBER(to)},
    {"test", 0, "ID", "of which test", set_id, MEMBER(test)},
    {"peer", 0, "NAME", "who we are in it: with --run the host", set_id, MEMBER(peer)},
    {"run", 0, "DIR", "send what DIR/run.db tells, as a driver orders on standard input",
     options_set_text, MEMBER(run)},
    {"lines", 0, NULL, "send the points that come on standard input, one JSON object a line",
     options_set_flag, MEMBER(lines)},
    {"token", 0, "FILE", "the server's token is in it", options_set_text, MEMBER(token)},
    {"ca", 0, "FILE", "certificates that https trusts, PEM (the system's)", options_set_text,
     MEMBER(ca)},
    {"rank", 0, "R", "with --run: which of the hosts, from 0 (0)", options_set_u64, MEMBER(rank)},
    {"size", 0, "N", "with --run: how many hosts there are (1)", options_set_u64, MEMBER(size)},
    {"address", 0, "A", "with --run: where other hosts reach this one (127.0.0.1)",
     options_set_text, MEMBER(address)},
    {"place", 0, "HOW", "with --run: spread or replicate (replicate)", set_place, MEMBER(place)},
    {"barrier-timeout", 0, "TIME", "wait so long for the other hosts, and for the test (60s)",
     options_set_period, MEMBER(barrier_timeout_ns)},
    {"drain-timeout", 0, "TIME", "in the end, wait so long for a server that is away (30s)",
     options_set_period, MEMBER(drain_timeout_ns)},
    {"buffer", 0, "SIZE", "with --lines: of points that wait; then the oldest are dropped (16M)",
     set_buffer, MEMBER(buffer_bytes)},
    {"verbose", 'v', NULL, "log more", options_set_flag, MEMBER(verbose)},
    {0},
};

static void print_version(FILE *out)
{
    fprintf(out, "uploader %s (%s, jansson %s, SQLite %s)\n", VERSION, curl_version(),
            jansson_version_str(), sqlite3_libversion());
}

static const struct option_set set = {
    .program = "uploader",
    .usage = "--to URL --test ID --peer NAME (--run DIR | --lines)\n           [OPTION]...",
    .summary = "Brings what a driver or a stress client has measured to a results server: numbered "
               "batches, repeated until they are acknowledged.",
    .specs = specs,
    .epilogue = "Exits 0 when everything was delivered; 1 points were dropped; 2 bad usage; 3 the\n"
                "server cannot be reached or refuses, hosts are missing.\n"
                "  uploader --to http://127.0.0.1:9904 --test t --peer desk --lines <points\n",
    .print_version = print_version,
};

static void check(const struct options *o)
{
    if (o->to == NULL || o->test == NULL || o->peer == NULL)
        options_exit_bad(&set, "--to, --test and --peer are needed");
    if ((o->run != NULL) == o->lines)
        options_exit_bad(&set, "either --run or --lines is needed");
    if (o->size < 1 || o->size > SIZE_MAX_HOSTS)
        options_exit_bad(&set, "--size: 1 to %d hosts", SIZE_MAX_HOSTS);
    if (o->rank >= o->size)
        options_exit_bad(&set, "--rank counts from 0: it must be below --size");
}

void options_read(struct options *options, int argc, char **argv)
{
    *options = (struct options){.size = 1,
                                .address = "127.0.0.1",
                                .place = "replicate",
                                .barrier_timeout_ns = 60 * NS_PER_S,
                                .drain_timeout_ns = 30 * NS_PER_S,
                                .buffer_bytes = UINT64_C(16) << 20};
    options_parse_or_exit(&set, argc, argv, options);
    check(options);
}
