/*
 * What a scenario says of somebody else's program, or to one of ours: words in which {host},
 * {port}, {cert}, {key} and {name} stand for what is only known when the run begins. "${port}" is
 * the shell's, and left alone.
 */
#ifndef FLATLINE_DRIVER_COMMAND_H
#define FLATLINE_DRIVER_COMMAND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define PLACEHOLDER_TABLE(X) \
    X(HOST, "host")          \
    X(PORT, "port")          \
    X(CERT, "cert")          \
    X(KEY, "key")            \
    X(NAME, "name")

#define PLACEHOLDER_ENUM(ident, name) PLACEHOLDER_##ident,
enum placeholder { PLACEHOLDER_TABLE(PLACEHOLDER_ENUM) PLACEHOLDERS };
#undef PLACEHOLDER_ENUM

/* The first {word} that stands for nothing and its length, or NULL. */
const char *command_find_unknown(const char *text, size_t *length);

/* With values[] in their place; the caller frees it. NULL: out of memory. */
char *command_expand(const char *text, const char *const values[PLACEHOLDERS]);

/* The program that a shell would execute for that word; false if there is none. */
bool command_find_program(const char *word, char out[PATH_MAX]);

#endif
