#include "driver/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[PLACEHOLDERS] = {
#define PLACEHOLDER_NAME(ident, name) [PLACEHOLDER_##ident] = (name),
    PLACEHOLDER_TABLE(PLACEHOLDER_NAME)
#undef PLACEHOLDER_NAME
};

/* The length of {word} at `at` with its braces, 0 if there is none. JSON and brace expansion are
 * not meant: they have quotes, commas or dots. */
static size_t braced(const char *text, const char *at)
{
    size_t n = *at != '{' || (at > text && at[-1] == '$')
                   ? 0
                   : strspn(at + 1, "abcdefghijklmnopqrstuvwxyz");

    return n > 0 && at[n + 1] == '}' ? n + 2 : 0;
}

static enum placeholder find(const char *at, size_t length)
{
    for (int i = 0; i < PLACEHOLDERS; i++) {
        if (strlen(names[i]) == length - 2 && strncmp(names[i], at + 1, length - 2) == 0)
            return (enum placeholder)i;
    }
    return PLACEHOLDERS;
}

const char *command_find_unknown(const char *text, size_t *length)
{
    for (const char *at = text; *at != '\0'; at++) {
        *length = braced(text, at);
        if (*length > 0 && find(at, *length) == PLACEHOLDERS)
            return at;
    }
    return NULL;
}

char *command_expand(const char *text, const char *const values[PLACEHOLDERS])
{
    char *out = NULL;
    size_t size;
    FILE *stream = open_memstream(&out, &size);

    if (stream == NULL)
        return NULL;
    for (const char *at = text; *at != '\0';) {
        size_t length = braced(text, at);
        enum placeholder which = length == 0 ? PLACEHOLDERS : find(at, length);

        if (which == PLACEHOLDERS) {
            fputc(*at++, stream);
        } else {
            fputs(values[which], stream);
            at += length;
        }
    }
    if (fclose(stream) == 0)
        return out;
    free(out);
    return NULL;
}

bool command_find_program(const char *word, char out[PATH_MAX])
{
    const char *path = getenv("PATH"), *end;

    if (strchr(word, '/') != NULL)
        return snprintf(out, PATH_MAX, "%s", word) < PATH_MAX && access(out, X_OK) == 0;
    for (; path != NULL && *path != '\0'; path = *end == '\0' ? end : end + 1) {
        end = strchrnul(path, ':');
        if (snprintf(out, PATH_MAX, "%.*s/%s", (int)(end - path), path, word) < PATH_MAX &&
            access(out, X_OK) == 0)
            return true;
    }
    return false;
}
