/* Folders and files of a results tree. Whatever fails leaves one line in *error. */
#ifndef FLATLINE_DRIVER_SWEEP_TREE_H
#define FLATLINE_DRIVER_SWEEP_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With its parents; what is there already is fine. */
bool tree_make(const char *path, char *error, size_t cap);

/* With all that is in it; what is not there is fine. Links are removed, not followed. */
bool tree_remove(const char *path, char *error, size_t cap);

/* Whether there is a folder with something in it. */
bool tree_is_filled(const char *path);

/* DIR/NAME, whole or not at all, down to the disk. */
bool tree_write_file(const char *dir, const char *name, const char *text, char *error, size_t cap);

/* Also to another file system; from is gone then. A full disk leaves from as it was. */
bool tree_move_file(const char *from, const char *to, char *error, size_t cap);

/* Bytes that may still be written there. */
bool tree_room(const char *path, uint64_t *bytes, char *error, size_t cap);

#endif
