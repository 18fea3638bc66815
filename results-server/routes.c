#include "results-server/routes.h"

#include "results-server/body_check.h"
#include "results-server/request.h"

#include <string.h>

struct route {
    const char *method, *path;
    enum http_when (*handle)(struct app *app, struct http_exchange *x);
    const char *queries;
    bool open;
    const char *text;
};

static const struct route routes[] = {
#define ROUTE_ROW(method, path, handler, queries, open, text) \
    {method, path, route_##handler, queries, open, text},
    ROUTE_TABLE(ROUTE_ROW)
#undef ROUTE_ROW
};
#define ROUTES (sizeof routes / sizeof *routes)

static bool is_placeholder(const char *segment, size_t length)
{
    return (length == 2 && memcmp(segment, "ID", 2) == 0) ||
           (length == 4 && (memcmp(segment, "PEER", 4) == 0 || memcmp(segment, "FILE", 4) == 0));
}

/* Whether the path fits; *bad_id then becomes a segment that is none, if there is one. */
static bool path_fits(const struct route *route, const struct http_exchange *x, const char **bad_id)
{
    const char *at = route->path;

    *bad_id = NULL;
    for (size_t i = 0;; i++) {
        const char *segment = http_segment(x, i);
        size_t length;

        at += *at == '/';
        length = strcspn(at, "/");
        if (length == 0 || segment == NULL)
            return length == 0 && segment == NULL;
        if (is_placeholder(at, length)) {
            if (!body_is_id(segment))
                *bad_id = segment;
        } else if (strlen(segment) != length || memcmp(segment, at, length) != 0) {
            return false;
        }
        at += length;
    }
}

static bool is_word_of(const char *word, const char *list)
{
    size_t length = strlen(word);

    for (const char *at = list; *at != '\0'; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");

        if (n == length && memcmp(at, word, n) == 0)
            return true;
        at += n;
    }
    return false;
}

static bool queries_fit(const struct route *route, const struct http_exchange *x,
                        struct refusal *refusal)
{
    const char *name;

    for (size_t i = 0; (name = http_query_name(x, i)) != NULL; i++) {
        if (!is_word_of(name, route->queries))
            return refuse(refusal, ERROR_BAD_QUERY, "%s: no query '%.64s' is known here%s%s",
                          route->path, name,
                          *route->queries == '\0' ? "" : ", there are: ", route->queries);
    }
    return true;
}

/* The row for the request; else NULL with the refusal, and in `allow` the methods that the path
 * has. */
static const struct route *find_route(const struct http_exchange *x, char *allow, size_t cap,
                                      struct refusal *refusal)
{
    const char *bad_id;
    size_t n = 0;

    allow[0] = '\0';
    for (size_t i = 0; i < ROUTES; i++) {
        if (!path_fits(&routes[i], x, &bad_id))
            continue;
        if (strcmp(routes[i].method, http_method(x)) == 0) {
            if (bad_id == NULL)
                return &routes[i];
            refuse(refusal, ERROR_BAD_ID, "'%.64s' is not an id ([A-Za-z0-9][A-Za-z0-9._-]{0,63})",
                   bad_id);
            return NULL;
        }
        n += (size_t)snprintf(allow + n, cap - n, "%s%s", n > 0 ? ", " : "", routes[i].method);
    }
    if (n > 0)
        refuse(refusal, ERROR_METHOD_NOT_ALLOWED, "%.16s is not for %.128s, which has %s",
               http_method(x), http_path(x), allow);
    else
        refuse(refusal, ERROR_NO_SUCH_PATH,
               "there is no %.128s; results-server routes prints what there is", http_path(x));
    return NULL;
}

enum http_when routes_handle(void *app, struct http_exchange *x)
{
    struct refusal refusal = {.kind = ERROR_NONE};
    char allow[64];
    const struct route *route = find_route(x, allow, sizeof allow, &refusal);

    if (route != NULL)
        http_set_route(x, route->method, route->path);
    if (route != NULL && queries_fit(route, x, &refusal))
        return route->handle(app, x);
    if (refusal.kind == ERROR_METHOD_NOT_ALLOWED)
        http_add_header(x, "Allow", allow);
    return request_refuse(x, &refusal);
}

bool routes_open(void *app, const struct http_exchange *x)
{
    struct refusal refusal;
    char allow[64];
    const struct route *route = find_route(x, allow, sizeof allow, &refusal);

    (void)app;
    return route != NULL && route->open;
}

void routes_print(FILE *out)
{
    for (size_t i = 0; i < ROUTES; i++)
        fprintf(out, "%s\t%s\t%s\t%s\n", routes[i].method, routes[i].path, routes[i].queries,
                routes[i].text);
}
