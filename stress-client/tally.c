#include "stress-client/tally.h"

#include <string.h>

void tally_event(struct tally *tally, enum page_event_kind kind, uint32_t connection,
                 int32_t detail)
{
    tally->events[kind]++;
    telemetry_event(tally->telemetry, kind, connection, detail);
}

void tally_handshake(struct tally *tally, const struct client *client)
{
    histogram_record(client_resumed(client) ? &tally->resumption : &tally->handshake,
                     client_handshake_ns(client));
    tally->peer_certificate = client_peer_certificate(client);
}

static uint64_t sum_events(const struct tally *tally, bool (*wanted)(enum page_event_kind kind))
{
    uint64_t sum = 0;

    for (int kind = 0; kind < PAGE_EVENT_KINDS; kind++)
        sum += wanted((enum page_event_kind)kind) ? tally->events[kind] : 0;
    return sum;
}

uint64_t tally_losses(const struct tally *tally)
{
    return sum_events(tally, page_event_is_loss);
}

uint64_t tally_errors(const struct tally *tally)
{
    return sum_events(tally, page_event_is_error);
}

uint64_t tally_calls(const struct tally *tally)
{
    uint64_t sum = 0;

    for (int kind = 0; kind < CALL_KINDS; kind++)
        sum += tally->calls[kind];
    return sum;
}

uint64_t tally_cut_short(const struct tally *tally, uint64_t started)
{
    return started - tally_calls(tally) - tally->parts;
}

void tally_fill(const struct tally *tally, struct page_snapshot *snapshot)
{
    struct metric_values *metrics = &snapshot->metrics;

    metric_set(metrics, METRIC_RECONNECTS, (int64_t)tally->reconnects);
    metric_set(metrics, METRIC_LOSSES, (int64_t)tally_losses(tally));
    metric_set(metrics, METRIC_ERRORS, (int64_t)tally_errors(tally));
    /* An endless client stream is never answered: its peer's first sign of life stands in. */
    if (tally->first_alive_ns != 0 &&
        (!metric_has(metrics, METRIC_FIRST_MESSAGE) || metrics->value[METRIC_FIRST_MESSAGE] == 0))
        metric_set(metrics, METRIC_FIRST_MESSAGE, (int64_t)tally->first_alive_ns);
    if (tally->peer_certificate != 0)
        metric_set(metrics, METRIC_PEER_CERTIFICATE, (int64_t)tally->peer_certificate);
    memset(&snapshot->rtt, 0, sizeof snapshot->rtt);
    for (int kind = 0; kind < CALL_KINDS; kind++)
        histogram_merge(&snapshot->rtt, &tally->rtt[kind]);
    snapshot->connect = tally->connect;
}
