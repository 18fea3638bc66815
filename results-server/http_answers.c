#include "results-server/http_internal.h"

void http_set_route(struct http_exchange *x, const char *method, const char *path)
{
    x->route_method = method;
    x->route_path = path;
}

void http_count_answer(const struct http_exchange *x, int status)
{
    struct http *http = x->http;
    size_t i = 0;

    while (i < http->answers_count &&
           (http->answers[i].method != x->route_method || http->answers[i].path != x->route_path ||
            http->answers[i].status != status))
        i++;
    if (i == HTTP_ANSWERS)
        return;
    if (i == http->answers_count)
        http->answers[http->answers_count++] =
            (struct http_answers_row){x->route_method, x->route_path, status, 0};
    http->answers[i].count++;
}

const struct http_answers_row *http_answers_at(const struct http *http, size_t index)
{
    return index < http->answers_count ? &http->answers[index] : NULL;
}
