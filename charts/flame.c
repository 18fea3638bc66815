#include "charts/flame.h"

#include "charts/output.h"
#include "charts/palette.h"
#include "charts/templates.h"
#include "charts/text.h"
#include "common/base/units.h"
#include "common/run/stacks.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 256 /* jemalloc keeps 128 frames */
#define LISTED 10

struct frame {
    const char *name;
    size_t length;
};

/* Between the frames of a stack nothing sorts lower than their end: so a function's callees lie
 * together. */
static int compare_stacks(const void *a, const void *b)
{
    const char *x = ((const struct run_stack *)a)->frames;
    const char *y = ((const struct run_stack *)b)->frames;

    while (*x != '\0' && *x == *y) {
        x++;
        y++;
    }
    int left = *x == ';' ? 1 : (unsigned char)*x;
    int right = *y == ';' ? 1 : (unsigned char)*y;

    return left - right;
}

static size_t split(const char *frames, struct frame *out)
{
    size_t depth = 0;

    while (depth < DEPTH_MAX) {
        size_t length = strcspn(frames, ";");

        out[depth++] = (struct frame){frames, length};
        if (frames[length] == '\0')
            break;
        frames += length + 1;
    }
    return depth;
}

static void put_json_name(FILE *out, const struct frame *frame)
{
    putc('"', out);
    for (size_t i = 0; i < frame->length; i++) {
        unsigned char c = (unsigned char)frame->name[i];

        /* '<' as well: no name may end the script. */
        if (c < ' ' || c == '"' || c == '\\' || c == '<')
            fprintf(out, "\\u%04x", c);
        else
            putc(c, out);
    }
    putc('"', out);
}

static size_t common_depth(const struct frame *a, size_t a_depth, const struct frame *b,
                           size_t b_depth)
{
    size_t depth = 0;

    while (depth < a_depth && depth < b_depth && a[depth].length == b[depth].length &&
           memcmp(a[depth].name, b[depth].name, a[depth].length) == 0)
        depth++;
    return depth;
}

/* The stacks, sorted as above, as the tree that d3-flame-graph takes: n name, v own bytes, c
 * callees. */
static void put_tree(FILE *out, const struct run_stacks *stacks)
{
    struct frame open[DEPTH_MAX], next[DEPTH_MAX];
    size_t depth = 0;

    fputs("{\"n\":\"all\",\"v\":0,\"c\":[", out);
    for (size_t i = 0; i < stacks->count; i++) {
        size_t next_depth = split(stacks->items[i].frames, next);
        size_t shared = common_depth(open, depth, next, next_depth);
        bool beside = depth > shared; /* of a callee that is already there */

        for (; depth > shared; depth--)
            fputs("]}", out);
        for (; depth < next_depth; depth++) {
            bool leaf = depth + 1 == next_depth;

            fputs(depth == shared && beside ? ",{\"n\":" : "{\"n\":", out);
            put_json_name(out, &next[depth]);
            fprintf(out, ",\"v\":%" PRId64 ",\"c\":[", leaf ? stacks->items[i].bytes : 0);
            open[depth] = next[depth];
        }
    }
    for (; depth > 0; depth--)
        fputs("]}", out);
    fputs("]}", out);
}

static void put_list(FILE *out, const struct run_stacks *stacks)
{
    char size[32];

    fputs("<h2>The heaviest stacks</h2>\n<ol class=\"stacks\">\n", out);
    for (size_t i = 0; i < stacks->count && i < LISTED; i++) {
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

static void put_words(FILE *out, const char *component, const struct run_stacks *stacks,
                      const struct run_guilty *guilty)
{
    char total[32], text[2 * RUN_GUILTY_FRAMES];

    units_format_size((uint64_t)stacks->total, total, sizeof total);
    fputs("<header>\n<p>Flatline</p>\n<h1>", out);
    text_put_xml(out, component);
    fprintf(
        out,
        ": %s stayed</h1>\n</header>\n<main>\n<p>What was allocated while it was watched, after "
        "the run was judged, and was still live at the end. Widths are bytes; at the top of "
        "each stack is who asked for the memory.</p>\n<p class=\"guilty\">",
        total);
    text_put_xml(out, run_guilty_format(guilty, text, sizeof text));
    fputs("</p>\n<form id=\"search\" role=\"search\"><label>Find a function <input name=\"term\" "
          "autocomplete=\"off\"></label> <button type=\"button\" id=\"reset\">Show all</button>"
          "</form>\n<div id=\"chart\" role=\"img\" aria-label=\"Flame graph; its heaviest stacks "
          "are listed below\"></div>\n<p id=\"details\" aria-live=\"polite\">&nbsp;</p>\n",
          out);
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

static bool put_page(FILE *out, const char *component, struct run_stacks *stacks,
                     const struct run_guilty *guilty, const char *template_dir, char *error,
                     size_t cap)
{
    static const char *const styles[] = {"d3-flamegraph.css", "flame.css", NULL};
    static const char *const scripts[] = {"d3-selection.min.js", "d3-flamegraph.min.js", "flame.js",
                                          NULL};

    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
          "<link rel=\"icon\" href=\"data:,\">\n<title>",
          out);
    text_put_xml(out, component);
    fputs(": what stayed</title>\n<style>\n", out);
    palette_put_css(out);
    if (!put_files(out, "", styles, "</style>\n</head>\n<body>\n", template_dir, error, cap))
        return false;
    put_words(out, component, stacks, guilty);
    put_list(out, stacks);
    fputs("</main>\n<script type=\"application/json\" id=\"stacks\">", out);
    if (stacks->count > 0)
        qsort(stacks->items, stacks->count, sizeof *stacks->items, compare_stacks);
    put_tree(out, stacks);
    return put_files(out, "</script>\n<script>\n", scripts, "</script>\n</body>\n</html>\n",
                     template_dir, error, cap);
}

static bool draw(const char *run_dir, const char *component, const char *template_dir, char *error,
                 size_t cap)
{
    char path[PATH_MAX];
    struct run_guilty guilty;
    struct run_stacks stacks;
    struct output *page;
    bool ok;

    run_evidence_path(run_dir, component, RUN_STACKS_FILE, path, sizeof path);
    if (access(path, F_OK) != 0)
        return true;
    if (!run_guilty_read(&guilty, run_dir, component) ||
        !run_stacks_read(&stacks, path, error, cap))
        return text_fail(error, cap, "%s: cannot be read", path);
    run_stacks_settle(&stacks);
    if (stacks.count == 0) {
        run_stacks_free(&stacks);
        return true; /* an empty flame tells nothing; the report says so */
    }
    run_evidence_path(run_dir, component, "", path, sizeof path);
    page = output_new(path, RUN_FLAME_FILE, error, cap);
    ok = page != NULL &&
         put_page(output_file(page), component, &stacks, &guilty, template_dir, error, cap);
    run_stacks_free(&stacks);
    if (ok)
        return output_finish(page, error, cap);
    output_free(page);
    return false;
}

static int is_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool has_library(const char *template_dir, char *error, size_t cap)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/d3-flamegraph.min.js", template_dir);
    return access(path, R_OK) == 0 ||
           text_fail(error, cap,
                     "no flame pages: this build has no d3-flame-graph (npm ci --prefix "
                     "charts/web, then configure again); the stacks are there");
}

bool charts_flames(const char *run_dir, char *error, size_t cap)
{
    char folder[PATH_MAX], template_dir[PATH_MAX / 2];
    struct dirent **names;
    bool ok = true;
    int count;

    snprintf(folder, sizeof folder, "%s/" RUN_EVIDENCE, run_dir);
    count = scandir(folder, &names, is_name, alphasort);
    if (count < 0)
        return errno == ENOENT || text_fail(error, cap, "%s: %s", folder, strerror(errno));
    ok = count == 0 || (templates_find(template_dir, sizeof template_dir, error, cap) &&
                        has_library(template_dir, error, cap));
    for (int i = 0; i < count; i++) {
        ok = ok && draw(run_dir, names[i]->d_name, template_dir, error, cap);
        free(names[i]);
    }
    free(names);
    return ok;
}
