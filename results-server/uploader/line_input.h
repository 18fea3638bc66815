/* Lines out of a descriptor, which come in pieces. */
#ifndef FLATLINE_UPLOADER_LINE_INPUT_H
#define FLATLINE_UPLOADER_LINE_INPUT_H

#include "results-server/uploader/text.h"

#define LINE_INPUT_MAX ((size_t)16 << 20)

/* All zero, but for the descriptor and who takes the lines; free `held`. */
struct line_input {
    int fd;
    /* A line without its end, which may be changed; NULL: it was longer than LINE_INPUT_MAX. */
    void (*take)(void *user, char *line);
    void *user;
    struct text held;
    bool too_long;
};

/* Reads what is there, once; false: nothing more will come. */
bool line_input_read(struct line_input *input);

#endif
