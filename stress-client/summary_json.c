#include "stress-client/json.h"
#include "stress-client/summary.h"

static void put_events(struct json *json, const char *key, const struct tally *tally,
                       uint64_t total, bool (*wanted)(enum page_event_kind kind))
{
    json_begin(json, key);
    json_number(json, "total", total);
    for (int i = 0; i < PAGE_EVENT_KINDS; i++) {
        if (wanted((enum page_event_kind)i))
            json_number(json, page_event_name((enum page_event_kind)i), tally->events[i]);
    }
    json_end(json);
}

static void put_histogram(struct json *json, const char *key, const struct histogram *h)
{
    json_begin(json, key);
    json_number(json, "count", h->count);
    json_number(json, "min_ns", h->min);
    json_number(json, "mean_ns", histogram_mean(h));
#define PUT_PERCENTILE(label, percent) \
    json_number(json, label "_ns", histogram_percentile(h, percent));
    SUMMARY_PERCENTILES(PUT_PERCENTILE)
#undef PUT_PERCENTILE
    json_number(json, "max_ns", h->max);
    json_end(json);
}

static void put_calls(struct json *json, const struct summary *s)
{
    json_begin(json, "calls");
    json_number(json, "started", s->stats->calls_started);
    json_number(json, "done", tally_calls(s->tally));
    json_number(json, "cut_short", tally_cut_short(s->tally, s->stats->calls_started));
    json_number(json, "cancelled", s->tally->cancelled);
    json_number(json, "parts", s->tally->parts);
    json_begin(json, "done_by_kind");
    for (int kind = 0; kind < CALL_KINDS; kind++)
        json_number(json, call_kind_name((enum call_kind)kind), s->tally->calls[kind]);
    json_end(json);
    json_end(json);
}

static void put_traffic(struct json *json, const struct summary *s)
{
    json_number(json, "messages_sent", s->stats->messages_sent);
    json_number(json, "messages_received", s->stats->messages_received);
    json_number(json, "sent_bytes", s->stats->bytes_sent);
    json_number(json, "received_bytes", s->stats->bytes_received);
    json_number(json, "connections", s->tally->connections);
    json_number(json, "reconnects", s->tally->reconnects);
    json_number(json, "recoveries", s->tally->events[PAGE_RECOVERED]);
    put_events(json, "losses", s->tally, tally_losses(s->tally), page_event_is_loss);
    put_events(json, "errors", s->tally, tally_errors(s->tally), page_event_is_error);
}

void summary_print_json(const struct summary *s, FILE *out)
{
    struct json json;

    json_start(&json, out);
    json_text(&json, "result", summary_result(s));
    json_text(&json, "failure", s->failure);
    json_text(&json, "server", s->address);
    json_bool(&json, "secure", s->secure);
    put_calls(&json, s);
    put_traffic(&json, s);
    json_number(&json, "wall_ns", s->wall_ns);
    json_number(&json, "cpu_ns", s->cpu_ns);
    json_number(&json, "cpu_per_call_ns", summary_cpu_per_call_ns(s));
    put_histogram(&json, "connect", &s->tally->connect);
    put_histogram(&json, "tls_handshake", &s->tally->handshake);
    put_histogram(&json, "tls_resumption", &s->tally->resumption);
    json_begin(&json, "round_trip");
    for (int kind = 0; kind < CALL_KINDS; kind++)
        put_histogram(&json, call_kind_name((enum call_kind)kind), &s->tally->rtt[kind]);
    json_end(&json);
    if (s->peers != NULL)
        peer_stats_put_json(s->peers, &json);
    json_end(&json);
}
