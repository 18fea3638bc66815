/* Which rows of a small table were seen, and as what: to find those that are new or have changed.
 */
#ifndef FLATLINE_UPLOADER_CHANGES_H
#define FLATLINE_UPLOADER_CHANGES_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* All zero: nothing was seen. */
struct changes {
    void *tree;
};

/* A number for what the columns from `first` to before `end` hold (FNV-1a); that of other values is
 * another one but for one case in 2^64. */
uint64_t changes_hash(sqlite3_stmt *row, int first, int end);

enum change { CHANGE_NONE, CHANGE_SEEN, CHANGE_NO_MEMORY };

/* CHANGE_SEEN: the row, known by its first column, is new or another one than last time. */
enum change changes_look(struct changes *changes, sqlite3_stmt *row);

void changes_free(struct changes *changes);

#endif
