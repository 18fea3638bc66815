#include "results-server/body_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define PATH_TEXT 256
#define SHOWN 64 /* bytes of a wrong text that are repeated */

static bool is_made_of(const char *text, const char *first, const char *others)
{
    size_t length = strlen(text);

    return length > 0 && length < BODY_ID_SIZE && strchr(first, text[0]) != NULL &&
           strspn(text, others) == length;
}

bool body_is_id(const char *text)
{
    return is_made_of(text, LOWER UPPER DIGITS, LOWER UPPER DIGITS "._-");
}

bool body_is_name(const char *text)
{
    return is_made_of(text, LOWER, LOWER DIGITS "_.-");
}

/* ---- refusals ---- */

/* A name out of a body is shown as far as it is printable. */
static size_t print_path(const struct body_path *path, char *out, size_t cap)
{
    size_t n;
    int more;

    if (path == NULL)
        return 0;
    n = print_path(path->above, out, cap);
    if (path->member == NULL)
        more = snprintf(out + n, cap - n, "[%zu]", path->index);
    else
        more = snprintf(out + n, cap - n, "%s%.*s", n > 0 ? "." : "", SHOWN, path->member);
    return more < 0 || (size_t)more >= cap - n ? cap - 1 : n + (size_t)more;
}

bool body_refuse(struct refusal *refusal, enum error_kind kind, const struct body_path *path,
                 const char *format, ...)
{
    char where[PATH_TEXT] = "the body", what[ERROR_MESSAGE_SIZE / 2];
    va_list args;

    print_path(path, where, sizeof where);
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return refuse(refusal, kind, "%s: %s", where, what);
}

static const char *type_of(const json_t *value)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object",   [JSON_ARRAY] = "a list",  [JSON_STRING] = "a text",
        [JSON_INTEGER] = "an integer", [JSON_REAL] = "a number", [JSON_TRUE] = "a boolean",
        [JSON_FALSE] = "a boolean",    [JSON_NULL] = "null"};

    return names[json_typeof(value)];
}

bool body_refuse_type(struct refusal *refusal, const struct body_path *path, const char *wanted,
                      const json_t *value)
{
    return body_refuse(refusal, ERROR_WRONG_TYPE, path, "%s is wanted, not %s", wanted,
                       type_of(value));
}

/* ---- checks, one a type ---- */

static bool check_whole(const json_t *value, const struct body_rule *rule,
                        const struct body_path *path, struct refusal *refusal)
{
    int64_t number = json_integer_value(value);

    if (!json_is_integer(value))
        return body_refuse_type(refusal, path, "an integer", value);
    if (number >= rule->least && number <= rule->most)
        return true;
    return body_refuse(refusal, ERROR_WRONG_VALUE, path,
                       "%" PRId64 " is not between %" PRId64 " and %" PRId64, number, rule->least,
                       rule->most);
}

static bool check_length(const json_t *value, const struct body_rule *rule,
                         const struct body_path *path, struct refusal *refusal)
{
    size_t length = json_string_length(value);

    if ((int64_t)length >= rule->least && (int64_t)length <= rule->most)
        return true;
    return body_refuse(refusal, ERROR_WRONG_VALUE, path,
                       "a text of %zu bytes, wanted are %" PRId64 " to %" PRId64, length,
                       rule->least, rule->most);
}

static bool check_word(const char *text, const struct body_rule *rule, const struct body_path *path,
                       struct refusal *refusal)
{
    char list[128] = "";
    size_t n = 0;

    for (const char *const *word = rule->words; *word != NULL; word++) {
        if (strcmp(text, *word) == 0)
            return true;
        n += (size_t)snprintf(list + n, sizeof list - n, " %s", *word);
    }
    return body_refuse(refusal, ERROR_WRONG_VALUE, path, "'%.*s' is none of%s", SHOWN, text, list);
}

static bool check_text(const json_t *value, const struct body_rule *rule,
                       const struct body_path *path, struct refusal *refusal)
{
    const char *text = json_string_value(value);

    if (text == NULL)
        return body_refuse_type(refusal, path, "a text", value);
    if (rule->type == BODY_TEXT)
        return check_length(value, rule, path, refusal);
    if (rule->type == BODY_WORD)
        return check_word(text, rule, path, refusal);
    if (rule->type == BODY_ID ? body_is_id(text) : body_is_name(text))
        return true;
    return body_refuse(refusal, ERROR_WRONG_VALUE, path, "'%.*s' is not %s", SHOWN, text,
                       rule->type == BODY_ID ? "an id ([A-Za-z0-9][A-Za-z0-9._-]{0,63})"
                                             : "a name ([a-z][a-z0-9_.-]{0,63})");
}

static const struct body_rule *rule_of(const struct body_rule *rules, const char *name)
{
    for (; rules->name != NULL; rules++) {
        if (strcmp(rules->name, name) == 0)
            return rules;
    }
    return NULL;
}

static bool check_members(const json_t *object, const struct body_rule *rules,
                          const struct body_path *above, struct refusal *refusal)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        struct body_path path = {.above = above, .member = name};
        const struct body_rule *rule = rule_of(rules, name);

        if (rule == NULL)
            return body_refuse(refusal, ERROR_UNKNOWN_FIELD, &path, "there is no such member");
        if (!body_check(value, rule, &path, refusal))
            return false;
    }
    for (; rules->name != NULL; rules++) {
        struct body_path path = {.above = above, .member = rules->name};

        if (rules->must && json_object_get(object, rules->name) == NULL)
            return body_refuse(refusal, ERROR_MISSING_FIELD, &path, "must be there");
    }
    return true;
}

static bool check_list(const json_t *list, const struct body_rule *rule,
                       const struct body_path *above, struct refusal *refusal)
{
    size_t count = json_array_size(list);

    if (!json_is_array(list))
        return body_refuse_type(refusal, above, "a list", list);
    if (count > (size_t)rule->most)
        return body_refuse(refusal, ERROR_WRONG_VALUE, above, "%zu entries, at most %" PRId64,
                           count, rule->most);
    for (size_t i = 0; i < count; i++) {
        struct body_path path = {.above = above, .index = i};

        if (!body_check(json_array_get(list, i), rule->members, &path, refusal))
            return false;
    }
    return true;
}

bool body_check(const json_t *value, const struct body_rule *rule, const struct body_path *path,
                struct refusal *refusal)
{
    switch (rule->type) {
    case BODY_ANY:
        return true;
    case BODY_BOOL:
        return json_is_boolean(value) || body_refuse_type(refusal, path, "a boolean", value);
    case BODY_WHOLE:
        return check_whole(value, rule, path, refusal);
    case BODY_LIST:
        return check_list(value, rule, path, refusal);
    case BODY_OBJECT:
        if (!json_is_object(value))
            return body_refuse_type(refusal, path, "an object", value);
        return rule->members == NULL || check_members(value, rule->members, path, refusal);
    case BODY_OWN:
        return rule->check(value, path, refusal);
    default:
        return check_text(value, rule, path, refusal);
    }
}

/* What begins a value, or stands before one: as many as there are values, and at most one more for
 * each list or object. */
static bool has_too_many_values(const char *bytes, size_t size)
{
    size_t count = 0;
    bool in_text = false;

    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '"')
            in_text = !in_text;
        else if (in_text)
            i += bytes[i] == '\\';
        else
            count += bytes[i] == ',' || bytes[i] == '[' || bytes[i] == '{';
    }
    return count > BODY_VALUES_MOST;
}

json_t *body_read(const char *bytes, size_t size, const struct body_rule *rules,
                  struct refusal *refusal)
{
    const struct body_rule body = {.type = BODY_OBJECT, .members = rules};
    json_error_t error;
    json_t *root;

    if (has_too_many_values(bytes, size)) {
        refuse(refusal, ERROR_WRONG_VALUE, "the body has more than %d values; send less at a time",
               BODY_VALUES_MOST);
        return NULL;
    }
    if (size == 0)
        root = json_object();
    else
        root = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL && size == 0) {
        refuse(refusal, ERROR_NO_MEMORY, "no memory");
        return NULL;
    }
    if (root == NULL) {
        refuse(refusal, ERROR_BAD_JSON, "the body is not JSON: line %d, column %d: %.200s",
               error.line, error.column, error.text);
        return NULL;
    }
    if (body_check(root, &body, NULL, refusal))
        return root;
    json_decref(root);
    return NULL;
}
