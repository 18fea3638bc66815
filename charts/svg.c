#include "charts/svg.h"

#include "charts/palette.h"
#include "charts/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char style[] =
    "text{font-family:system-ui,'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif;"
    "font-variant-numeric:tabular-nums}\n";

/* The whole file, NUL-terminated, to be freed; NULL with errno. */
static char *read_all(const char *path)
{
    FILE *in = fopen(path, "re");
    char *text = NULL;
    size_t cap = 0;

    if (in == NULL)
        return NULL;
    if (getdelim(&text, &cap, '\0', in) < 0) {
        free(text);
        text = NULL;
        errno = ENODATA;
    }
    fclose(in);
    return text;
}

/*
 * What gnuplot writes over and over, and what is written instead: the first two stand once in the
 * group around everything; "Bold" is gnuplot's word for a weight, taken for a family by viewers.
 */
static const struct {
    const char *from, *to;
} phrases[] = {
    {" fill=\"none\" color=\"black\" stroke=\"currentColor\"", ""},
    {" stroke-linecap=\"butt\" stroke-linejoin=\"miter\"", ""},
    {" font-family=\"sans-serif:Bold\"", " font-weight=\"bold\""},
    {" font-family=\"sans-serif\"", ""},
};
#define AROUND                                                           \
    "<g fill=\"none\" stroke=\"currentColor\" stroke-linejoin=\"round\"" \
    " font-family=\"sans-serif\">\n"

/*
 * How much at `body` says nothing, 0 if it says something: a group with nothing or with an empty
 * text in it, of which gnuplot leaves several for each line and number, and the source text that
 * each plot carries as a title, which a browser would show under the pointer.
 */
static size_t empty_length(const char *body)
{
    static const struct {
        const char *start, *rest;
    } empty[] = {
        {"<g ", ">\n</g>\n"},
        {"<g transform=", ">\n\t\t<text></text>\n\t</g>\n"},
        {"<title>", "</title>"},
    };

    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        const char *end = body + strlen(empty[i].start);

        if (strncmp(body, empty[i].start, strlen(empty[i].start)) != 0)
            continue;
        end += strcspn(end, empty[i].rest[0] == '>' ? ">" : "<");
        if (strncmp(end, empty[i].rest, strlen(empty[i].rest)) == 0)
            return (size_t)(end - body) + strlen(empty[i].rest);
    }
    return 0;
}

/* Writes what stands for the phrase at `body`; returns its length, 0 if there is none. */
static size_t put_phrase(FILE *out, const char *body)
{
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        size_t length = strlen(phrases[i].from);

        if (strncmp(body, phrases[i].from, length) != 0)
            continue;
        fputs(phrases[i].to, out);
        return length;
    }
    return 0;
}

static void put_body(FILE *out, const char *body)
{
    while (*body != '\0') {
        size_t length = empty_length(body);

        if (length == 0)
            length = put_phrase(out, body);
        if (length == 0)
            putc(body[length++], out);
        body += length;
    }
}

static bool put_svg(FILE *out, const char *svg, const char *title, const char *description)
{
    const char *box = strstr(svg, "viewBox=\"");
    const char *body = strstr(svg, "</defs>");
    const char *end = strstr(svg, "</svg>");
    const char *canvas = strstr(svg, "<rect ");
    int box_length;

    if (box == NULL || body == NULL || end == NULL || canvas == NULL || canvas > body)
        return false;
    box_length = (int)strcspn(box + strlen("viewBox=\""), "\"");
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
            "<svg viewBox=\"%.*s\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\""
            " aria-labelledby=\"title description\">\n"
            "<title id=\"title\">%s</title>\n<desc id=\"description\">%s</desc>\n<style>\n%s",
            box_length, box + strlen("viewBox=\""), title, description, style);
    palette_put_svg(out);
    fprintf(out, "</style>\n%.*s\n" AROUND, (int)(strchr(canvas, '>') + 1 - canvas), canvas);
    put_body(out, body + strlen("</defs>"));
    return true;
}

bool svg_finish(const char *path, const char *title, const char *description, FILE *out,
                char *error, size_t cap)
{
    char *svg = read_all(path);
    bool ok;

    if (svg == NULL)
        return text_fail(error, cap, "gnuplot left no chart in %s: %s", path, strerror(errno));
    ok = put_svg(out, svg, title, description);
    free(svg);
    return ok || text_fail(error, cap, "gnuplot's chart %s is cut short (disk full?)", path);
}
