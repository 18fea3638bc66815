#include "stress-client/summary.h"

#include "common/base/exit_status.h"
#include "common/base/units.h"

#include <inttypes.h>

const char *summary_result(const struct summary *summary)
{
    switch (summary->status) {
    case STATUS_PASSED:
        return "passed";
    case STATUS_INTERRUPTED:
        return "interrupted";
    default:
        return "failed";
    }
}

uint64_t summary_cpu_per_call_ns(const struct summary *summary)
{
    uint64_t calls = tally_calls(summary->tally);

    return calls == 0 ? 0 : summary->cpu_ns / calls;
}

/* "  losses       3 (loss-refused 2, loss-reset 1)" */
static void print_events(FILE *out, const char *title, const struct tally *tally, uint64_t total,
                         bool (*wanted)(enum page_event_kind kind))
{
    const char *before = " (";

    fprintf(out, "  %-12s %" PRIu64, title, total);
    for (int i = 0; i < PAGE_EVENT_KINDS; i++) {
        enum page_event_kind kind = (enum page_event_kind)i;

        if (!wanted(kind) || tally->events[i] == 0)
            continue;
        fprintf(out, "%s%s %" PRIu64, before, page_event_name(kind), tally->events[i]);
        before = ", ";
    }
    fputs(total == 0 ? "\n" : ")\n", out);
}

static void print_calls(FILE *out, const struct summary *s)
{
    const char *before = " (";

    fprintf(out, "  %-12s %" PRIu64 " done", "calls", tally_calls(s->tally));
    for (int kind = 0; kind < CALL_KINDS; kind++) {
        if (s->tally->calls[kind] == 0)
            continue;
        fprintf(out, "%s%s %" PRIu64, before, call_kind_name((enum call_kind)kind),
                s->tally->calls[kind]);
        before = ", ";
    }
    fprintf(out, "%s, %" PRIu64 " cut short", tally_calls(s->tally) == 0 ? "" : ")",
            tally_cut_short(s->tally, s->stats->calls_started));
    if (s->tally->cancelled > 0)
        fprintf(out, ", %" PRIu64 " cancelled as planned", s->tally->cancelled);
    if (s->tally->parts > 0)
        fprintf(out, ", %" PRIu64 " calls were parts", s->tally->parts);
    fputc('\n', out);
}

static void print_traffic(FILE *out, const struct summary *s)
{
    char sent[32], received[32];

    fprintf(out, "  %-12s %" PRIu64 " sent, %" PRIu64 " received\n", "messages",
            s->stats->messages_sent, s->stats->messages_received);
    fprintf(out, "  %-12s %s sent, %s received\n", "bytes",
            units_format_size(s->stats->bytes_sent, sent, sizeof sent),
            units_format_size(s->stats->bytes_received, received, sizeof received));
    fprintf(out, "  %-12s %" PRIu64 ", reconnects %" PRIu64 "\n", "connections",
            s->tally->connections, s->tally->reconnects);
}

static void print_time(FILE *out, const struct summary *s)
{
    char wall[32], cpu[32], each[32];

    fprintf(out, "  %-12s %s wall, %s CPU", "time",
            units_format_duration(s->wall_ns, wall, sizeof wall),
            units_format_duration(s->cpu_ns, cpu, sizeof cpu));
    if (tally_calls(s->tally) > 0)
        fprintf(out, ", %s CPU per call",
                units_format_duration(summary_cpu_per_call_ns(s), each, sizeof each));
    fputc('\n', out);
}

static void print_histogram(FILE *out, const char *name, const struct histogram *h)
{
    char text[32];

    if (h->count == 0)
        return;
    fprintf(out, "  %-18s", name);
#define PRINT_PERCENTILE(label, percent) \
    fprintf(out, " %8s",                 \
            units_format_duration(histogram_percentile(h, percent), text, sizeof text));
    SUMMARY_PERCENTILES(PRINT_PERCENTILE)
#undef PRINT_PERCENTILE
    fprintf(out, " %8s %10" PRIu64 "\n", units_format_duration(h->max, text, sizeof text),
            h->count);
}

static void print_histograms(FILE *out, const struct summary *s)
{
    fprintf(out, "  %-18s", "");
#define PRINT_LABEL(label, percent) fprintf(out, " %8s", label);
    SUMMARY_PERCENTILES(PRINT_LABEL)
#undef PRINT_LABEL
    fprintf(out, " %8s %10s\n", "max", "count");
    print_histogram(out, "connect", &s->tally->connect);
    print_histogram(out, "TLS handshake", &s->tally->handshake);
    print_histogram(out, "TLS resumption", &s->tally->resumption);
    for (int kind = 0; kind < CALL_KINDS; kind++)
        print_histogram(out, call_kind_name((enum call_kind)kind), &s->tally->rtt[kind]);
    fputs("  Round trips: of calls; server-streaming to the first reply; bidi-streaming of each\n"
          "  message.\n",
          out);
}

void summary_print_text(const struct summary *s, FILE *out)
{
    fprintf(out, "%s %s: %s\n", s->address, s->secure ? "secure" : "insecure", summary_result(s));
    print_calls(out, s);
    print_traffic(out, s);
    print_events(out, "losses", s->tally, tally_losses(s->tally), page_event_is_loss);
    print_events(out, "errors", s->tally, tally_errors(s->tally), page_event_is_error);
    print_time(out, s);
    if (s->tally->connect.count > 0)
        print_histograms(out, s);
    if (s->peers != NULL)
        peer_stats_print_text(s->peers, out);
}
