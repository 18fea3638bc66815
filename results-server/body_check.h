/*
 * Whether a body is what the interface says: tables of members, walked over the parsed JSON. A
 * refusal names the member by its path ("host.rank", "points[3].values.rate").
 */
#ifndef FLATLINE_RESULTS_SERVER_BODY_CHECK_H
#define FLATLINE_RESULTS_SERVER_BODY_CHECK_H

#include "results-server/errors.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum body_type {
    BODY_ANY,
    BODY_BOOL,
    BODY_WHOLE,  /* an integer within least and most */
    BODY_TEXT,   /* least to most bytes */
    BODY_ID,     /* text, as ids in paths are */
    BODY_NAME,   /* text, [a-z][a-z0-9_.-]{0,63} */
    BODY_WORD,   /* text, one of `words` */
    BODY_OBJECT, /* with `members`; NULL: any */
    BODY_LIST,   /* of what `members` (one row, its name is of no account) says; at most `most` */
    BODY_OWN,    /* by `check` */
};

struct body_path;

struct body_rule {
    const char *name; /* NULL ends a table */
    enum body_type type;
    bool must;
    int64_t least, most;
    const struct body_rule *members;
    const char *const *words; /* ended by NULL */
    /* False: it has refused (body_refuse). */
    bool (*check)(const json_t *value, const struct body_path *path, struct refusal *refusal);
};

#define BODY_VALUES_MOST 1000000 /* each may take a hundred times what it takes as text */

/* Parses a body, which may be NULL when size is 0, and holds it against the rules of its members. A
 * new reference, or NULL with the refusal. An empty body is {}. */
json_t *body_read(const char *bytes, size_t size, const struct body_rule *rules,
                  struct refusal *refusal);

/* ---- for a rule's own check ---- */

/* Where in the body: a chain of members and indexes, each on the stack of its caller. */
struct body_path {
    const struct body_path *above; /* NULL: of the body itself */
    const char *member;            /* NULL: an index */
    size_t index;
};

bool body_refuse(struct refusal *refusal, enum error_kind kind, const struct body_path *path,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));
bool body_refuse_type(struct refusal *refusal, const struct body_path *path, const char *wanted,
                      const json_t *value);
bool body_check(const json_t *value, const struct body_rule *rule, const struct body_path *path,
                struct refusal *refusal);

/* ---- names ---- */

#define BODY_ID_SIZE 65 /* with its zero */

/* [A-Za-z0-9][A-Za-z0-9._-]{0,63} */
bool body_is_id(const char *text);
/* [a-z][a-z0-9_.-]{0,63} */
bool body_is_name(const char *text);

#endif
