#include "results-server/http_refusal.h"

const struct http_refusal_row *http_refusal_row(enum http_refusal refusal)
{
    static const struct http_refusal_row rows[] = {{0, "", "", ""},
#define ROW(ident, status, line, word, text) {status, line, word, text},
                                                   HTTP_REFUSAL_TABLE(ROW)
#undef ROW
    };

    return &rows[refusal];
}
