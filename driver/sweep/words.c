#include "driver/sweep/words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes the word over; NULL: there was no memory for it. */
static void take(struct words *words, char *word)
{
    if (words->count + 1 >= words->room && word != NULL) {
        size_t room = words->room * 2 + 16;
        char **more = realloc(words->at, room * sizeof *more);

        if (more == NULL) {
            free(word);
            words->failed = true;
            return;
        }
        words->at = more;
        words->room = room;
    }
    if (word == NULL) {
        words->failed = true;
        return;
    }
    words->at[words->count++] = word;
    words->at[words->count] = NULL;
}

void words_add(struct words *words, const char *format, ...)
{
    va_list arguments;
    char *word;

    va_start(arguments, format);
    if (vasprintf(&word, format, arguments) < 0)
        word = NULL;
    va_end(arguments);
    take(words, word);
}

void words_add_number(struct words *words, const char *option, uint64_t number)
{
    words_add(words, "%s", option);
    words_add(words, "%" PRIu64, number);
}

void words_add_text(struct words *words, const char *option, const char *text)
{
    words_add(words, "%s", option);
    words_add(words, "%s", text);
}

void words_add_all(struct words *words, const char *const *more,
                   const char *const values[PLACEHOLDERS])
{
    for (; more != NULL && *more != NULL; more++)
        take(words, values == NULL ? strdup(*more) : command_expand(*more, values));
}

char **words_argv(struct words *words)
{
    return words->failed ? NULL : words->at;
}

void words_clear(struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->at[i]);
    free(words->at);
    *words = (struct words){0};
}
