/* The live page's part of the routes: the page, what it is made of, its streams. */
#include "results-server/errors.h"
#include "results-server/live_feed.h"
#include "results-server/request.h"
#include "results-server/routes.h"
#include "results-server/web_files.h"

#include <string.h>

/* The page fetches nothing from anywhere else, and may not be framed. */
#define POLICY "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static enum http_when reply_file(struct http_exchange *x, const char *name)
{
    const struct web_file *file = web_file_find(name);
    struct refusal refusal = {.kind = ERROR_NONE};

    if (file == NULL) {
        refuse(&refusal, ERROR_NO_SUCH_PATH, "there is no file %.64s in this server", name);
        return request_refuse(x, &refusal);
    }
    http_add_header(x, "Content-Security-Policy", POLICY);
    http_add_header(x, "X-Content-Type-Options", "nosniff");
    http_add_header(x, "Referrer-Policy", "no-referrer");
    http_add_header(x, "Cache-Control", "no-cache");
    http_reply(x, 200, file->type, file->bytes, file->size);
    return HTTP_NOW;
}

enum http_when route_page(struct app *app, struct http_exchange *x)
{
    (void)app;
    return reply_file(x, "index.html");
}

enum http_when route_web(struct app *app, struct http_exchange *x)
{
    (void)app;
    return reply_file(x, http_segment(x, 1));
}

enum http_when route_events(struct app *app, struct http_exchange *x)
{
    return live_feed_open(app->feed, x, NULL, NULL);
}

enum http_when route_test_events(struct app *app, struct http_exchange *x)
{
    const char *id = http_segment(x, 1), *host = http_query(x, "host");
    struct refusal refusal = {.kind = ERROR_NONE};
    bool there;

    pthread_mutex_lock(&app->lock);
    there = tests_find(app->tests, id) != NULL;
    pthread_mutex_unlock(&app->lock);
    if (there && (host == NULL || body_is_id(host)))
        return live_feed_open(app->feed, x, id, host);
    if (there)
        refuse(&refusal, ERROR_BAD_QUERY, "host=%.64s: not a name of a host", host);
    else
        refuse(&refusal, ERROR_TEST_NOT_FOUND, "there is no test %s; GET /test lists them", id);
    return request_refuse(x, &refusal);
}
