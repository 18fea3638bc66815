/* index.html: the verdict, what was run, what was found, every component and every chart. */
#ifndef FLATLINE_CHARTS_PAGE_H
#define FLATLINE_CHARTS_PAGE_H

#include "charts/facts.h"

/*
 * The charts are taken from charts/NAME.svg beside the page. Needs nothing else: page.css and
 * page.js of the templates are copied in. False: *error holds one line.
 */
bool page_write(FILE *out, const struct facts *f, const char *template_dir, char *error,
                size_t cap);

#endif
