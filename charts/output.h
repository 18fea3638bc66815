/* Files that are there whole or not at all. */
#ifndef FLATLINE_CHARTS_OUTPUT_H
#define FLATLINE_CHARTS_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

struct output;

/* What is to become DIR/NAME, gathered in memory. NULL: *error holds one line. */
struct output *output_new(const char *dir, const char *name, char *error, size_t cap);

FILE *output_file(struct output *o);

/*
 * Writes the file in one go, puts it in its place and frees o. False: *error holds one line,
 * whatever was at DIR/NAME before is still there, and nothing else is left.
 */
bool output_finish(struct output *o, char *error, size_t cap);

/*
 * Whether a path is a folder, and no link to one: a run folder may be somebody else's, and what is
 * drawn is written below it. False: *error holds one line.
 */
bool output_is_folder(const char *path, char *error, size_t cap);

/* Drops it. NULL is ignored. */
void output_free(struct output *o);

#endif
