#include "results-server/influx_target.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What may stand behind the question mark. */
struct query {
    char *db, *rp, *u, *p;
};

/* Either of them, by curl_free or free. */
struct parts {
    char *scheme, *host, *port, *path, *query, *user, *password;
    struct query in_query;
};

static bool refuse(char *why, size_t cap, const char *what)
{
    snprintf(why, cap, "%s; what is wanted is http://HOST:8086/?db=NAME", what);
    return false;
}

static bool take_word(char *word, struct query *query, char *why, size_t cap)
{
    static const char *const names[] = {"db", "rp", "u", "p"};
    char **const into[] = {&query->db, &query->rp, &query->u, &query->p};
    char *value = strchr(word, '=');

    if (value != NULL)
        *value++ = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(word, names[i]) == 0) {
            curl_free(*into[i]);
            *into[i] = curl_easy_unescape(NULL, value == NULL ? "" : value, 0, NULL);
            return *into[i] != NULL || refuse(why, cap, "no memory");
        }
    /* It may be what follows a '&' within a password. */
    if (value == NULL)
        return refuse(why, cap, "a word without '=' behind the '?'");
    snprintf(why, cap, "unknown '%.40s' behind the '?' (db, rp, u, p)", word);
    return false;
}

static bool take_query(char *text, struct query *query, char *why, size_t cap)
{
    char *rest = NULL;

    for (char *word = text == NULL ? NULL : strtok_r(text, "&", &rest); word != NULL;
         word = strtok_r(NULL, "&", &rest))
        if (!take_word(word, query, why, cap))
            return false;
    if (query->db != NULL && query->db[0] == 0)
        return refuse(why, cap, "db= names no database");
    return true;
}

static bool split(const char *url, struct parts *parts, char *why, size_t cap)
{
    CURLU *u = curl_url();
    CURLUcode code = u == NULL ? CURLUE_OUT_OF_MEMORY : curl_url_set(u, CURLUPART_URL, url, 0);
    bool ok = false;

    if (code != CURLUE_OK) {
        refuse(why, cap, curl_url_strerror(code));
    } else {
        curl_url_get(u, CURLUPART_SCHEME, &parts->scheme, 0);
        curl_url_get(u, CURLUPART_HOST, &parts->host, 0);
        curl_url_get(u, CURLUPART_PORT, &parts->port, CURLU_DEFAULT_PORT);
        curl_url_get(u, CURLUPART_PATH, &parts->path, 0);
        curl_url_get(u, CURLUPART_QUERY, &parts->query, 0);
        curl_url_get(u, CURLUPART_USER, &parts->user, CURLU_URLDECODE);
        curl_url_get(u, CURLUPART_PASSWORD, &parts->password, CURLU_URLDECODE);
        ok = parts->scheme != NULL && parts->host != NULL && parts->port != NULL &&
             parts->path != NULL && strncmp(parts->scheme, "http", 4) == 0;
        if (!ok)
            refuse(why, cap, "not the URL of an InfluxDB");
    }
    curl_url_cleanup(u);
    return ok;
}

static void parts_free(struct parts *parts)
{
    char *all[] = {parts->scheme,      parts->host,       parts->port,      parts->path,
                   parts->query,       parts->user,       parts->password,  parts->in_query.db,
                   parts->in_query.rp, parts->in_query.u, parts->in_query.p};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        curl_free(all[i]);
}

/* The first that is there, as a copy of our own; NULL: none is. */
static char *first_of(const char *a, const char *b, const char *variable)
{
    const char *c = variable == NULL ? NULL : getenv(variable);
    const char *found = a != NULL ? a : b != NULL ? b : c;

    return found == NULL ? NULL : strdup(found);
}

static bool compose(const struct parts *parts, struct influx_target *target)
{
    const struct query *query = &parts->in_query;
    size_t length = strlen(parts->path);
    const char *slash = length > 0 && parts->path[length - 1] == '/' ? "" : "/";
    char *db, *rp;
    bool ok;

    target->db = first_of(query->db, INFLUX_DB, NULL);
    target->user = first_of(query->u, parts->user, "FLATLINE_INFLUX_USER");
    target->password = first_of(query->p, parts->password, "FLATLINE_INFLUX_PASSWORD");
    target->open_password = query->p != NULL || parts->password != NULL;
    target->token = first_of(NULL, NULL, "FLATLINE_INFLUX_TOKEN");
    if (target->db == NULL)
        return false;
    db = curl_easy_escape(NULL, target->db, 0);
    rp = curl_easy_escape(NULL, query->rp == NULL ? "" : query->rp, 0);
    ok = db != NULL && rp != NULL &&
         asprintf(&target->write_url, "%s://%s:%s%s%swrite?db=%s&precision=ns%s%s", parts->scheme,
                  parts->host, parts->port, parts->path, slash, db,
                  query->rp == NULL ? "" : "&rp=", rp) >= 0 &&
         asprintf(&target->query_url, "%s://%s:%s%s%squery", parts->scheme, parts->host,
                  parts->port, parts->path, slash) >= 0 &&
         asprintf(&target->name, "%s at %s://%s:%s", target->db, parts->scheme, parts->host,
                  parts->port) >= 0;
    curl_free(db);
    curl_free(rp);
    return ok;
}

bool influx_target_parse(const char *url, struct influx_target *target, char *why, size_t cap)
{
    struct parts parts = {0};
    bool ok;

    *target = (struct influx_target){0};
    ok = split(url, &parts, why, cap) && take_query(parts.query, &parts.in_query, why, cap);
    if (ok && !compose(&parts, target)) {
        influx_target_free(target);
        ok = refuse(why, cap, "no memory");
    }
    parts_free(&parts);
    return ok;
}

void influx_target_free(struct influx_target *target)
{
    free(target->write_url);
    free(target->query_url);
    free(target->db);
    free(target->name);
    free(target->user);
    free(target->password);
    free(target->token);
    *target = (struct influx_target){0};
}
