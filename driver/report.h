/*
 * What a run came to, for people and for machines: a file per format over one model. Pure functions
 * of the folder and the verdicts.
 */
#ifndef FLATLINE_DRIVER_REPORT_H
#define FLATLINE_DRIVER_REPORT_H

#include "common/run/reader.h"
#include "common/run/stacks.h"
#include "common/run/verdict.h"
#include "driver/evidence.h"
#include "driver/summary.h"

#include <stdbool.h>
#include <stdio.h>

struct report {
    struct run_reader *run;
    const struct run_info *info;
    const struct verdict_list *verdicts;
    const struct evidence *evidence;
    const struct run_host_row *hosts; /* none: the run has one */
    size_t host_count;
    struct summary *summary;     /* a row for each component, in the order of the run */
    enum outcome outcome;        /* of the whole run; inconclusive when nothing was judged */
    const struct verdict *first; /* the first verdict of that outcome; NULL: nothing was judged */
    char *repeat;                /* the command that does the run again */
};

/* Of the run, what was gathered of it, and what it was judged by that; all three must outlive the
 * report. NULL: *error holds one line. */
struct report *report_new(struct run_reader *run, const struct evidence *evidence,
                          const struct verdict_list *verdicts, char *error, size_t cap);
void report_free(struct report *r);

/* The component of a verdict; "the run" for those of the whole run. */
const char *report_name(const struct report *r, int64_t component);

/* All that a host's components come to. */
struct summary_row report_host_sum(const struct report *r, const struct run_host_row *host);

/* Seconds that the traffic lasted; 0 if the fleet was never ready. */
double report_lasted(const struct report *r);

/*
 * How exactly its live bytes are known ("exact", "native", "none"; what they mean is the
 * scenario's); NULL for the run as a whole.
 */
const char *report_coverage(const struct report *r, int64_t component);

/*
 * What the evidence phase found out about a component ("allocated in ..."), into out; NULL if it
 * was not looked into.
 */
const char *report_evidence(const struct report *r, int64_t component, char *out, size_t cap);

#define REPORT_EVIDENCE (2 * RUN_GUILTY_FRAMES)
#define REPORT_MARKDOWN_SIZE (64 << 10)
#define REPORT_MARKDOWN_LEAST (8 << 10)
#define REPORT_MARKDOWN_MOST ((1 << 20) - 1)

struct report_style {
    bool colour;     /* of the terminal's */
    size_t max_size; /* of the Markdown, bytes, within these limits; 0: REPORT_MARKDOWN_SIZE */
};

/*
 * Writes r to out. False: *error holds one line, about what was to be written; whether out took it
 * is the caller's to look at.
 */
typedef bool report_writer(const struct report *r, const struct report_style *style, FILE *out,
                           char *error, size_t cap);

/* Columns: identifier, word, writer, the file of a run's folder that a live run keeps it in (""
 * for none), what it is. */
#define REPORT_FORMAT_TABLE(X)                                                       \
    X(TERMINAL, "terminal", report_terminal, "", "findings, a table, the verdict")   \
    X(JSON, "json", report_json, "summary.json", "everything")                       \
    X(JUNIT, "junit", report_junit, "junit.xml", "a case for each process and rule") \
    X(MARKDOWN, "markdown", report_markdown, "summary.md", "for a CI job's page")    \
    X(CSV, "csv", report_csv, "", "a row a sample")                                  \
    X(NDJSON, "ndjson", report_ndjson, "", "the same")                               \
    X(OPENMETRICS, "openmetrics", report_openmetrics, "", "verdicts, last values")

#define REPORT_FORMAT_ENUM(ident, word, writer, file, text) REPORT_##ident,
enum report_format { REPORT_FORMAT_TABLE(REPORT_FORMAT_ENUM) REPORT_FORMAT_COUNT };
#undef REPORT_FORMAT_ENUM

/* For --help: "one of terminal (...), json (...)". */
#define REPORT_FORMAT_WORDS(ident, word, writer, file, text) ", " word " (" text ")"
#define REPORT_FORMAT_HELP "one of these" REPORT_FORMAT_TABLE(REPORT_FORMAT_WORDS)

#define REPORT_DECLARE(ident, word, writer, file, text) report_writer writer;
REPORT_FORMAT_TABLE(REPORT_DECLARE)
#undef REPORT_DECLARE

/* The format of that name, or -1. */
int report_find(const char *word);

/* "terminal, json". Returns out. */
char *report_words(char *out, size_t cap);

/*
 * Writes the report to a file, which is there whole or not at all (what is no regular file, such as
 * /dev/stdout, is written to as it is), or to standard output for NULL. False: *error holds one
 * line.
 */
bool report_save(const struct report *r, enum report_format format,
                 const struct report_style *style, const char *path, char *error, size_t cap);

/* Writes the files that a live run keeps beside run.db. False: *error holds one line. */
bool report_keep(const struct report *r, char *error, size_t cap);

#endif
