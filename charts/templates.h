/* Where the templates of the charts and of the page are. */
#ifndef FLATLINE_CHARTS_TEMPLATES_H
#define FLATLINE_CHARTS_TEMPLATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * The folder: $FLATLINE_CHARTS_DIR if it is set, else beside the program's own folder ../charts (a
 * build tree) or ../share/flatline/charts, else where `make install` puts them. False: *error holds
 * one line.
 */
bool templates_find(char *dir, size_t dir_cap, char *error, size_t cap);

/* Copies a template as it is. False: *error holds one line. */
bool templates_copy(const char *dir, const char *name, FILE *out, char *error, size_t cap);

#endif
