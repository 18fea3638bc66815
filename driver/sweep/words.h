/*
 * A command line being made, word by word. What goes wrong on the way is told once, at its end: by
 * words_argv.
 */
#ifndef FLATLINE_DRIVER_SWEEP_WORDS_H
#define FLATLINE_DRIVER_SWEEP_WORDS_H

#include "driver/command.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: none yet. */
struct words {
    char **at;
    size_t count, room;
    bool failed;
};

void words_add(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "--streams" "10", "--event-log" "x/author.log" */
void words_add_number(struct words *words, const char *option, uint64_t number);
void words_add_text(struct words *words, const char *option, const char *text);
/* Those up to NULL; with values in place of the placeholders if there are any. */
void words_add_all(struct words *words, const char *const *more,
                   const char *const values[PLACEHOLDERS]);

/* Ended by NULL, and good until words_clear. NULL: there was no memory. */
char **words_argv(struct words *words);

/* None again, for another command. */
void words_clear(struct words *words);

#endif
