#include "results-server/prometheus.h"

#include "common/base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "flatline_results_"
#define LEAST_ROOM 4096

enum type { GAUGE, COUNTER, HISTOGRAM };

static const char *const type_words[] = {"gauge", "counter", "histogram"};

static const struct {
    const char *name;
    enum type type;
    const char *help;
} families[] = {
#define PROMETHEUS_ROW(ident, name, type, help) {PREFIX name, type, help},
    PROMETHEUS_TABLE(PROMETHEUS_ROW)
#undef PROMETHEUS_ROW
};

/* Upper bounds of the buckets, ns: from a fast disk's fsync to one that stands still. */
static const uint64_t bounds[] = {
    100 * NS_PER_US,  250 * NS_PER_US,  500 * NS_PER_US, 1 * NS_PER_MS,
    2500 * NS_PER_US, 5 * NS_PER_MS,    10 * NS_PER_MS,  25 * NS_PER_MS,
    50 * NS_PER_MS,   100 * NS_PER_MS,  250 * NS_PER_MS, 500 * NS_PER_MS,
    1 * NS_PER_S,     2500 * NS_PER_MS, 5 * NS_PER_S,    10 * NS_PER_S};

void prometheus_free(struct prometheus_text *text)
{
    free(text->bytes);
    *text = (struct prometheus_text){0};
}

static char *room_for(struct prometheus_text *text, size_t size)
{
    if (text->failed)
        return NULL;
    if (text->cap - text->size < size) {
        size_t cap = text->cap == 0 ? LEAST_ROOM : text->cap;
        char *bytes;

        while (cap - text->size < size)
            cap *= 2;
        bytes = realloc(text->bytes, cap);
        if (bytes == NULL) {
            text->failed = true;
            return NULL;
        }
        text->bytes = bytes;
        text->cap = cap;
    }
    return text->bytes + text->size;
}

static void add(struct prometheus_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct prometheus_text *text, const char *format, ...)
{
    va_list args, again;
    char *to;
    int size;

    va_start(args, format);
    va_copy(again, args);
    size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    to = room_for(text, (size_t)size + 1);
    if (to != NULL) {
        vsnprintf(to, (size_t)size + 1, format, again);
        text->size += (size_t)size;
    }
    va_end(again);
}

/* Where a label's value ends with a quote, that and what the format gives a meaning is escaped. */
static void add_escaped(struct prometheus_text *text, const char *value)
{
    for (const char *c = value; *c != 0; c++) {
        if (*c == '\n')
            add(text, "\\n");
        else if (*c == '"' || *c == '\\')
            add(text, "\\%c", *c);
        else
            add(text, "%c", *c);
    }
}

static void begin_family(struct prometheus_text *text, enum prometheus_family family)
{
    if (text->family == (int)family + 1)
        return;
    text->family = (int)family + 1;
    add(text, "# HELP %s %s\n# TYPE %s %s\n", families[family].name, families[family].help,
        families[family].name, type_words[families[family].type]);
}

void prometheus_put(struct prometheus_text *text, enum prometheus_family family, double value)
{
    begin_family(text, family);
    add(text, "%s %.17g\n", families[family].name, value);
}

void prometheus_put_labelled(struct prometheus_text *text, enum prometheus_family family,
                             const struct prometheus_label *labels, double value)
{
    const char *separator = "{";

    begin_family(text, family);
    add(text, "%s", families[family].name);
    for (const struct prometheus_label *label = labels; label->name != NULL; label++) {
        add(text, "%s%s=\"", separator, label->name);
        add_escaped(text, label->value);
        add(text, "\"");
        separator = ",";
    }
    add(text, "} %.17g\n", value);
}

void prometheus_put_histogram(struct prometheus_text *text, enum prometheus_family family,
                              const struct histogram *histogram)
{
    const char *name = families[family].name;

    begin_family(text, family);
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        add(text, "%s_bucket{le=\"%g\"} %.17g\n", name, (double)bounds[i] / NS_PER_S,
            (double)(histogram->count - histogram_count_from(histogram, bounds[i] + 1)));
    add(text, "%s_bucket{le=\"+Inf\"} %.17g\n%s_sum %.17g\n%s_count %.17g\n", name,
        (double)histogram->count, name, (double)histogram->sum / NS_PER_S, name,
        (double)histogram->count);
}
