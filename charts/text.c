#include "charts/text.h"

#include "common/base/utf8.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

bool text_fail(char *error, size_t cap, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error, cap, format, args);
    va_end(args);
    return false;
}

/* Writes text, what cannot be shown as a blank, and the characters of `special` as in `instead`. */
static void put_replaced(FILE *out, const char *text, const char *special,
                         const char *const *instead)
{
    while (*text != '\0') {
        size_t length = utf8_length(text);
        const char *hit = strchr(special, *text);

        if (hit != NULL)
            fputs(instead[hit - special], out);
        else if (length == 0)
            putc(' ', out);
        else
            fwrite(text, 1, length, out);
        text += length == 0 ? 1 : length;
    }
}

void text_put_xml(FILE *out, const char *text)
{
    static const char *const instead[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

    put_replaced(out, text, "&<>\"'", instead);
}

void text_put_gnuplot(FILE *out, const char *text)
{
    static const char *const instead[] = {"''"};

    putc('\'', out);
    put_replaced(out, text, "'", instead);
    putc('\'', out);
}

char *text_file_name(const char *text, char *out, size_t cap)
{
    size_t n = 0;

    for (; *text != '\0' && n + 1 < cap; text++)
        out[n++] = isalnum((unsigned char)*text) || strchr("._-", *text) != NULL ? *text : '_';
    out[n] = '\0';
    return out;
}

char *text_number(double value, int decimals, char *out, size_t cap)
{
    char plain[40];
    size_t n = 0, length, whole;

    snprintf(plain, sizeof plain, "%.*f", decimals, value);
    length = strlen(plain);
    whole = strcspn(plain, ".");
    for (size_t i = 0; i < length && n + 2 < cap; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0 && plain[i - 1] != '-')
            out[n++] = ',';
        out[n++] = plain[i];
    }
    out[n] = '\0';
    return out;
}

/* The length of the first line, and in *skip how far the next one is. */
static size_t first_line(const char *text, size_t columns, size_t *skip)
{
    size_t length = strlen(text), cut = columns;

    if (length <= columns) {
        *skip = length;
        return length;
    }
    while (cut > 0 && text[cut] != ' ')
        cut--;
    if (cut == 0) {
        *skip = columns;
        return columns;
    }
    *skip = cut + strspn(text + cut, " ");
    while (cut > 0 && text[cut - 1] == ' ')
        cut--;
    return cut;
}

bool text_wrapped_line(const char *text, size_t columns, int index, char *out, size_t cap)
{
    size_t length, skip;

    for (; *text != '\0'; text += skip, index--) {
        length = first_line(text, columns, &skip);
        if (index > 0)
            continue;
        snprintf(out, cap, "%.*s", (int)length, text);
        return true;
    }
    return false;
}
