#include "stress-client/work_internal.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/engine/mem.h"
#include "stress-client/peers.h"
#include "stress-client/reconnect.h"

#include <stdio.h>

#define DRAIN_NS (30 * NS_PER_S)
#define DRAIN_CHILD_NS (5 * NS_PER_S) /* of a child of the driver, which does not wait for ever */

static const char *verdict_of(int status)
{
    switch (status) {
    case STATUS_PASSED:
        return "pass";
    case STATUS_FAILED:
        return "fail";
    case STATUS_INTERRUPTED:
        return "interrupted";
    default:
        return "error";
    }
}

static bool open_uplink(const struct work *work, struct uplink **uplink)
{
    const struct peer_options *o = &work->options->peers;
    const struct uplink_config config = {
        .url = o->report_to,
        .test = o->test,
        .peer = o->name,
        .token = o->token,
        .ca = o->ca,
        .drain_ns = work->telemetry != NULL ? DRAIN_CHILD_NS : DRAIN_NS,
    };
    char error[512];

    *uplink = NULL;
    if (o->report_to == NULL)
        return true;
    *uplink = uplink_new(&config, error, sizeof error);
    if (*uplink == NULL)
        log_error("%s", error);
    return *uplink != NULL;
}

static void tell_result(const struct work *work, struct uplink *uplink, int status,
                        const char *failure, const struct peer_stats *stats)
{
    struct json json;
    FILE *line;

    uplink_flush(uplink);
    line = uplink_open(uplink);
    if (line == NULL)
        return;
    json_start_line(&json, line);
    json_begin(&json, "result");
    json_number(&json, "status", (uint64_t)status);
    json_text(&json, "verdict", verdict_of(status));
    if (failure != NULL)
        json_text(&json, "reason", failure);
    json_begin(&json, "summary");
    json_number(&json, "losses", tally_losses(work->tally));
    json_number(&json, "errors", tally_errors(work->tally));
    json_number(&json, "reconnects", work->tally->reconnects);
    peer_stats_put_json(stats, &json);
    json_end(&json);
    json_end(&json);
    json_end(&json);
    uplink_send(uplink);
}

static int run(struct work *work, const struct script *script, struct uplink *uplink,
               struct peer_stats *stats)
{
    const struct options *o = work->options;
    bool for_ever = work->telemetry != NULL || uplink != NULL;
    const struct peers_config config = {
        .party = {.loop = work->loop,
                  .target = work->target,
                  .address = work->address,
                  .tally = work->tally,
                  .telemetry = work->telemetry,
                  .retry_limit = o->retry != UINT64_MAX ? o->retry
                                 : for_ever             ? RECONNECT_FOR_EVER
                                                        : 0,
                  .secure = o->secure},
        .script = script,
        .name = o->peers.name,
        .duration_ns = o->peers.duration_ns,
        .uplink = uplink,
    };
    char text[640];
    uint64_t start = clock_now_ns();
    int status = peers_run(&config, stats, text, sizeof text);
    const char *failure = text[0] != '\0' ? text : NULL;

    work_report(work, status, failure, clock_now_ns() - start, stats);
    status = work_flush_summary(status);
    if (uplink == NULL)
        return status;
    tell_result(work, uplink, status, failure, stats);
    return uplink_finish(uplink) || status != STATUS_PASSED ? status : STATUS_ENVIRONMENT;
}

int work_run_peers(struct work *work)
{
    struct peer_stats *stats = mem_calloc(MEM_APP, 1, sizeof *stats);
    struct uplink *uplink;
    struct script script;
    char error[512];
    int status = STATUS_ENVIRONMENT;

    if (!script_load(work->options->peers.routine, &script, error, sizeof error)) {
        log_error("%s", error);
        mem_free(MEM_APP, stats);
        return STATUS_USAGE;
    }
    peer_options_apply(&work->options->peers, &script);
    work_make_room(script.peers);
    if (stats == NULL || !work_set_up_tally(work))
        log_error("no memory for the run");
    else if (open_uplink(work, &uplink)) {
        status = run(work, &script, uplink, stats);
        uplink_free(uplink);
    }
    mem_free(MEM_APP, stats);
    return status;
}
