/*
 * What the client is to do: groups, in order. A group has a call list (one or more calls, in order)
 * that is repeated on each of its connections.
 *
 * The plan is filled in the order of the command line. A group option (--concurrent,
 * --num-connections, --num-calls) that comes after a call begins the next group; so does nothing
 * else. Each group option may come once per group.
 */
#ifndef FLATLINE_CLIENT_PLAN_H
#define FLATLINE_CLIENT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Identifier, option and name, method. */
#define CALL_KIND_TABLE(X)                                                         \
    X(NON_STREAMING, "non-streaming", "/flatline.v1.Stress/NonStreaming")          \
    X(CLIENT_STREAMING, "client-streaming", "/flatline.v1.Stress/ClientStreaming") \
    X(SERVER_STREAMING, "server-streaming", "/flatline.v1.Stress/ServerStreaming") \
    X(BIDI_STREAMING, "bidi-streaming", "/flatline.v1.Stress/BidiStreaming")

#define CALL_KIND_ENUM(ident, name, path) CALL_##ident,
enum call_kind { CALL_KIND_TABLE(CALL_KIND_ENUM) CALL_KINDS };
#undef CALL_KIND_ENUM

const char *call_kind_name(enum call_kind kind);
const char *call_kind_path(enum call_kind kind);

#define PLAN_ENDLESS 0 /* connections, repeats, messages: for ever */

struct plan_call {
    enum call_kind kind;
    uint64_t messages; /* of the streaming side; 1 for non-streaming */
};

struct plan_group {
    bool concurrent;      /* all connections at once instead of one after another */
    uint64_t connections; /* PLAN_ENDLESS or a number; 1 by default */
    uint64_t repeats;     /* of the call list on each connection; likewise */
    size_t first_call;    /* its calls are first_call, ... of the plan */
    size_t call_count;
};

struct plan;

/* A plan with room for as many calls and groups as a command line of `words` words can name. NULL:
 * out of memory. */
struct plan *plan_new(size_t words);
void plan_free(struct plan *plan);

/* Each returns false with one line in error when the group already has this option. */
bool plan_set_concurrent(struct plan *plan, char *error, size_t cap);
bool plan_set_connections(struct plan *plan, uint64_t connections, char *error, size_t cap);
bool plan_set_repeats(struct plan *plan, uint64_t repeats, char *error, size_t cap);

void plan_add_call(struct plan *plan, enum call_kind kind, uint64_t messages);

/*
 * The whole, once filled: false with one line in error if there is nothing to do, a group has no
 * call, endless connections are to be concurrent, or something stands after an endless thing.
 */
bool plan_check(const struct plan *plan, char *error, size_t cap);

size_t plan_group_count(const struct plan *plan);
const struct plan_group *plan_group(const struct plan *plan, size_t index);

/* The index-th call of a group. */
const struct plan_call *plan_call(const struct plan *plan, const struct plan_group *group,
                                  size_t index);

/* The largest number of connections that are open at the same time. */
uint64_t plan_widest(const struct plan *plan);

#endif
