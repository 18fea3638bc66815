#include "results-server/influx_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 5000L
#define REQUEST_MS 30000L
#define ANSWER_KEPT 512 /* bytes of an answer that says what is wrong */

/* HTTP statuses (InfluxDB's API reference, /write). */
#define STATUS_OK_LEAST 200
#define STATUS_OK_MOST 299
#define STATUS_BAD_LINES 400
#define STATUS_UNAUTHORIZED 401
#define STATUS_FORBIDDEN 403
#define STATUS_NO_DATABASE 404
#define STATUS_TOO_LARGE 413

struct influx_client {
    const struct influx_target *target;
    bool (*stopped)(void *user);
    void *user;
    CURL *curl;
    struct curl_slist *headers;
    char answer[ANSWER_KEPT];
    size_t answered;
};

static size_t on_answer(char *bytes, size_t one, size_t size, void *user)
{
    struct influx_client *client = user;
    size_t room = sizeof client->answer - 1 - client->answered;
    size_t kept = size < room ? size : room;

    memcpy(client->answer + client->answered, bytes, kept);
    client->answered += kept;
    client->answer[client->answered] = 0;
    return one * size;
}

static int on_progress(void *user, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct influx_client *client = user;

    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return client->stopped(client->user);
}

static bool set_headers(struct influx_client *client)
{
    const struct influx_target *target = client->target;
    struct curl_slist *headers;

    /* No waiting for "100 Continue" before each body. */
    client->headers = curl_slist_append(NULL, "Expect:");
    if (client->headers == NULL)
        return false;
    if (target->token != NULL) {
        char *line = NULL;

        if (asprintf(&line, "Authorization: Token %s", target->token) < 0)
            return false;
        headers = curl_slist_append(client->headers, line);
        free(line);
        if (headers == NULL)
            return false;
        client->headers = headers;
    }
    return curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->headers) == CURLE_OK;
}

static bool set_up(struct influx_client *client)
{
    const struct influx_target *target = client->target;
    CURL *curl = client->curl;

    return curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, REQUEST_MS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, client) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFODATA, client) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERNAME, target->user) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PASSWORD, target->password) == CURLE_OK &&
           set_headers(client);
}

struct influx_client *influx_client_new(const struct influx_target *target,
                                        bool (*stopped)(void *user), void *user)
{
    struct influx_client *client = calloc(1, sizeof *client);

    if (client == NULL)
        return NULL;
    client->target = target;
    client->stopped = stopped;
    client->user = user;
    client->curl = curl_easy_init();
    if (client->curl == NULL || !set_up(client)) {
        influx_client_free(client);
        return NULL;
    }
    return client;
}

void influx_client_free(struct influx_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    curl_slist_free_all(client->headers);
    free(client);
}

/* The HTTP status, or 0 with *why. */
static long post(struct influx_client *client, const char *url, const char *body, size_t size,
                 char *why, size_t cap)
{
    long status = 0;
    CURLcode code;

    client->answered = 0;
    client->answer[0] = 0;
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    code = curl_easy_perform(client->curl);
    if (code != CURLE_OK) {
        snprintf(why, cap, "%s", curl_easy_strerror(code));
        return 0;
    }
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    client->answer[strcspn(client->answer, "\r\n")] = 0;
    return status;
}

/* As good as it goes: whether the database is there now, the next write tells. */
static void make_database(struct influx_client *client, char *why, size_t cap)
{
    char *statement = NULL, *form = NULL, *escaped, *quoted;
    size_t length = strlen(client->target->db), at = 0;

    quoted = malloc(2 * length + 1);
    if (quoted == NULL)
        return;
    for (const char *c = client->target->db; *c != 0; c++) {
        if (*c == '"' || *c == '\\')
            quoted[at++] = '\\';
        quoted[at++] = *c;
    }
    quoted[at] = 0;
    if (asprintf(&statement, "CREATE DATABASE \"%s\"", quoted) >= 0) {
        escaped = curl_easy_escape(client->curl, statement, 0);
        if (escaped != NULL && asprintf(&form, "q=%s", escaped) >= 0)
            post(client, client->target->query_url, form, strlen(form), why, cap);
        curl_free(escaped);
        free(form);
        free(statement);
    }
    free(quoted);
}

/* InfluxDB takes the lines that it understands, and counts the others, or not. */
static uint64_t count_dropped(const char *answer, uint64_t count)
{
    const char *found = strstr(answer, "dropped=");
    unsigned long dropped = found == NULL ? 0 : strtoul(found + strlen("dropped="), NULL, 10);

    return dropped == 0 || dropped > count ? count : dropped;
}

enum influx_answer influx_client_post(struct influx_client *client, const char *lines, size_t size,
                                      uint64_t count, uint64_t *dropped, char *why, size_t cap)
{
    long status = post(client, client->target->write_url, lines, size, why, cap);

    if (status == STATUS_NO_DATABASE) {
        make_database(client, why, cap);
        status = post(client, client->target->write_url, lines, size, why, cap);
    }
    if (status == 0)
        return INFLUX_AWAY;
    if (status >= STATUS_OK_LEAST && status <= STATUS_OK_MOST)
        return INFLUX_TAKEN;
    snprintf(why, cap, "HTTP %ld %s%s", status, client->answer,
             status == STATUS_UNAUTHORIZED || status == STATUS_FORBIDDEN
                 ? " (FLATLINE_INFLUX_USER, FLATLINE_INFLUX_PASSWORD)"
                 : "");
    if (status != STATUS_BAD_LINES && status != STATUS_TOO_LARGE)
        return INFLUX_AWAY;
    *dropped = count_dropped(client->answer, count);
    return INFLUX_REFUSED;
}
