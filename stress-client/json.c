#include "stress-client/json.h"

#include <inttypes.h>

/* The length of the well-formed UTF-8 character at s (RFC 3629), 0 if there is none. */
static size_t utf8_length(const unsigned char *s)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high;
        size_t length;
    } forms[] = {
        {0x20, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t k = 1;

        if (s[0] < forms[i].first_low || s[0] > forms[i].first_high)
            continue;
        if (forms[i].length > 1 && (s[1] < forms[i].second_low || s[1] > forms[i].second_high))
            return 0;
        while (k < forms[i].length && (k == 1 || (s[k] & 0xc0) == 0x80))
            k++;
        return k == forms[i].length ? k : 0;
    }
    return 0;
}

static void put_string(FILE *out, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;

    fputc('"', out);
    while (*s != '\0') {
        size_t n = utf8_length(s);

        if (*s == '"' || *s == '\\')
            fprintf(out, "\\%c", *s);
        else if (*s < 0x20)
            fprintf(out, "\\u%04x", *s);
        else if (n == 0)
            fputs("\\ufffd", out);
        else
            fwrite(s, 1, n, out);
        s += n == 0 ? 1 : n;
    }
    fputc('"', out);
}

static void break_line(const struct json *json)
{
    if (!json->line)
        fprintf(json->out, "\n%*s", 2 * json->depth, "");
}

static void put_key(struct json *json, const char *key)
{
    if (json->filled)
        fputc(',', json->out);
    break_line(json);
    put_string(json->out, key);
    fputs(json->line ? ":" : ": ", json->out);
    json->filled = true;
}

void json_start(struct json *json, FILE *out)
{
    *json = (struct json){.out = out, .depth = 1};
    fputc('{', out);
}

void json_start_line(struct json *json, FILE *out)
{
    json_start(json, out);
    json->line = true;
}

void json_begin(struct json *json, const char *key)
{
    put_key(json, key);
    fputc('{', json->out);
    json->depth++;
    json->filled = false;
}

void json_end(struct json *json)
{
    json->depth--;
    if (json->filled)
        break_line(json);
    fputs(json->depth == 0 ? "}\n" : "}", json->out);
    json->filled = true;
}

void json_number(struct json *json, const char *key, uint64_t value)
{
    put_key(json, key);
    fprintf(json->out, "%" PRIu64, value);
}

void json_real(struct json *json, const char *key, double value)
{
    put_key(json, key);
    fprintf(json->out, "%.3f", value);
}

void json_bool(struct json *json, const char *key, bool value)
{
    put_key(json, key);
    fputs(value ? "true" : "false", json->out);
}

void json_text(struct json *json, const char *key, const char *value)
{
    put_key(json, key);
    if (value == NULL)
        fputs("null", json->out);
    else
        put_string(json->out, value);
}
