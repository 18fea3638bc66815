/* The field numbers are those of google/protobuf/descriptor.proto. */
#include "stress-server/symbols.h"

#include "proto/descriptors.h"

#include <string.h>

#define FILE_NAME 1
#define FILE_PACKAGE 2
#define NAME 1 /* of everything in a file */

/* What has named things in it. */
enum scope { NO_SCOPE, IN_FILE, IN_MESSAGE, IN_ENUM, IN_SERVICE, LEAF };

#define CHILDREN 9
static const uint8_t children[][CHILDREN] = {
    [IN_FILE] = {[4] = IN_MESSAGE, [5] = IN_ENUM, [6] = IN_SERVICE, [7] = LEAF},
    [IN_MESSAGE] = {[2] = LEAF, [3] = IN_MESSAGE, [4] = IN_ENUM, [6] = LEAF, [8] = LEAF},
    [IN_ENUM] = {[2] = LEAF},
    [IN_SERVICE] = {[2] = LEAF},
    [LEAF] = {0},
};

/* The string in a field, empty if it is not there. */
static struct wire_field string_of(const struct wire_field *message, uint32_t number)
{
    struct wire_reader r = wire_open(message->data, message->size);
    struct wire_field field;

    while (wire_next(&r, &field)) {
        if (field.number == number && field.type == WIRE_BYTES)
            return field;
    }
    return (struct wire_field){.data = (const uint8_t *)""};
}

static bool is_equal(const struct wire_field *string, const char *text)
{
    return string->size == strlen(text) && memcmp(string->data, text, string->size) == 0;
}

/* What of the symbol follows "string."; NULL: it begins otherwise. */
static const char *after(const char *symbol, const struct wire_field *string)
{
    if (strncmp(symbol, (const char *)string->data, string->size) != 0 ||
        symbol[string->size] != '.')
        return NULL;
    return symbol + string->size + 1;
}

/* As deep as messages are nested in our own files. */
static bool defines(const struct wire_field *parent, enum scope scope, const char *symbol)
{
    struct wire_reader r = wire_open(parent->data, parent->size);
    struct wire_field child;

    while (wire_next(&r, &child)) {
        enum scope inner =
            child.number < CHILDREN ? (enum scope)children[scope][child.number] : NO_SCOPE;
        struct wire_field name;
        const char *rest;

        if (inner == NO_SCOPE)
            continue;
        name = string_of(&child, NAME);
        rest = after(symbol, &name);
        if (is_equal(&name, symbol) || (rest != NULL && defines(&child, inner, rest)))
            return true;
        /* Values live beside their enum, not in it. */
        if (inner == IN_ENUM && defines(&child, inner, symbol))
            return true;
    }
    return false;
}

bool symbols_find_file(const char *name, struct wire_field *file)
{
    struct wire_reader r = wire_open(proto_descriptors, proto_descriptors_size);

    while (wire_next(&r, file)) {
        struct wire_field own = string_of(file, FILE_NAME);

        if (is_equal(&own, name))
            return true;
    }
    return false;
}

bool symbols_find(const char *symbol, struct wire_field *file)
{
    struct wire_reader r = wire_open(proto_descriptors, proto_descriptors_size);

    while (wire_next(&r, file)) {
        struct wire_field package = string_of(file, FILE_PACKAGE);
        const char *rest = after(symbol, &package);

        if (rest != NULL && defines(file, IN_FILE, rest))
            return true;
    }
    return false;
}
