/*
 * JUnit XML, as Jenkins, GitLab and most CI know it (there is no standard; the common ground is
 * github.com/testmoapp/junitxml): a suite a component, a case a rule. Inconclusive is an error, not
 * a skip: nobody is to take it for passed.
 */
#include "common/base/utf8.h"
#include "common/run/host.h"
#include "common/run/verdict_numbers.h"
#include "driver/report.h"

#include <mxml.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct tally {
    unsigned tests, failures, errors;
};

/* Memory, while a report is made: of a failure that is left out nothing would be seen. */
static bool lacking;

static void note_lack(const char *message)
{
    (void)message;
    lacking = true;
}

static mxml_node_t *add_element(mxml_node_t *parent, const char *name)
{
    mxml_node_t *node = parent == NULL ? NULL : mxmlNewElement(parent, name);

    /* A node without its name is made, too. */
    lacking |= node == NULL || mxmlGetElement(node) == NULL;
    return node;
}

static void set_text(mxml_node_t *node, const char *name, const char *text)
{
    char *clean = utf8_clean(text);

    lacking |= clean == NULL;
    mxmlElementSetAttr(node, name, clean == NULL ? "" : clean);
    free(clean);
}

static void put_content(mxml_node_t *node, const char *text)
{
    char *clean = utf8_clean(text);

    lacking |= clean == NULL || node == NULL || mxmlGetOpaque(mxmlNewOpaque(node, clean)) == NULL;
    free(clean);
}

static void put_property(mxml_node_t *properties, const char *name, const char *value)
{
    mxml_node_t *property = add_element(properties, "property");

    mxmlElementSetAttr(property, "name", name);
    set_text(property, "value", value);
}

static void put_case(mxml_node_t *suite, const struct report *r, const struct verdict *v,
                     struct tally *tally)
{
    static const char *const elements[] = {[OUTCOME_PASS] = "system-out",
                                           [OUTCOME_FAIL] = "failure",
                                           [OUTCOME_INCONCLUSIVE] = "error"};
    mxml_node_t *node = add_element(suite, "testcase"), *said;
    char numbers[VERDICT_NUMBERS], text[VERDICT_TEXT + VERDICT_NUMBERS + 4];

    set_text(node, "classname", report_name(r, v->component));
    mxmlElementSetAttr(node, "name", v->rule);
    mxmlElementSetAttr(node, "time", "0");
    said = add_element(node, elements[v->outcome]);
    if (v->outcome != OUTCOME_PASS) {
        mxmlElementSetAttr(said, "type", v->rule);
        set_text(said, "message", v->text);
    }
    verdict_numbers(v, numbers);
    snprintf(text, sizeof text, "%s%s%s", v->text, *numbers == '\0' ? "" : ": ", numbers);
    put_content(said, text);
    tally->tests++;
    tally->failures += v->outcome == OUTCOME_FAIL;
    tally->errors += v->outcome == OUTCOME_INCONCLUSIVE;
}

static void set_tally(mxml_node_t *node, const struct tally *tally, double seconds)
{
    mxmlElementSetAttrf(node, "tests", "%u", tally->tests);
    mxmlElementSetAttrf(node, "failures", "%u", tally->failures);
    mxmlElementSetAttrf(node, "errors", "%u", tally->errors);
    mxmlElementSetAttr(node, "skipped", "0");
    mxmlElementSetAttrf(node, "time", "%.3f", seconds);
}

/* A component, or the whole run for 0. */
static void put_suite(mxml_node_t *suites, const struct report *r, int64_t component,
                      struct tally *total)
{
    const struct run_host_row *host = run_reader_host(r->run, component);
    const char *coverage = report_coverage(r, component);
    mxml_node_t *suite = add_element(suites, "testsuite"), *properties;
    time_t start = (time_t)(r->info->start_wall_ns / NS_PER_S);
    struct tally tally = {0};
    char when[40] = "", evidence[REPORT_EVIDENCE];
    struct tm utc;

    if (gmtime_r(&start, &utc) != NULL)
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
    set_text(suite, "name", report_name(r, component));
    mxmlElementSetAttr(suite, "timestamp", when);
    set_text(suite, "hostname", host == NULL ? r->info->host : host->name);
    properties = add_element(suite, "properties");
    if (coverage != NULL)
        put_property(properties, "coverage", coverage);
    if (report_evidence(r, component, evidence, sizeof evidence) != NULL)
        put_property(properties, "evidence", evidence);
    put_property(properties, "repeat", r->repeat);
    for (size_t i = 0; i < r->verdicts->count; i++) {
        if (r->verdicts->items[i].component == component)
            put_case(suite, r, &r->verdicts->items[i], &tally);
    }
    set_tally(suite, &tally, report_lasted(r));
    total->tests += tally.tests;
    total->failures += tally.failures;
    total->errors += tally.errors;
}

/* An element a line, but no line before the declaration, nor within what has text in it. */
static const char *break_line(mxml_node_t *node, int where)
{
    mxml_node_t *child = mxmlGetFirstChild(node);

    if (where == MXML_WS_BEFORE_OPEN && strncmp(mxmlGetElement(node), "?xml", 4) != 0)
        return "\n";
    if (where == MXML_WS_BEFORE_CLOSE && child != NULL && mxmlGetType(child) == MXML_ELEMENT)
        return "\n";
    return NULL;
}

bool report_junit(const struct report *r, const struct report_style *style, FILE *out, char *error,
                  size_t cap)
{
    mxml_node_t *document, *suites;
    struct tally total = {0};

    (void)style;
    /* Before all else: where it has no memory for what this sets it crashes, as it would to say so.
     */
    mxmlSetErrorCallback(note_lack);
    document = mxmlNewXML("1.0");
    lacking = document == NULL;
    suites = add_element(document, "testsuites");
    mxmlElementSetAttr(suites, "name", "flatline");
    for (int64_t id = 0; id <= (int64_t)r->summary->count; id++)
        put_suite(suites, r, id, &total);
    set_tally(suites, &total, report_lasted(r));
    if (lacking) {
        snprintf(error, cap, "%s: no memory for the report", run_reader_dir(r->run));
        mxmlDelete(document);
        return false;
    }
    mxmlSetWrapMargin(0);
    /* What out does not take is noticed by whoever flushes it. */
    (void)mxmlSaveFile(document, out, break_line);
    fputc('\n', out);
    mxmlDelete(document);
    return true;
}
