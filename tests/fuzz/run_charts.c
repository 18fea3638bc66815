#include "charts/component.h"
#include "charts/page.h"
#include "charts/summary.h"
#include "common/base/utf8.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/run_views.h"

#include <stdlib.h>
#include <string.h>

void sheet_open(struct sheet *sheet)
{
    *sheet = (struct sheet){.text = NULL};
    sheet->file = open_memstream(&sheet->text, &sheet->size);
    require(sheet->file != NULL);
}

void sheet_close(struct sheet *sheet)
{
    require(fclose(sheet->file) == 0 && strlen(sheet->text) == sheet->size);
}

void check_line(const char *line)
{
    require(line[0] != '\0' && strchr(line, '\n') == NULL);
}

void check_utf8(const char *text)
{
    for (size_t length; *text != '\0'; text += length) {
        length = utf8_length(text);
        require(length > 0 || *text == '\n' || *text == '\t');
        length += length == 0;
    }
}

static void put_scripts(const struct facts *facts, FILE *script, FILE *words)
{
    size_t count;
    const struct facts_component **order = facts_order(facts, true, &count);

    require(order != NULL);
    for (size_t i = 0; i < count; i++) {
        component_put_script(script, facts, order[i], "templates", "out.svg");
        component_put_description(words, facts, order[i]);
    }
    summary_put_script(script, facts, order, count, "templates", "out.svg");
    summary_put_title(words, facts);
    summary_put_description(words, order, count);
    free(order);
}

static void check_scripts(const struct facts *facts)
{
    struct sheet script, words;

    sheet_open(&script);
    sheet_open(&words);
    put_scripts(facts, script.file, words.file);
    sheet_close(&script);
    sheet_close(&words);
    check_utf8(script.text);
    check_utf8(words.text);
    /* A single quote is all that ends a text of gnuplot's. */
    require(strstr(script.text, RUN_VIEWS_POISON) == NULL);
    require(strstr(words.text, RUN_VIEWS_POISON) == NULL);
    free(script.text);
    free(words.text);
}

static void check_page(const struct facts *facts)
{
    char error[1000] = "";
    struct sheet page;
    bool written;

    sheet_open(&page);
    written = page_write(page.file, facts, CHARTS_DATADIR, error, sizeof error);
    sheet_close(&page);
    if (!written)
        check_line(error);
    check_utf8(page.text);
    require(strstr(page.text, RUN_VIEWS_POISON) == NULL);
    free(page.text);
}

void run_charts_check(struct run_reader *run, const struct verdict_list *verdicts)
{
    char error[1000] = "";
    struct facts *facts = facts_new(run, verdicts, error, sizeof error);

    if (facts == NULL) {
        check_line(error);
        return;
    }
    check_scripts(facts);
    check_page(facts);
    facts_free(facts);
}
