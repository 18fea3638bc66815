#include "driver/report.h"
#include "driver/suspects.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/run_views.h"

#include <jansson.h>
#include <mxml.h>
#include <stdlib.h>
#include <string.h>

static void check_json(const char *text, size_t size)
{
    json_t *json = json_loadb(text, size, 0, NULL);

    require(json != NULL);
    json_decref(json);
}

static void check_lines_of_json(char *text)
{
    for (char *line; (line = strsep(&text, "\n")) != NULL && *line != '\0';)
        check_json(line, strlen(line));
}

static void check_xml(const char *text)
{
    mxml_node_t *tree = mxmlLoadString(NULL, text, MXML_OPAQUE_CALLBACK);

    require(tree != NULL);
    mxmlDelete(tree);
}

static void check_end(const struct sheet *sheet, const char *end)
{
    require(sheet->size >= strlen(end));
    require(strcmp(sheet->text + sheet->size - strlen(end), end) == 0);
}

static void check_format(enum report_format format, const struct sheet *sheet)
{
    if (format == REPORT_TERMINAL)
        return;
    check_utf8(sheet->text);
    if (format == REPORT_JSON)
        check_json(sheet->text, sheet->size);
    else if (format == REPORT_NDJSON)
        check_lines_of_json(sheet->text);
    else if (format == REPORT_JUNIT)
        check_xml(sheet->text);
    else if (format == REPORT_MARKDOWN)
        require(sheet->size <= REPORT_MARKDOWN_LEAST);
    else if (format == REPORT_OPENMETRICS)
        check_end(sheet, "# EOF\n");
}

static void check_report(const struct report *report, enum report_format format)
{
    static report_writer *const writers[REPORT_FORMAT_COUNT] = {
#define WRITER(ident, word, writer, file, text) [REPORT_##ident] = (writer),
        REPORT_FORMAT_TABLE(WRITER)
#undef WRITER
    };
    const struct report_style style = {.max_size = REPORT_MARKDOWN_LEAST};
    char error[1000] = "";
    struct sheet sheet;
    bool written;

    sheet_open(&sheet);
    written = writers[format](report, &style, sheet.file, error, sizeof error);
    sheet_close(&sheet);
    if (written)
        check_format(format, &sheet);
    else
        check_line(error);
    free(sheet.text);
}

void run_report_check(struct run_reader *run, const struct evidence *evidence,
                      const struct verdict_list *verdicts, unsigned which)
{
    struct suspect suspects[SUSPECTS_MAX];
    char error[1000] = "";
    struct report *report = report_new(run, evidence, verdicts, error, sizeof error);

    require(suspects_find(run, verdicts, suspects) <= SUSPECTS_MAX);
    if (report == NULL) {
        check_line(error);
        return;
    }
    check_report(report, (enum report_format)(which % REPORT_FORMAT_COUNT));
    report_free(report);
}
