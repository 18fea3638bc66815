#include "charts/flame_page.h"

#include "charts/flame_tree.h"
#include "charts/output.h"
#include "charts/palette.h"
#include "charts/templates.h"
#include "charts/text.h"
#include "common/base/units.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTED_STACKS 10
#define LISTED_FUNCTIONS 15

static const char *const unit_names[FLAME_UNITS] = {
#define UNIT_NAME(ident, name) [FLAME_##ident] = (name),
    FLAME_UNIT_TABLE(UNIT_NAME)
#undef UNIT_NAME
};

/* The heaviest come first. */
static void put_stacks(FILE *out, const struct run_stacks *stacks)
{
    char size[32];

    fputs("<h2>The heaviest stacks</h2>\n<ol class=\"stacks\">\n", out);
    for (size_t i = 0; i < stacks->count && i < LISTED_STACKS; i++) {
        const char *frames = stacks->items[i].frames, *end = frames + strlen(frames);

        fprintf(out, "<li><b>%s</b> ",
                units_format_size((uint64_t)stacks->items[i].bytes, size, sizeof size));
        /* The nearest first. */
        while (end > frames) {
            const char *start = end;
            char name[512];

            while (start > frames && start[-1] != ';')
                start--;
            snprintf(name, sizeof name, "%.*s", (int)(end - start), start);
            fputs("<code>", out);
            text_put_xml(out, name);
            fputs(start > frames ? "</code> ← " : "</code>", out);
            end = start > frames ? start - 1 : frames;
        }
        fputs("</li>\n", out);
    }
    fputs("</ol>\n", out);
}

static void put_function(FILE *out, const struct flame_tree *tree, const struct flame_item *item)
{
    if (tree->difference)
        fprintf(out, "<li><b class=\"%s\">%+.1f %%</b> ", item->change > 0 ? "grew" : "shrank",
                100. * (double)item->change / FLAME_WHOLE);
    else
        fprintf(out, "<li><b>%.1f %%</b> ", 100. * (double)item->value / (double)tree->total);
    fputs("<code>", out);
    text_put_xml(out, item->frames);
    fputs("</code></li>\n", out);
}

static bool put_functions(FILE *out, const struct flame_tree *tree)
{
    size_t count;
    struct flame_item *items = flame_tree_sum_leaves(tree, &count);

    if (items == NULL)
        return false;
    fprintf(out,
            "<h2>%s</h2>\n<p class=\"note\">Each function by itself, without those that it "
            "called.</p>\n<ol class=\"stacks\">\n",
            tree->difference ? "What changed most" : "Where the time went");
    for (size_t i = 0; i < count && i < LISTED_FUNCTIONS; i++) {
        if (!tree->difference || items[i].change != 0)
            put_function(out, tree, &items[i]);
    }
    fputs("</ol>\n", out);
    free(items);
    return true;
}

static void put_key(FILE *out, enum flame_unit unit)
{
    static const char *const keys[FLAME_UNITS] = {
        [FLAME_SAMPLES] = "<p class=\"key\"><i class=\"native\"></i> the program and its libraries "
                          "<i class=\"script\"></i> JavaScript <i class=\"kernel\"></i> the "
                          "kernel</p>\n",
        [FLAME_SHARES] = "<p class=\"key\"><i class=\"more\"></i> a greater share than before "
                         "<i class=\"less\"></i> a smaller one</p>\n",
    };

    if (keys[unit] != NULL)
        fputs(keys[unit], out);
}

static void put_words(FILE *out, const struct flame_page *page)
{
    fputs("<header>\n<p>Flatline</p>\n<h1>", out);
    text_put_xml(out, page->heading);
    fputs("</h1>\n</header>\n<main>\n<p>", out);
    text_put_xml(out, page->explanation);
    fputs("</p>\n", out);
    if (page->finding != NULL) {
        fputs("<p class=\"guilty\">", out);
        text_put_xml(out, page->finding);
        fputs("</p>\n", out);
    }
    fputs("<form id=\"search\" role=\"search\"><label>Find a function <input name=\"term\" "
          "autocomplete=\"off\"></label> <button type=\"button\" id=\"reset\">Show all</button>"
          "</form>\n",
          out);
    put_key(out, page->unit);
    fprintf(out,
            "<div id=\"chart\" data-unit=\"%s\" role=\"img\" aria-label=\"Flame graph; its "
            "heaviest parts are listed below\"></div>\n<p id=\"details\" "
            "aria-live=\"polite\">&nbsp;</p>\n",
            unit_names[page->unit]);
}

/* A copy of each in turn, between two tags. */
static bool put_files(FILE *out, const char *before, const char *const *files, const char *after,
                      const char *template_dir, char *error, size_t cap)
{
    fputs(before, out);
    for (; *files != NULL; files++) {
        if (!templates_copy(template_dir, *files, out, error, cap))
            return false;
        putc('\n', out);
    }
    fputs(after, out);
    return true;
}

static bool put_page(FILE *out, const struct flame_page *page, const struct flame_tree *tree,
                     const char *template_dir, char *error, size_t cap)
{
    static const char *const styles[] = {"d3-flamegraph.css", "flame.css", NULL};
    static const char *const scripts[] = {"d3-selection.min.js", "d3-flamegraph.min.js", "flame.js",
                                          NULL};

    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
          "<link rel=\"icon\" href=\"data:,\">\n<title>",
          out);
    text_put_xml(out, page->title);
    fputs("</title>\n<style>\n", out);
    palette_put_css(out);
    if (!put_files(out, "", styles,
                   page->alarm ? "</style>\n</head>\n<body class=\"alarm\">\n"
                               : "</style>\n</head>\n<body>\n",
                   template_dir, error, cap))
        return false;
    put_words(out, page);
    if (page->unit == FLAME_BYTES)
        put_stacks(out, page->stacks);
    else if (!put_functions(out, tree))
        return text_fail(error, cap, "no memory for a flame page");
    fputs("</main>\n<script type=\"application/json\" id=\"stacks\">", out);
    flame_tree_put_json(tree, out);
    return put_files(out, "</script>\n<script>\n", scripts, "</script>\n</body>\n</html>\n",
                     template_dir, error, cap);
}

bool flame_page_possible(char *dir, size_t dir_cap, char *error, size_t cap)
{
    char path[PATH_MAX];

    if (!templates_find(dir, dir_cap, error, cap))
        return false;
    snprintf(path, sizeof path, "%s/d3-flamegraph.min.js", dir);
    return access(path, R_OK) == 0 ||
           text_fail(error, cap,
                     "no flame pages: this build has no d3-flame-graph (npm ci --prefix "
                     "charts/web, then configure again); the stacks are there");
}

bool flame_page_draw(const struct flame_page *page, const char *template_dir, const char *dir,
                     const char *name, char *error, size_t cap)
{
    struct flame_tree tree;
    struct output *file;
    bool ok;

    if (!flame_tree_make(&tree, page->stacks, page->base))
        return text_fail(error, cap, "no memory for a flame page");
    file = output_new(dir, name, error, cap);
    ok = file != NULL && put_page(output_file(file), page, &tree, template_dir, error, cap);
    flame_tree_clear(&tree);
    if (ok)
        return output_finish(file, error, cap);
    output_free(file);
    return false;
}
