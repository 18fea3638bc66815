/* All that is made of a judged run folder: reports in every format; the charts' scripts, words and
 * page, without gnuplot. What is machine-readable can be read, and nobody's name or words become a
 * part of a script or a page. */
#ifndef FLATLINE_TESTS_FUZZ_RUN_VIEWS_H
#define FLATLINE_TESTS_FUZZ_RUN_VIEWS_H

#include "common/run/reader.h"
#include "common/run/verdict.h"

#include <stdio.h>

struct evidence;

/* A text that no page may show as it is. */
#define RUN_VIEWS_POISON "<script>'\"&\\"

/* One of the formats, by any number: all of them take long. */
void run_report_check(struct run_reader *run, const struct evidence *evidence,
                      const struct verdict_list *verdicts, unsigned which);
void run_charts_check(struct run_reader *run, const struct verdict_list *verdicts);

/* What a view writes to `file`, as text once it is closed, which is to be freed. */
struct sheet {
    FILE *file;
    char *text;
    size_t size;
};
void sheet_open(struct sheet *sheet);
void sheet_close(struct sheet *sheet);

/* One line, for people. */
void check_line(const char *line);
/* Well-formed UTF-8, without any control character but for newlines and tabs. */
void check_utf8(const char *text);

#endif
