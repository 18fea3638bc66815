#include "driver/summary.h"

#include "common/run/host.h"
#include "driver/recovery.h"

#include <stdlib.h>

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static struct summary_row summarize(const struct evidence *e, const struct evidence_component *c,
                                    const struct verdict_list *verdicts)
{
    struct evidence_sum sum = evidence_sum(e, c);
    struct recoveries recoveries = recoveries_of(e, c);
    enum outcome outcome = verdict_list_worst(verdicts, c->row->id, NULL);
    struct summary_row row = {
        .first = c,
        .members = 1,
        .telling = !evidence_is_mute(c),
        .failed = outcome == OUTCOME_FAIL,
        .doubtful = outcome == OUTCOME_INCONCLUSIVE,
        .lost = run_host_broke_off(c->host),
        .elsewhere = c->elsewhere,
        .live_last = sum.live_last,
        .live_peak = sum.live_peak,
        .data_peak = sum.data_peak,
        .calls = sum.calls,
        .kills = recoveries.kills,
        .back = recoveries.seen,
        .losses = c->losses,
    };

    if (c->row->heap_cap > 0 && sum.data_peak >= 0)
        row.share = (double)sum.data_peak / (double)c->row->heap_cap;
    if (sum.alive_ns > 0)
        row.rate = (double)sum.messages * NS_PER_S / (double)sum.alive_ns;
    return row;
}

void summary_add(struct summary_row *sum, const struct summary_row *row)
{
    if (sum->first == NULL || row->share > sum->share)
        sum->first = row->first;
    sum->members += row->members;
    sum->telling += row->telling;
    sum->failed += row->failed;
    sum->doubtful += row->doubtful;
    sum->lost += row->lost;
    sum->elsewhere += row->elsewhere;
    sum->live_last = larger(sum->live_last, row->live_last);
    sum->live_peak = larger(sum->live_peak, row->live_peak);
    sum->data_peak = larger(sum->data_peak, row->data_peak);
    sum->share = row->share > sum->share ? row->share : sum->share;
    sum->calls += row->calls;
    sum->rate += row->rate;
    sum->kills += row->kills;
    sum->back += row->back;
    sum->losses += row->losses;
}

struct summary *summary_new(const struct evidence *e, const struct verdict_list *verdicts)
{
    struct summary *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->rows = calloc(e->count + 1, sizeof *s->rows);
    if (s->rows == NULL) {
        free(s);
        return NULL;
    }
    s->count = e->count;
    s->total = SUMMARY_ROW_NONE;
    for (size_t i = 0; i < e->count; i++) {
        s->rows[i] = summarize(e, &e->components[i], verdicts);
        summary_add(&s->total, &s->rows[i]);
    }
    return s;
}

void summary_free(struct summary *s)
{
    if (s == NULL)
        return;
    free(s->rows);
    free(s);
}
