#include "results-server/uploader/session_internal.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CONTACT_NS (10 * NS_PER_S)
#define HURRY_NS (5 * NS_PER_S)   /* the patience of one that gives up */
#define WHOLE_NS (180 * NS_PER_S) /* for the others to end, after us */
#define ASK_TIMEOUT_NS (15 * NS_PER_S)
#define AWAIT_NS (10 * NS_PER_S)
/* All of more hosts would ask for the long list of all of them at once, only to name one. */
#define ASKING_HOSTS_MAX 100
#define RUN_PERIOD_NS (500 * NS_PER_MS)
#define LINES_PERIOD_NS NS_PER_S

enum patience { CONTACT, BARRIER, DRAIN, FOR_EVER };

static const struct {
    const char *name;
    enum patience patience;
    void (*begin)(struct session *session);
    void (*answered)(struct session *session, const struct remote_answer *answer);
} phases[PHASES] = {
#define PHASE_ROW(ident, patience, begin, answered, text) {#ident, patience, begin, answered},
    PHASE_TABLE(PHASE_ROW)
#undef PHASE_ROW
};

/* ---- ends ---- */

void session_say(struct session *session, const char *format, ...)
{
    va_list args;

    (void)session;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

void session_over(struct session *session, int status)
{
    session->phase = PHASE_OVER;
    session->status = session->failed ? STATUS_ENVIRONMENT : status;
    for (int i = 0; i < REMOTE_LANES; i++)
        remote_cancel(session->remote, (enum remote_lane)i);
}

void session_fail(struct session *session, const char *format, ...)
{
    char line[1024];
    va_list args;

    if (session->phase == PHASE_OVER)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    for (char *c = line; *c != '\0'; c++)
        *c = *c == '\n' || *c == '\r' ? ' ' : *c;
    if (!session->failed) {
        log_error("%s", line);
        session_say(session, "error %s", line);
    }
    session->failed = true;
    /* The others wait for us: they are told, if that can be done. */
    if (session->phase >= PHASE_GATHER && session->phase < PHASE_RUN)
        session_give_up(session, line);
    else
        session_over(session, STATUS_ENVIRONMENT);
}

/* ---- from phase to phase ---- */

void session_go(struct session *session, enum phase phase)
{
    log_debug("%s", phases[phase].name);
    remote_cancel(session->remote, REMOTE_STATE);
    session->phase = phase;
    session->phase_ns = clock_now_ns();
    session->retry_ns = 0;
    if (phases[phase].begin != NULL)
        phases[phase].begin(session);
}

static uint64_t patience(const struct session *session)
{
    switch (phases[session->phase].patience) {
    case CONTACT:
        return CONTACT_NS < session->options->barrier_timeout_ns
                   ? CONTACT_NS
                   : session->options->barrier_timeout_ns;
    case BARRIER:
        return session->options->barrier_timeout_ns;
    case DRAIN:
        return session->giving_up && HURRY_NS < session->options->drain_timeout_ns
                   ? HURRY_NS
                   : session->options->drain_timeout_ns;
    default:
        return UINT64_MAX;
    }
}

static void on_answer(void *user, const struct remote_answer *answer)
{
    struct session *session = user;

    phases[session->phase].answered(session, answer);
}

void session_ask(struct session *session, const char *method, const char *rest, json_t *body)
{
    char path[256];
    struct remote_request request = {.method = method,
                                     .path = path,
                                     .timeout_ns = ASK_TIMEOUT_NS + AWAIT_NS,
                                     .into = session->phase == PHASE_FETCH ? session->whole : NULL,
                                     .answered = on_answer,
                                     .user = session};

    free(session->body);
    session->body = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    if (body != NULL && session->body == NULL) {
        json_decref(body);
        session_fail(session, "no memory to ask the results server");
        return;
    }
    json_decref(body);
    if (request.into != NULL)
        request.timeout_ns = 0;
    request.body = session->body;
    request.size = session->body == NULL ? 0 : strlen(session->body);
    snprintf(path, sizeof path, "/test/%s%s", session->options->test, rest);
    remote_ask(session->remote, REMOTE_STATE, &request);
}

void session_await(struct session *session, const char *state, uint64_t deadline_ns)
{
    uint64_t now = clock_now_ns(), time = AWAIT_NS;
    char rest[64];

    if (deadline_ns < now + time)
        time = deadline_ns > now ? deadline_ns - now : 0;
    snprintf(rest, sizeof rest, "?wait=%s&timeout=%" PRIu64 "ms", state, time / NS_PER_MS + 1);
    session_ask(session, "GET", rest, NULL);
}

void session_put_entry(struct session *session)
{
    const struct clock_offset *best = &session->probes.best;

    json_object_set_new(session->entry, "offset_ns", json_integer(best->offset_ns));
    json_object_set_new(session->entry, "offset_error_ns",
                        json_integer((json_int_t)best->error_ns));
    session->entry_old = false;
    session_ask(session, "PUT", "/topology", json_pack("{s:O}", "host", session->entry));
}

/* ---- clock ---- */

static void on_measured(void *user, bool better)
{
    struct session *session = user;
    const struct clock_offset *best = &session->probes.best;

    session->entry_old = session->entry_old || better;
    if (better)
        log_debug("the server's clock is ahead by %" PRId64 " ns, within %" PRIu64, best->offset_ns,
                  best->error_ns);
    if (session->phase == PHASE_MEET)
        session_go(session, session->options->lines ? PHASE_JOIN : PHASE_CREATE);
}

static void on_probe_failed(void *user, const struct remote_answer *answer)
{
    struct session *session = user;

    if (session->phase == PHASE_MEET)
        session_fail(session, "%s",
                     answer->status == 200
                         ? "no results server answers there: its status has no clock"
                         : answer->why);
}

/* ---- the whole ---- */

static json_t *first_entry(const struct options *o)
{
    return json_pack("{s:I, s:I, s:s, s:s, s:s}", "rank", (json_int_t)o->rank, "size",
                     (json_int_t)o->size, "name", o->peer, "address", o->address, "place",
                     o->place);
}

static void tell_lost(struct session *session, const json_t *lost)
{
    size_t i;
    json_t *name;

    json_array_foreach(lost, i, name)
    {
        const char *text = json_string_value(name);

        /* We are not, whatever the server thought before this batch came. */
        if (text == NULL || strcmp(text, session->options->peer) == 0 ||
            json_object_get(session->lost_told, text) != NULL)
            continue;
        json_object_set_new(session->lost_told, text, json_true());
        session_say(session, "lost %s", text);
    }
}

static void on_fed(void *user, const struct remote_answer *answer)
{
    struct session *session = user;

    if (strcmp(answer->error, "test-already-finished") == 0 && session->phase == PHASE_RUN) {
        log_warn("%s", answer->why);
        session_say(session, "end the test is finished");
        return;
    }
    if (answer->status != 200) {
        session_fail(session, "%s", answer->why);
        return;
    }
    tell_lost(session, json_object_get(answer->json, "lost"));
    session->ending = session->ending || json_is_true(json_object_get(answer->json, "ending"));
}

struct session *session_new(const struct options *options, struct remote *remote,
                            const struct session_source *source)
{
    struct session *session = calloc(1, sizeof *session);
    struct feed_settings feed = {.remote = remote,
                                 .test = options->test,
                                 .peer = options->peer,
                                 .period_ns = options->lines ? LINES_PERIOD_NS : RUN_PERIOD_NS,
                                 .fill = source->fill,
                                 .source = source->source,
                                 .answered = on_fed,
                                 .user = session};

    if (session == NULL)
        return NULL;
    session->options = options;
    session->remote = remote;
    session->status = -1;
    session->phase_ns = clock_now_ns();
    session->probes = (struct probes){
        .remote = remote, .measured = on_measured, .failed = on_probe_failed, .user = session};
    session->entry = first_entry(options);
    session->lost_told = json_object();
    session->feed = feed_new(&feed);
    if (session->entry != NULL && session->lost_told != NULL && session->feed != NULL)
        return session;
    session_free(session);
    return NULL;
}

void session_free(struct session *session)
{
    if (session == NULL)
        return;
    feed_free(session->feed);
    json_decref(session->entry);
    json_decref(session->summary);
    json_decref(session->lost_told);
    if (session->whole != NULL)
        fclose(session->whole);
    free(session->body);
    free(session);
}

/* ---- what comes too late ---- */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When a phase has lasted too long: UINT64_MAX if it may last. */
static uint64_t deadline(const struct session *session)
{
    uint64_t since = remote_away_since(session->remote), limit = patience(session);
    uint64_t away = since == 0 || limit == UINT64_MAX ? UINT64_MAX
                    : since > session->phase_ns       ? since + limit
                                                      : session->phase_ns + limit;

    if (session->phase == PHASE_DRAIN)
        away = feed_progress_ns(session->feed) + limit;
    if (session->phase == PHASE_WHOLE)
        return least(away, session->phase_ns + WHOLE_NS);
    /* Whatever progress there is. */
    if (session->phase == PHASE_DRAIN || session->phase == PHASE_RESULTS)
        return session->giving_up ? least(away, session->phase_ns + 2 * HURRY_NS) : away;
    return away;
}

static void give_in(struct session *session)
{
    bool away = remote_away_since(session->remote) != 0;
    const char *trouble = away ? remote_trouble(session->remote) : "no answer in time";

    if (session->phase == PHASE_DRAIN && session->giving_up) {
        remote_cancel(session->remote, REMOTE_DATA);
        session_go(session, PHASE_RESULTS);
    } else if (session->phase == PHASE_DRAIN || session->phase == PHASE_RESULTS) {
        session_fail(session,
                     "%s: not all that was measured is delivered, only %" PRIu64 " batches",
                     trouble, feed_acknowledged(session->feed));
    } else if (session->phase == PHASE_WHOLE && !away) {
        log_warn("not all hosts have ended: the whole is judged without them");
        session_go(session, PHASE_FETCH);
    } else if (session->phase == PHASE_WHOLE || session->phase == PHASE_FETCH) {
        session_whole_failed(session, trouble);
    } else {
        session_fail(session, "%s", trouble);
    }
}

/* ---- turns ---- */

/* What is sent besides, once there is something new to say or to ask about. */
static void turn_run(struct session *session)
{
    if (!remote_idle(session->remote, REMOTE_STATE))
        return;
    if (session->ending && !session->end_told && session->options->size > ASKING_HOSTS_MAX) {
        session_say(session, "end another host has ended");
        session->end_told = true;
    } else if (session->ending && !session->end_told) {
        session->why_asked = true;
        session_ask(session, "GET", "", NULL);
    } else if (session->entry_old && !session->options->lines) {
        session_put_entry(session);
    }
}

uint64_t session_turn(struct session *session, uint64_t now_ns)
{
    uint64_t due = UINT64_MAX;

    if (session->phase != PHASE_OVER && now_ns >= deadline(session))
        give_in(session);
    if (session->phase <= PHASE_RUN)
        due = least(due, probes_turn(&session->probes, now_ns));
    if (session->retry_ns != 0 && now_ns >= session->retry_ns) {
        session->retry_ns = 0;
        phases[session->phase].begin(session);
    }
    if (session->phase == PHASE_RUN || session->phase == PHASE_DRAIN)
        due = least(due, feed_turn(session->feed, now_ns));
    if (session->phase == PHASE_RUN)
        turn_run(session);
    if (session->phase == PHASE_DRAIN && feed_drained(session->feed))
        session_go(session, PHASE_RESULTS);
    if (session->retry_ns != 0)
        due = least(due, session->retry_ns);
    return session->phase == PHASE_OVER ? now_ns : least(due, deadline(session));
}

int session_status(const struct session *session)
{
    return session->status;
}
