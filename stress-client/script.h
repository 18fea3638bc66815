/*
 * A routine: what each of its peers sends into its room, and how many of them there are. From a
 * file (docs/routines.md) or built in.
 */
#ifndef FLATLINE_CLIENT_SCRIPT_H
#define FLATLINE_CLIENT_SCRIPT_H

#include "proto/event.h"
#include "stress-client/schedule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRIPT_KINDS 16
#define SCRIPT_KIND_NAME 24    /* with NUL; at most EVENT_KIND_MAX + 1 */
#define SCRIPT_PEERS_MAX 60000 /* connections to one port that there are local ports for */
#define SCRIPT_BURST_MAX 10000
#define SCRIPT_EVERY_MIN_NS UINT64_C(1000000)
#define SCRIPT_EVERY_MAX_NS (UINT64_C(24) * 3600 * 1000000000)
#define SCRIPT_OTHER                                                             \
    "other" /* what a kind must not be called: all that is none of the routine's \
             */

struct script_kind {
    char name[SCRIPT_KIND_NAME];
    struct schedule schedule;
    uint64_t size_least, size_most; /* of the body, bytes; at most EVENT_BODY_MAX */
    uint64_t
        expires_ns; /* so long after it was due it is not sent any more; 0: sent however late */
};

struct script {
    uint64_t peers;
    char room[EVENT_TOPIC_MAX + 1];
    uint64_t room_size; /* peers in one; 0: all */
    uint64_t start_jitter_ns;
    uint64_t heard_ns; /* who was heard within it is connected */
    struct script_kind kinds[SCRIPT_KINDS];
    size_t kind_count; /* 1 and up */
};

/* A built-in one of that name, or else a file. False: *error holds one line. */
bool script_load(const char *name, struct script *script, char *error, size_t cap);

/* The same from memory; name is for the error. */
bool script_read(const char *name, const char *text, size_t size, struct script *script,
                 char *error, size_t cap);

#endif
