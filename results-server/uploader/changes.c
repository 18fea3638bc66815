#include "results-server/uploader/changes.h"

#include <search.h>
#include <stddef.h>
#include <stdlib.h>

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

struct seen {
    uint64_t key, hash;
};

static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * FNV_PRIME;
    return hash;
}

uint64_t changes_hash(sqlite3_stmt *row, int first, int end)
{
    uint64_t hash = FNV_BASIS;

    for (int i = first; i < end; i++) {
        int type = sqlite3_column_type(row, i);
        int64_t integer;
        double real;

        hash = mix(hash, &type, sizeof type);
        if (type == SQLITE_INTEGER) {
            integer = sqlite3_column_int64(row, i);
            hash = mix(hash, &integer, sizeof integer);
        } else if (type == SQLITE_FLOAT) {
            real = sqlite3_column_double(row, i);
            hash = mix(hash, &real, sizeof real);
        } else if (type != SQLITE_NULL) {
            const void *bytes = sqlite3_column_blob(row, i);

            hash = mix(hash, bytes, (size_t)sqlite3_column_bytes(row, i));
        }
    }
    return hash;
}

static int by_key(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;

    return (x->key > y->key) - (x->key < y->key);
}

enum change changes_look(struct changes *changes, sqlite3_stmt *row)
{
    struct seen *seen = malloc(sizeof *seen), **found;
    uint64_t hash = changes_hash(row, 1, sqlite3_column_count(row));

    if (seen == NULL)
        return CHANGE_NO_MEMORY;
    *seen = (struct seen){changes_hash(row, 0, 1), hash};
    found = tsearch(seen, &changes->tree, by_key);
    if (found == NULL) {
        free(seen);
        return CHANGE_NO_MEMORY;
    }
    if (*found == seen)
        return CHANGE_SEEN;
    free(seen);
    if ((*found)->hash == hash)
        return CHANGE_NONE;
    (*found)->hash = hash;
    return CHANGE_SEEN;
}

void changes_free(struct changes *changes)
{
    tdestroy(changes->tree, free);
    changes->tree = NULL;
}
