/*
 * What the uploader says to the driver: lines of a word and, behind a space, what belongs to it. It
 * comes in pieces; nothing of it is believed to have an end.
 */
#ifndef FLATLINE_DRIVER_HOST_LINK_LINE_H
#define FLATLINE_DRIVER_HOST_LINK_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* Columns: identifier, word, what it says. */
#define LINK_WORD_TABLE(X)                                                        \
    X(TOPOLOGY, "topology", "all hosts are there: their entries, JSON")           \
    X(START, "start", "the common beginning, ns of this host's CLOCK_MONOTONIC")  \
    X(END, "end", "another host has ended, or the test: this one is to end, too") \
    X(LOST, "lost", "nothing is heard any more of the host of that name")         \
    X(WHOLE, "whole", "\"ok DIR\" or \"failed WHY\": all hosts' run in one")      \
    X(FINISHED, "finished", "the results server knows the verdict")               \
    X(ERROR, "error", "why it gives up, one line")

#define LINK_WORD_ENUM(ident, word, text) LINK_##ident,
enum link_word { LINK_WORD_TABLE(LINK_WORD_ENUM) LINK_WORDS };
#undef LINK_WORD_ENUM

/* A topology of the most hosts that there can be, with certificates and names of components. */
#define LINK_LINE_MAX ((size_t)64 << 20)

struct link_reader {
    char *bytes;
    size_t used, room, most;
};

/* rest is "" where nothing follows the word, and lives until `take` returns. */
typedef void link_take_fn(void *user, enum link_word word, const char *rest);

void link_reader_init(struct link_reader *r, size_t most);
void link_reader_clear(struct link_reader *r);

/*
 * Takes what was read, and hands on every line that is whole. False: a line that is too long or no
 * line of ours, or no memory; *error holds one line, and the reader is of no use any more.
 */
bool link_reader_feed(struct link_reader *r, const char *bytes, size_t size, link_take_fn *take,
                      void *user, char *error, size_t cap);

#endif
