/*
 * A YAML file as a tree whose every value knows its place, read by tables: what a mapping may hold,
 * and who takes each value. The first thing that is wrong is kept as one line,
 * "FILE:LINE:COLUMN: what, and what to do".
 */
#ifndef FLATLINE_COMMON_DOC_DOC_H
#define FLATLINE_COMMON_DOC_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct doc;
struct yaml_node_s; /* libyaml's */

typedef const struct yaml_node_s doc_node;

/* False: the value was refused. */
typedef bool doc_take_fn(struct doc *doc, doc_node *value, void *into);

struct doc_key {
    const char *name;
    bool required;
    doc_take_fn *take;
};

/* NULL: *error holds one line. What is read lives as long as the doc. */
struct doc *doc_new(const char *path, char *error, size_t cap);
/* The same from memory; name stands for the path. */
struct doc *doc_new_text(const char *name, const void *text, size_t size, char *error, size_t cap);
void doc_free(struct doc *doc);

/* The one line, once something was refused. */
const char *doc_error(const struct doc *doc);

/* Always false. */
bool doc_refuse(struct doc *doc, doc_node *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

doc_node *doc_root(struct doc *doc);
bool doc_is_text(doc_node *node);
bool doc_is_list(doc_node *node);
bool doc_is_mapping(doc_node *node);

/*
 * Takes the values of a mapping in the order of the table, wherever they stand in the file. A key
 * that is not in the table, is there twice, or is required and missing, is refused.
 */
bool doc_take(struct doc *doc, doc_node *mapping, const struct doc_key *keys, size_t count,
              void *into);

/* Takes the items of a list, of which there must be one at least. */
bool doc_each(struct doc *doc, doc_node *list, doc_take_fn *take, void *into);
size_t doc_length(doc_node *list);

/* Single values. Refused: of another form, or empty. */
bool doc_text(struct doc *doc, doc_node *node, const char **out);
bool doc_flag(struct doc *doc, doc_node *node, bool *out);
bool doc_number(struct doc *doc, doc_node *node, uint64_t low, uint64_t high, uint64_t *out);
bool doc_duration(struct doc *doc, doc_node *node, uint64_t *ns);
bool doc_size(struct doc *doc, doc_node *node, uint64_t *bytes);
/* The index of the text among words. */
bool doc_word(struct doc *doc, doc_node *node, const char *const *words, size_t count, int *out);

#endif
