#include "results-server/uploader/session_internal.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/run/schema.h"
#include "results-server/uploader/roll.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the run ---- */

void session_begin_run(struct session *session)
{
    if (session->done_told)
        session_go(session, PHASE_DRAIN);
    else if (session->hung_up)
        session_done(session, STATUS_ENVIRONMENT, "error", "it ended without a result", NULL);
}

/* Of a new offset, which may fail, or of why the test ends. */
void session_run_answered(struct session *session, const struct remote_answer *answer)
{
    const char *state = json_string_value(json_object_get(answer->json, "state"));
    char who[512];

    if (!session->why_asked || session->end_told)
        return;
    roll_ended(answer->json, session->options->peer, who, sizeof who);
    if (*who != '\0')
        session_say(session, "end %s has ended", who);
    else
        session_say(session, "end the test is %s", state == NULL ? "over" : state);
    session->end_told = true;
}

/* ---- its end ---- */

void session_done(struct session *session, int status, const char *verdict, const char *reason,
                  json_t *summary)
{
    if (session->done_told) {
        json_decref(summary);
        return;
    }
    session->done_told = true;
    session->done_status = status;
    snprintf(session->verdict, sizeof session->verdict, "%s", verdict);
    snprintf(session->reason, sizeof session->reason, "%s", reason == NULL ? "" : reason);
    session->summary = summary;
    if (session->phase == PHASE_RUN)
        session_go(session, PHASE_DRAIN);
    else if (!session->options->lines || session->giving_up)
        session_go(session, PHASE_RESULTS); /* it never began */
}

void session_begin_drain(struct session *session)
{
    if (feed_refused(session->feed))
        session_fail(session, "test '%s' was finished before all that was measured was delivered",
                     session->options->test);
    else
        feed_drain(session->feed);
}

void session_begin_results(struct session *session)
{
    json_t *body = json_pack(
        "{s:I, s:i, s:s, s:O*}", "sequence_last", (json_int_t)feed_acknowledged(session->feed),
        "status", session->done_status, "verdict", session->verdict, "summary", session->summary);
    char rest[128];

    if (session->reason[0] != '\0')
        json_object_set_new(body, "reason", json_string(session->reason));
    snprintf(rest, sizeof rest, "/peer/%s/results", session->options->peer);
    session_ask(session, "PUT", rest, body);
}

void session_result_taken(struct session *session, const struct remote_answer *answer)
{
    if (answer->status == 200 || answer->status == 201)
        session_go(session, PHASE_DELIVERED);
    else
        session_fail(session, "%s", answer->why);
}

void session_begin_delivered(struct session *session)
{
    if (session->whole_dir[0] != '\0')
        session_go(session, PHASE_WHOLE);
    else if (session->finish_verdict[0] != '\0')
        session_go(session, PHASE_FINISH);
    else if (session->hung_up || session->giving_up)
        session_over(session, STATUS_PASSED);
}

void session_hang_up(struct session *session)
{
    session->hung_up = true;
    if (session->phase == PHASE_DELIVERED)
        session_over(session, STATUS_PASSED);
    else if (session->done_told)
        return;
    else if (!session->options->lines)
        session_give_up(session, "the driver is gone");
    else if (session->phase == PHASE_JOIN)
        session_go(session, PHASE_JOIN);
    else if (session->phase == PHASE_RUN)
        session_begin_run(session);
}

void session_give_up(struct session *session, const char *why)
{
    if (!session->giving_up)
        log_warn("%s: telling the results server so", why);
    session->giving_up = true;
    session->phase_ns = clock_now_ns();
    if (session->phase >= PHASE_DELIVERED)
        session_over(session,
                     session->phase == PHASE_DELIVERED ? STATUS_PASSED : STATUS_ENVIRONMENT);
    else
        session_done(session, STATUS_ENVIRONMENT, "error", why, NULL);
}

/* ---- the whole ---- */

void session_whole(struct session *session, const char *dir)
{
    snprintf(session->whole_dir, sizeof session->whole_dir, "%s", dir);
    if (session->phase == PHASE_DELIVERED)
        session_begin_delivered(session);
}

void session_finish(struct session *session, const char *verdict)
{
    snprintf(session->finish_verdict, sizeof session->finish_verdict, "%s", verdict);
    if (session->phase == PHASE_DELIVERED)
        session_begin_delivered(session);
}

static void part_path(const struct session *session, char *out, size_t cap)
{
    snprintf(out, cap, "%s/" RUN_DB_NAME ".part", session->whole_dir);
}

void session_whole_failed(struct session *session, const char *why)
{
    char part[PATH_MAX + 32];

    if (session->whole != NULL) {
        part_path(session, part, sizeof part);
        fclose(session->whole);
        unlink(part);
    }
    session->whole = NULL;
    session->whole_dir[0] = '\0';
    log_error("cannot fetch the whole run: %s", why);
    session_say(session, "whole failed %s", why);
    session_go(session, PHASE_DELIVERED);
}

void session_begin_whole(struct session *session)
{
    session_await(session, "done", UINT64_MAX);
}

/* Whether all are done or lost, as the server sees it, or nobody may come any more. */
static bool have_ended(const json_t *view)
{
    const char *test = json_string_value(json_object_get(view, "state"));
    size_t i;
    json_t *host;

    if (test != NULL && strcmp(test, "finished") == 0)
        return true;
    json_array_foreach(json_object_get(view, "hosts"), i, host)
    {
        const char *state = json_string_value(json_object_get(host, "state"));

        if (state == NULL || (strcmp(state, "done") != 0 && strcmp(state, "lost") != 0))
            return false;
    }
    return true;
}

void session_whole_ready(struct session *session, const struct remote_answer *answer)
{
    if (answer->status != 200)
        session_whole_failed(session, answer->why);
    else if (have_ended(answer->json))
        session_go(session, PHASE_FETCH);
    else
        session->retry_ns = clock_now_ns() + NS_PER_S / 10;
}

void session_begin_fetch(struct session *session)
{
    char part[PATH_MAX + 32];

    part_path(session, part, sizeof part);
    session->whole = fopen(part, "we");
    if (session->whole == NULL)
        session_whole_failed(session, strerror(errno));
    else
        session_ask(session, "GET", "/run.db", NULL);
}

/* The file gets its name when it is whole, and on the disk. */
void session_fetched(struct session *session, const struct remote_answer *answer)
{
    char part[PATH_MAX + 32], path[PATH_MAX + 32];

    if (answer->status != 200) {
        session_whole_failed(session, answer->why);
        return;
    }
    part_path(session, part, sizeof part);
    snprintf(path, sizeof path, "%s/" RUN_DB_NAME, session->whole_dir);
    if (fflush(session->whole) != 0 || fsync(fileno(session->whole)) != 0 ||
        rename(part, path) != 0) {
        session_whole_failed(session, strerror(errno));
        return;
    }
    fclose(session->whole);
    session->whole = NULL;
    session_say(session, "whole ok %s", session->whole_dir);
    session->whole_dir[0] = '\0';
    session_go(session, PHASE_DELIVERED);
}

/* ---- the verdict ---- */

void session_begin_finish(struct session *session)
{
    session_ask(session, "PUT", "/finish", json_pack("{s:s}", "verdict", session->finish_verdict));
}

void session_finished(struct session *session, const struct remote_answer *answer)
{
    if (answer->status != 200 && answer->status != 201) {
        session_fail(session, "%s", answer->why);
        return;
    }
    session_say(session, "finished");
    session_over(session, STATUS_PASSED);
}
