#include "driver/host/link_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 4096
#define SHOWN 40 /* of a line that is not understood */

static const char *const words[LINK_WORDS] = {
#define WORD_ROW(ident, word, text) [LINK_##ident] = (word),
    LINK_WORD_TABLE(WORD_ROW)
#undef WORD_ROW
};

void link_reader_init(struct link_reader *r, size_t most)
{
    *r = (struct link_reader){.most = most};
}

void link_reader_clear(struct link_reader *r)
{
    free(r->bytes);
    link_reader_init(r, r->most);
}

static bool take_line(char *line, link_take_fn *take, void *user, char *error, size_t cap)
{
    size_t length = strcspn(line, " ");
    int word = 0;

    while (word < LINK_WORDS &&
           (strlen(words[word]) != length || memcmp(words[word], line, length) != 0))
        word++;
    if (word == LINK_WORDS) {
        snprintf(error, cap, "it said what is not understood: %.*s", SHOWN, line);
        return false;
    }
    take(user, (enum link_word)word, line + length + (line[length] == ' '));
    return true;
}

static bool make_room(struct link_reader *r, size_t size, char *error, size_t cap)
{
    size_t room = r->room == 0 ? ROOM_FIRST : r->room;
    char *bytes;

    while (room - r->used < size)
        room *= 2;
    if (room == r->room)
        return true;
    bytes = realloc(r->bytes, room);
    if (bytes == NULL) {
        snprintf(error, cap, "no memory for what it says");
        return false;
    }
    r->bytes = bytes;
    r->room = room;
    return true;
}

bool link_reader_feed(struct link_reader *r, const char *bytes, size_t size, link_take_fn *take,
                      void *user, char *error, size_t cap)
{
    const char *end = bytes + size, *newline;

    while ((newline = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL ||
           (newline = end) > bytes) {
        size_t part = (size_t)(newline - bytes);

        if (r->used + part > r->most) {
            snprintf(error, cap, "it said a line of more than %zu bytes", r->most);
            return false;
        }
        if (!make_room(r, part + 1, error, cap))
            return false;
        memcpy(r->bytes + r->used, bytes, part);
        r->used += part;
        if (newline == end)
            return true;
        r->bytes[r->used] = '\0';
        r->used = 0;
        bytes = newline + 1;
        if (!take_line(r->bytes, take, user, error, cap))
            return false;
    }
    return true;
}
