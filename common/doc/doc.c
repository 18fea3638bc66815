#include "common/doc/doc.h"

#include "common/base/near.h"
#include "common/base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define SIZE_MAX_READ (1 << 20) /* what people write is a page, not a book */
#define LINE (PATH_MAX + 512)

struct doc {
    yaml_document_t document;
    const char *name;
    bool refused;
    char error[LINE];
};

/* --- reading ---------------------------------------------------------------------------------- */

/* An error of the parser: which mark is the right one depends on where it was found. */
static void explain(const struct doc *doc, const yaml_parser_t *parser, char *error, size_t cap)
{
    const char *problem = parser->problem == NULL ? "not YAML" : parser->problem;

    if (parser->error == YAML_READER_ERROR)
        snprintf(error, cap, "%s: %s at byte %zu", doc->name, problem, parser->problem_offset);
    else if (parser->error == YAML_MEMORY_ERROR)
        snprintf(error, cap, "%s: no memory to read it", doc->name);
    else
        snprintf(error, cap, "%s:%zu:%zu: %s%s%s", doc->name, parser->problem_mark.line + 1,
                 parser->problem_mark.column + 1, problem, parser->context == NULL ? "" : " ",
                 parser->context == NULL ? "" : parser->context);
}

struct doc *doc_new_text(const char *name, const void *text, size_t size, char *error, size_t cap)
{
    struct doc *doc = calloc(1, sizeof *doc);
    yaml_parser_t parser;
    bool loaded;

    if (doc == NULL || !yaml_parser_initialize(&parser)) {
        snprintf(error, cap, "%s: no memory to read it", name);
        free(doc);
        return NULL;
    }
    doc->name = name;
    yaml_parser_set_input_string(&parser, text, size);
    loaded = yaml_parser_load(&parser, &doc->document);
    if (!loaded)
        explain(doc, &parser, error, cap);
    yaml_parser_delete(&parser);
    if (!loaded) {
        free(doc);
        return NULL;
    }
    if (doc_root(doc) == NULL) {
        snprintf(error, cap, "%s: empty", name);
        doc_free(doc);
        return NULL;
    }
    return doc;
}

struct doc *doc_new(const char *path, char *error, size_t cap)
{
    char *text = malloc(SIZE_MAX_READ + 1);
    FILE *file = fopen(path, "re");
    struct doc *doc = NULL;
    size_t size;

    if (text == NULL || file == NULL) {
        snprintf(error, cap, "%s: %s", path, strerror(errno));
    } else {
        size = fread(text, 1, SIZE_MAX_READ + 1, file);
        if (ferror(file))
            snprintf(error, cap, "%s: %s", path, strerror(errno));
        else if (size > SIZE_MAX_READ)
            snprintf(error, cap, "%s: larger than %d bytes: is it the right file?", path,
                     SIZE_MAX_READ);
        else
            doc = doc_new_text(path, text, size, error, cap);
    }
    if (file != NULL)
        fclose(file);
    free(text);
    return doc;
}

void doc_free(struct doc *doc)
{
    if (doc == NULL)
        return;
    yaml_document_delete(&doc->document);
    free(doc);
}

const char *doc_error(const struct doc *doc)
{
    return doc->error;
}

/* What is quoted from the file may hold line breaks and worse. */
static void keep_to_a_line(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == '\x7f')
            *text = '?';
    }
}

bool doc_refuse(struct doc *doc, doc_node *at, const char *format, ...)
{
    va_list args;
    int used;

    if (doc->refused)
        return false;
    doc->refused = true;
    used = snprintf(doc->error, sizeof doc->error, "%s:%zu:%zu: ", doc->name,
                    at->start_mark.line + 1, at->start_mark.column + 1);
    if (used > 0 && (size_t)used < sizeof doc->error) {
        va_start(args, format);
        vsnprintf(doc->error + used, sizeof doc->error - (size_t)used, format, args);
        va_end(args);
    }
    keep_to_a_line(doc->error);
    return false;
}

/* --- the tree --------------------------------------------------------------------------------- */

doc_node *doc_root(struct doc *doc)
{
    return yaml_document_get_root_node(&doc->document);
}

static doc_node *node_of(struct doc *doc, int index)
{
    return yaml_document_get_node(&doc->document, index);
}

bool doc_is_text(doc_node *node)
{
    return node->type == YAML_SCALAR_NODE;
}

bool doc_is_list(doc_node *node)
{
    return node->type == YAML_SEQUENCE_NODE;
}

bool doc_is_mapping(doc_node *node)
{
    return node->type == YAML_MAPPING_NODE;
}

static const char *form_of(doc_node *node)
{
    return doc_is_list(node) ? "a list" : doc_is_mapping(node) ? "a mapping" : "a single value";
}

static bool expect(struct doc *doc, doc_node *node, yaml_node_type_t type, const char *what)
{
    return node->type == type ||
           doc_refuse(doc, node, "this is %s; %s belongs here", form_of(node), what);
}

static const struct doc_key *find_key(const struct doc_key *keys, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    }
    return NULL;
}

static bool refuse_key(struct doc *doc, doc_node *at, const char *name, const struct doc_key *keys,
                       size_t count)
{
    const char *best = keys[0].name;

    for (size_t i = 1; i < count; i++) {
        if (near_distance(keys[i].name, name) < near_distance(best, name))
            best = keys[i].name;
    }
    return doc_refuse(doc, at, "unknown key '%s'; the nearest that belongs here is '%s'", name,
                      best);
}

/* Every key of the mapping is one of the table, and there once. */
static bool check_keys(struct doc *doc, doc_node *mapping, const struct doc_key *keys, size_t count)
{
    const yaml_node_pair_t *first = mapping->data.mapping.pairs.start;
    const char *name;

    for (const yaml_node_pair_t *pair = first; pair < mapping->data.mapping.pairs.top; pair++) {
        doc_node *key = node_of(doc, pair->key);

        if (!doc_text(doc, key, &name))
            return false;
        if (find_key(keys, count, name) == NULL)
            return refuse_key(doc, key, name, keys, count);
        for (const yaml_node_pair_t *other = first; other < pair; other++) {
            if (strcmp((const char *)node_of(doc, other->key)->data.scalar.value, name) == 0)
                return doc_refuse(doc, key, "the key '%s' is here twice; keep one", name);
        }
    }
    return true;
}

static doc_node *value_of(struct doc *doc, doc_node *mapping, const char *name)
{
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        if (strcmp((const char *)node_of(doc, pair->key)->data.scalar.value, name) == 0)
            return node_of(doc, pair->value);
    }
    return NULL;
}

bool doc_take(struct doc *doc, doc_node *mapping, const struct doc_key *keys, size_t count,
              void *into)
{
    if (!expect(doc, mapping, YAML_MAPPING_NODE, "a mapping (KEY: VALUE)") ||
        !check_keys(doc, mapping, keys, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        doc_node *value = value_of(doc, mapping, keys[i].name);

        if (value == NULL && keys[i].required)
            return doc_refuse(doc, mapping, "the key '%s' is missing", keys[i].name);
        if (value != NULL && !keys[i].take(doc, value, into))
            return false;
    }
    return true;
}

bool doc_each(struct doc *doc, doc_node *list, doc_take_fn *take, void *into)
{
    if (!expect(doc, list, YAML_SEQUENCE_NODE, "a list (- ITEM)"))
        return false;
    if (doc_length(list) == 0)
        return doc_refuse(doc, list, "the list is empty");
    for (const yaml_node_item_t *item = list->data.sequence.items.start;
         item < list->data.sequence.items.top; item++) {
        if (!take(doc, node_of(doc, *item), into))
            return false;
    }
    return true;
}

size_t doc_length(doc_node *list)
{
    return doc_is_list(list)
               ? (size_t)(list->data.sequence.items.top - list->data.sequence.items.start)
               : 0;
}

/* --- single values ---------------------------------------------------------------------------- */

bool doc_text(struct doc *doc, doc_node *node, const char **out)
{
    if (!expect(doc, node, YAML_SCALAR_NODE, "a single value"))
        return false;
    *out = (const char *)node->data.scalar.value;
    if (node->data.scalar.length == 0)
        return doc_refuse(doc, node, "the value is empty");
    return strlen(*out) == node->data.scalar.length ||
           doc_refuse(doc, node, "the value holds a NUL");
}

bool doc_flag(struct doc *doc, doc_node *node, bool *out)
{
    static const char *const words[] = {"false", "true"};
    int index = 0;

    if (!doc_word(doc, node, words, 2, &index))
        return false;
    *out = index == 1;
    return true;
}

bool doc_number(struct doc *doc, doc_node *node, uint64_t low, uint64_t high, uint64_t *out)
{
    const char *text;

    if (!doc_text(doc, node, &text))
        return false;
    return (units_parse_u64(text, out) && *out >= low && *out <= high) ||
           doc_refuse(doc, node, "'%s' is not a whole number from %" PRIu64 " to %" PRIu64, text,
                      low, high);
}

bool doc_duration(struct doc *doc, doc_node *node, uint64_t *ns)
{
    const char *text;

    return doc_text(doc, node, &text) &&
           (units_parse_duration(text, ns) ||
            doc_refuse(doc, node, "'%s' is not a duration (such as 500ms, 60s, 5m)", text));
}

bool doc_size(struct doc *doc, doc_node *node, uint64_t *bytes)
{
    const char *text;

    return doc_text(doc, node, &text) &&
           (units_parse_size(text, bytes) ||
            doc_refuse(doc, node, "'%s' is not a size (such as 4K, 400M, 1G)", text));
}

bool doc_word(struct doc *doc, doc_node *node, const char *const *words, size_t count, int *out)
{
    char all[256] = "";
    const char *text;
    size_t used = 0;

    if (!doc_text(doc, node, &text))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = (int)i;
            return true;
        }
        if (used < sizeof all)
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i == 0 ? "" : ", ",
                                     words[i]);
    }
    return doc_refuse(doc, node, "'%s' is none of %s", text, all);
}
