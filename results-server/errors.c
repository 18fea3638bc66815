#include "results-server/errors.h"

#include "common/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *word;
    int status;
} table[] = {
#define ERROR_ROW(ident, word, status) [ERROR_##ident] = {word, status},
    ERROR_TABLE(ERROR_ROW)
#undef ERROR_ROW
};

bool refuse(struct refusal *refusal, enum error_kind kind, const char *format, ...)
{
    va_list args;

    refusal->kind = kind;
    va_start(args, format);
    vsnprintf(refusal->message, sizeof refusal->message, format, args);
    va_end(args);
    utf8_clean_here(refusal->message);
    return false;
}

const char *error_word(enum error_kind kind)
{
    return table[kind].word;
}

int error_status(enum error_kind kind)
{
    return table[kind].status;
}
