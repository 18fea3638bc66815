/*
 * Scenario files: whatever the bytes are, they become a scenario that holds together and that reads
 * back the same once printed, or one line that names a place.
 */
#include "driver/scenario_load.h"
#include "driver/scenario_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 4000
#define LINE 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct scenario_settings settings = {.base_port = 31300, .server_threads = 1};

static bool load(const void *text, size_t size, struct scenario *s)
{
    char error[LINE] = "";
    struct doc *doc = doc_new_text("f", text, size, error, sizeof error);
    bool ok = doc != NULL && scenario_take(doc, &settings, s);

    if (!ok && doc != NULL)
        snprintf(error, sizeof error, "%s", doc_error(doc));
    if (!ok && (strncmp(error, "f:", 2) != 0 || strchr(error, '\n') != NULL))
        abort();
    doc_free(doc);
    return ok;
}

static void check(const struct scenario *s)
{
    if (s->count < 2 || s->count > SCENARIO_MAX || !s->components[0].server)
        abort();
    for (size_t i = 0; i < s->count; i++) {
        const struct component *c = &s->components[i];

        if (scenario_find(s, c->name) != (int)i || c->port < 1 || c->port > UINT16_MAX ||
            (c->cap == CAP_NONE) != (c->heap_cap == 0) ||
            (!c->server && (c->peer < 0 || !s->components[c->peer].server)))
            abort();
    }
}

static void check_printed(const struct scenario *s)
{
    struct scenario again = {0};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return;
    scenario_print(s, out);
    if (fclose(out) != 0)
        abort();
    if (!load(text, size, &again) || again.count != s->count)
        abort();
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(again.components[i].name, s->components[i].name) != 0 ||
            again.components[i].heap_cap != s->components[i].heap_cap)
            abort();
    }
    scenario_clear(&again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scenario s = {0};

    if (size > LONGEST)
        return 0;
    if (load(data, size, &s)) {
        check(&s);
        check_printed(&s);
    }
    scenario_clear(&s);
    return 0;
}
