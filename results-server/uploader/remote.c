#include "results-server/uploader/remote.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/rng.h"
#include "results-server/uploader/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_MS 3000L
#define SILENCE_S 120L /* of a server that makes a file */
#define ANSWER_MAX ((size_t)64 << 20)
#define FIRST_PAUSE_NS (100 * NS_PER_MS)
#define LONGEST_WAIT_NS (60 * NS_PER_S)
#define LAST_PAUSE_NS (2 * NS_PER_S)

struct lane {
    struct remote *remote;
    CURL *easy;
    struct remote_request request;
    char path[256];
    bool busy;       /* a request is under way, or waits for its next try */
    bool trying;     /* curl has it */
    uint64_t due_ns; /* of the next try, if it is not trying */
    uint64_t pause_ns;
    struct text body; /* of the answer */
    char error[CURL_ERROR_SIZE];
    uint64_t sent_ns, answered_ns;
};

struct remote {
    CURLM *multi;
    struct remote_settings settings;
    struct curl_slist *headers;
    struct rng rng;
    struct lane lanes[REMOTE_LANES];
    uint64_t away_since_ns; /* 0: it answers */
    char trouble[512];
};

/* ---- what curl calls ---- */

/* The connection stands, the request goes out now. */
static int on_sending(void *user, char *to, char *from, int to_port, int from_port)
{
    struct lane *lane = user;

    (void)to, (void)from, (void)to_port, (void)from_port;
    lane->sent_ns = clock_now_ns();
    return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *user)
{
    struct lane *lane = user;

    (void)bytes;
    if (lane->answered_ns == 0)
        lane->answered_ns = clock_now_ns();
    return size * count;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct lane *lane = user;
    long status = 0;

    curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &status);
    if (lane->request.into != NULL && status == 200)
        return fwrite(bytes, size, count, lane->request.into);
    if (lane->body.size + size * count > ANSWER_MAX)
        return 0;
    text_add(&lane->body, bytes, size * count);
    return lane->body.failed ? 0 : size * count;
}

/* ---- making it ---- */

static bool set_up(struct lane *lane)
{
    CURL *easy = lane->easy = curl_easy_init();
    const struct remote *remote = lane->remote;

    if (easy == NULL)
        return false;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, lane);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, lane->error);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, remote->headers);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    /* A server of the fleet's own network. */
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_sending);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, lane);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, lane);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, lane);
    return remote->settings.ca == NULL ||
           curl_easy_setopt(easy, CURLOPT_CAINFO, remote->settings.ca) == CURLE_OK;
}

static bool add_header(struct remote *remote, const char *header)
{
    struct curl_slist *longer = curl_slist_append(remote->headers, header);

    if (longer != NULL)
        remote->headers = longer;
    return longer != NULL;
}

static bool add_headers(struct remote *remote)
{
    char authorization[1024];

    /* Without "Expect: 100-continue": it costs a round trip a batch. */
    if (!add_header(remote, "Content-Type: application/json") || !add_header(remote, "Expect:"))
        return false;
    if (remote->settings.token == NULL)
        return true;
    snprintf(authorization, sizeof authorization, "Authorization: Bearer %s",
             remote->settings.token);
    return add_header(remote, authorization);
}

struct remote *remote_new(const struct remote_settings *settings, char *error, size_t cap)
{
    struct remote *remote = calloc(1, sizeof *remote);
    bool ok = remote != NULL && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;

    if (remote != NULL) {
        remote->settings = *settings;
        remote->rng.seed = rng_seed_random();
        remote->multi = curl_multi_init();
        ok = ok && remote->multi != NULL && add_headers(remote);
    }
    for (int i = 0; ok && i < REMOTE_LANES; i++) {
        remote->lanes[i].remote = remote;
        ok = set_up(&remote->lanes[i]);
    }
    if (ok)
        return remote;
    snprintf(error, cap, "no memory to speak to %s", settings->url);
    remote_free(remote);
    return NULL;
}

void remote_free(struct remote *remote)
{
    if (remote == NULL)
        return;
    for (int i = 0; i < REMOTE_LANES; i++) {
        remote_cancel(remote, (enum remote_lane)i);
        curl_easy_cleanup(remote->lanes[i].easy);
        text_free(&remote->lanes[i].body);
    }
    curl_multi_cleanup(remote->multi);
    curl_slist_free_all(remote->headers);
    curl_global_cleanup();
    free(remote);
}

/* ---- asking ---- */

static void try_now(struct lane *lane)
{
    const struct remote_request *request = &lane->request;
    size_t base = strlen(lane->remote->settings.url);
    char url[1024];

    base -= lane->remote->settings.url[base - 1] == '/';
    snprintf(url, sizeof url, "%.*s%s", (int)base, lane->remote->settings.url, lane->path);
    curl_easy_setopt(lane->easy, CURLOPT_URL, url);
    curl_easy_setopt(lane->easy, CURLOPT_POSTFIELDS, request->body);
    curl_easy_setopt(lane->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->size);
    if (request->body == NULL)
        curl_easy_setopt(lane->easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(lane->easy, CURLOPT_CUSTOMREQUEST, request->method);
    curl_easy_setopt(lane->easy, CURLOPT_TIMEOUT_MS, (long)(request->timeout_ns / NS_PER_MS));
    curl_easy_setopt(lane->easy, CURLOPT_LOW_SPEED_LIMIT, request->timeout_ns == 0 ? 1L : 0L);
    curl_easy_setopt(lane->easy, CURLOPT_LOW_SPEED_TIME, request->timeout_ns == 0 ? SILENCE_S : 0L);
    if (request->into != NULL) {
        rewind(request->into);
        if (ftruncate(fileno(request->into), 0) < 0)
            log_warn("cannot empty a file: its next content will fail to be written, too");
    }
    text_clear(&lane->body);
    lane->error[0] = '\0';
    lane->sent_ns = lane->answered_ns = 0;
    lane->trying = curl_multi_add_handle(lane->remote->multi, lane->easy) == CURLM_OK;
    lane->due_ns = clock_now_ns() + LAST_PAUSE_NS; /* if it is not */
}

void remote_ask(struct remote *remote, enum remote_lane which, const struct remote_request *request)
{
    struct lane *lane = &remote->lanes[which];

    lane->request = *request;
    snprintf(lane->path, sizeof lane->path, "%s", request->path);
    lane->request.path = lane->path;
    lane->busy = true;
    lane->pause_ns = FIRST_PAUSE_NS;
    try_now(lane);
}

bool remote_idle(const struct remote *remote, enum remote_lane lane)
{
    return !remote->lanes[lane].busy;
}

void remote_cancel(struct remote *remote, enum remote_lane which)
{
    struct lane *lane = &remote->lanes[which];

    if (lane->trying)
        curl_multi_remove_handle(remote->multi, lane->easy);
    lane->busy = lane->trying = false;
}

/* ---- answers ---- */

static void note_away(struct remote *remote, const char *why)
{
    bool news = remote->away_since_ns == 0;

    snprintf(remote->trouble, sizeof remote->trouble, "%s: %s", remote->settings.url, why);
    if (news) {
        remote->away_since_ns = clock_now_ns();
        log_warn("%s; trying again", remote->trouble);
    }
}

static void note_back(struct remote *remote)
{
    if (remote->away_since_ns != 0)
        log_info("%s answers again, after %.1f s", remote->settings.url,
                 (double)(clock_now_ns() - remote->away_since_ns) / 1e9);
    remote->away_since_ns = 0;
}

/* Half of each pause is by chance, so that hosts that were cut off together do not come together.
 */
static void try_later(struct lane *lane)
{
    uint64_t half = lane->pause_ns / 2;

    lane->due_ns = clock_now_ns() + half + rng_range(&lane->remote->rng, 0, half);
    lane->pause_ns = lane->pause_ns * 2 < LAST_PAUSE_NS ? lane->pause_ns * 2 : LAST_PAUSE_NS;
}

/* No later try can do better: whom we speak to, or how, is wrong. */
static bool is_final(CURLcode code)
{
    return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
           code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_WRITE_ERROR;
}

static const char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text == NULL ? "" : text;
}

/* Hands out the answer; the lane is idle by then, and its body the callback's until it asks. */
static void answer(struct lane *lane, int status, const char *why)
{
    json_t *json = NULL;
    struct remote_answer answer = {
        .status = status, .sent_ns = lane->sent_ns, .answered_ns = lane->answered_ns};
    const char *message;

    if (status != 0 && lane->body.size > 0)
        json = json_loadb(lane->body.bytes, lane->body.size, 0, NULL);
    answer.json = json;
    answer.error = text_of(json, "error");
    message = text_of(json, "message");
    if (status == 0)
        snprintf(answer.why, sizeof answer.why, "%s: %s", lane->remote->settings.url, why);
    else if (*message != '\0')
        snprintf(answer.why, sizeof answer.why, "%s", message);
    else
        snprintf(answer.why, sizeof answer.why, "%s answers %d to %s %s: no results server?",
                 lane->remote->settings.url, status, lane->request.method, lane->path);
    lane->busy = false;
    lane->request.answered(lane->request.user, &answer);
    json_decref(json);
}

static const char *why_curl(const struct lane *lane, CURLcode code)
{
    return lane->error[0] == '\0' ? curl_easy_strerror(code) : lane->error;
}

static void finish_try(struct lane *lane, CURLcode code)
{
    long status = 0;
    char why[128];

    curl_multi_remove_handle(lane->remote->multi, lane->easy);
    lane->trying = false;
    curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK && is_final(code)) {
        answer(lane, 0, why_curl(lane, code));
    } else if (code != CURLE_OK) {
        note_away(lane->remote, why_curl(lane, code));
        try_later(lane);
    } else if (status >= 500 || status == 408 || status == 429) {
        snprintf(why, sizeof why, "it answers %ld to %s", status, lane->request.method);
        note_away(lane->remote, why);
        try_later(lane);
    } else {
        note_back(lane->remote);
        answer(lane, (int)status, "");
    }
}

/* Whether there were any. */
static bool take_answers(struct remote *remote)
{
    CURLMsg *message;
    bool any = false;
    int left;

    while ((message = curl_multi_info_read(remote->multi, &left)) != NULL) {
        struct lane *lane = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &lane);
        finish_try(lane, message->data.result);
        any = true;
    }
    return any;
}

static uint64_t try_those_due(struct remote *remote, uint64_t until_ns)
{
    uint64_t now = clock_now_ns();

    for (int i = 0; i < REMOTE_LANES; i++) {
        struct lane *lane = &remote->lanes[i];

        if (lane->busy && !lane->trying && lane->due_ns <= now)
            try_now(lane);
        if (lane->busy && !lane->trying && lane->due_ns < until_ns)
            until_ns = lane->due_ns;
    }
    return until_ns;
}

void remote_turn(struct remote *remote, struct curl_waitfd *fds, unsigned count, uint64_t until_ns)
{
    uint64_t now;
    int running;

    until_ns = try_those_due(remote, until_ns);
    curl_multi_perform(remote->multi, &running);
    if (take_answers(remote))
        return;
    now = clock_now_ns();
    if (until_ns > now + LONGEST_WAIT_NS)
        until_ns = now + LONGEST_WAIT_NS;
    curl_multi_poll(remote->multi, fds, count,
                    until_ns <= now ? 0 : (int)((until_ns - now + NS_PER_MS - 1) / NS_PER_MS),
                    NULL);
    curl_multi_perform(remote->multi, &running);
    take_answers(remote);
}

uint64_t remote_away_since(const struct remote *remote)
{
    return remote->away_since_ns;
}

const char *remote_trouble(const struct remote *remote)
{
    return remote->trouble;
}
