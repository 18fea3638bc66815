#include "results-server/uploader/session_internal.h"

#include "common/base/clock.h"
#include "common/base/units.h"
#include "results-server/uploader/roll.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD_NS NS_PER_S /* of the start, so that all hosts know of it before */
#define AGAIN_NS (100 * NS_PER_MS)

/* ---- the test ---- */

void session_begin_create(struct session *session)
{
    session_ask(session, "POST", "",
                json_pack("{s:b, s:I}", "started", 0, "size", (json_int_t)session->options->size));
}

void session_created(struct session *session, const struct remote_answer *answer)
{
    /* Made by hand, with other words; if it is of another size, the topology will be refused. */
    if (answer->status == 200 || answer->status == 201 || strcmp(answer->error, "test-exists") == 0)
        session_go(session, PHASE_HOST);
    else
        session_fail(session, "%s", answer->why);
}

/* ---- waiting for a state of it ---- */

static uint64_t barrier_end(const struct session *session)
{
    return session->phase_ns + session->options->barrier_timeout_ns;
}

/* Whether there is a view of the test that has not come to its end. */
static bool goes_on(struct session *session, const struct remote_answer *answer)
{
    const char *state = json_string_value(json_object_get(answer->json, "state"));
    char who[512];

    if (answer->status != 200 || state == NULL) {
        session_fail(session, "%s",
                     answer->status == 200 ? "the results server does not tell the test's state"
                                           : answer->why);
        return false;
    }
    if (strcmp(state, "finished") != 0 &&
        !(json_is_true(json_object_get(answer->json, "ending")) && !session->options->lines))
        return true;
    roll_ended(answer->json, session->options->peer, who, sizeof who);
    session_fail(session, "test '%s' came to its end before this host began%s%s",
                 session->options->test, *who == '\0' ? "" : ": ", who);
    return false;
}

/* True if the time is up, which has been told; else the phase asks again. */
static void ask_again(struct session *session, const char *missing, const char *what)
{
    char limit[32];

    if (clock_now_ns() < barrier_end(session)) {
        session->retry_ns = clock_now_ns() + AGAIN_NS;
        return;
    }
    units_format_duration(session->options->barrier_timeout_ns, limit, sizeof limit);
    session_fail(session, "test '%s': %s %s within %s", session->options->test, missing, what,
                 limit);
}

/* ---- the topology ---- */

void session_host(struct session *session, json_t *members)
{
    if (session->hosted || json_object_update(session->entry, members) != 0) {
        session_fail(session, "'host' is said once");
        return;
    }
    session->hosted = true;
    if (session->phase == PHASE_HOST)
        session_go(session, PHASE_REGISTER);
}

void session_begin_host(struct session *session)
{
    if (session->hosted)
        session_go(session, PHASE_REGISTER);
}

void session_registered(struct session *session, const struct remote_answer *answer)
{
    if (answer->status == 200 || answer->status == 201)
        session_go(session, PHASE_GATHER);
    else
        session_fail(session, "%s", answer->why);
}

void session_begin_gather(struct session *session)
{
    session_await(session, "topology", barrier_end(session));
}

/* The ranks that are missing among the hosts of the view; 0: all are as they have to be. */
static uint64_t call_roll(const struct session *session, const struct remote_answer *answer,
                          bool ready, char *out, size_t cap)
{
    memcpy(out, "ranks ", sizeof "ranks ");
    return roll_missing(json_object_get(answer->json, "hosts"), session->options->size, ready,
                        out + strlen(out), cap - strlen(out));
}

void session_gathered(struct session *session, const struct remote_answer *answer)
{
    char missing[256], *line;
    json_t *topology;

    if (!goes_on(session, answer))
        return;
    if (call_roll(session, answer, false, missing, sizeof missing) > 0) {
        ask_again(session, missing, "did not come");
        return;
    }
    topology = json_pack("{s:O}", "hosts", json_object_get(answer->json, "hosts"));
    line = topology == NULL ? NULL : json_dumps(topology, JSON_COMPACT);
    json_decref(topology);
    if (line == NULL) {
        session_fail(session, "no memory for the topology");
        return;
    }
    session_say(session, "topology %s", line);
    free(line);
    session_go(session, PHASE_SHARE);
}

/* ---- the start ---- */

void session_ready(struct session *session)
{
    session->ready_told = true;
    if (session->phase == PHASE_SHARE)
        session_go(session, PHASE_READY);
}

void session_begin_share(struct session *session)
{
    if (session->ready_told)
        session_go(session, PHASE_READY);
}

void session_begin_ready(struct session *session)
{
    json_object_set_new(session->entry, "ready", json_true());
    session_put_entry(session);
}

void session_readied(struct session *session, const struct remote_answer *answer)
{
    if (answer->status != 200 && answer->status != 201)
        session_fail(session, "%s", answer->why);
    else if (session->options->rank == 0)
        session_go(session, PHASE_ALL_READY);
    else
        session_go(session, PHASE_START);
}

void session_begin_all_ready(struct session *session)
{
    session_await(session, "ready", barrier_end(session));
}

void session_all_readied(struct session *session, const struct remote_answer *answer)
{
    char missing[256];

    if (!goes_on(session, answer))
        return;
    if (call_roll(session, answer, true, missing, sizeof missing) > 0)
        ask_again(session, missing, "were not ready");
    else
        session_go(session, PHASE_START);
}

void session_begin_start(struct session *session)
{
    if (session->options->rank == 0)
        session_ask(session, "PUT", "/start", json_object());
    else
        session_await(session, "started", barrier_end(session));
}

static void begin_run(struct session *session, const json_t *started)
{
    uint64_t start = (uint64_t)json_integer_value(started) + AHEAD_NS;

    session_say(session, "start %" PRIu64, clock_offset_ours(&session->probes.best, start));
    session_go(session, PHASE_RUN);
}

void session_started(struct session *session, const struct remote_answer *answer)
{
    const json_t *started = json_object_get(answer->json, "started_ns");
    char missing[256];

    if (session->options->rank != 0 && !goes_on(session, answer))
        return;
    if (answer->status == 200 && json_is_integer(started))
        begin_run(session, started);
    else if (session->options->rank == 0)
        session_fail(session, "%s", answer->why);
    else if (call_roll(session, answer, true, missing, sizeof missing) > 0)
        ask_again(session, missing, "were not ready");
    else
        ask_again(session, "rank 0", "did not start it");
}

/* ---- lines ---- */

void session_begin_join(struct session *session)
{
    if (session->hung_up && !session->done_told)
        session_ask(session, "GET", "", NULL);
    else
        session_await(session, "started", UINT64_MAX);
}

void session_joined(struct session *session, const struct remote_answer *answer)
{
    const json_t *started = json_object_get(answer->json, "started_ns");

    /* Peers may come before the test is made, but not for ever. */
    if (strcmp(answer->error, "test-not-found") == 0 && !session->hung_up) {
        ask_again(session, "nobody", "made it (POST /test)");
        return;
    }
    if (!goes_on(session, answer))
        return;
    if (json_is_integer(started))
        begin_run(session, started);
    else if (session->hung_up && !session->done_told)
        session_give_up(session, "it ended before the test began");
    else
        session->retry_ns = clock_now_ns() + AGAIN_NS;
}
