/* What the live page is made of, in the program itself: made from web/ by web/embed.sh. */
#ifndef FLATLINE_RESULTS_SERVER_WEB_FILES_H
#define FLATLINE_RESULTS_SERVER_WEB_FILES_H

#include <stddef.h>

struct web_file {
    const char *name, *type;
    const unsigned char *bytes;
    size_t size;
};

/* NULL: there is none of this name. uplot.js and uplot.css have nothing in them without npm at
 * build time. */
const struct web_file *web_file_find(const char *name);

#endif
