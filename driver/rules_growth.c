/*
 * Growth of memory, by two instruments: readings at rest, exact but few, and the floor of windows
 * under load, rough but many. Each answers where it can; only where neither can is the answer
 * open.
 */
#include "driver/rules.h"

#include "common/base/units.h"
#include "driver/regress.h"
#include "driver/trend.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct zone {
    enum metric metric;
    const char *where;
} zones[] = {
    {METRIC_LIVE, "in all"},
    {METRIC_LIVE_APP, "in its own code"},
    {METRIC_LIVE_NGHTTP2, "in nghttp2"},
    {METRIC_LIVE_OPENSSL, "in OpenSSL"},
    {METRIC_LIVE_EV, "in libev"},
    {METRIC_LIVE_ZLIB, "in zlib"},
};
#define ZONES (sizeof zones / sizeof *zones)

static bool is_exact(const struct evidence_component *c)
{
    return strcmp(c->row->coverage, "exact") == 0;
}

/* "16.0 B", "-3.2 KB" */
static char *say_bytes(double bytes, char *out, size_t cap)
{
    char size[32];

    if (!isfinite(bytes)) {
        snprintf(out, cap, "any amount");
        return out;
    }
    if (fabs(bytes) < 1024) {
        snprintf(out, cap, "%.3g B", bytes);
        return out;
    }
    units_format_size((uint64_t)fabs(bytes), size, sizeof size);
    snprintf(out, cap, "%s%s", bytes < 0 ? "-" : "", size);
    return out;
}

/* --- at rest ---------------------------------------------------------------------------------- */

static double zone_value(const struct metric_values *v, const void *arg)
{
    const struct zone *zone = arg;

    return metric_has(v, zone->metric) ? (double)v->value[zone->metric] : NAN;
}

struct leak {
    struct regress worst;
    const struct zone *zone;
    double smallest; /* the largest of the zones': what none of them would have hidden */
};

/* The zone to blame is the one that grows most; the sum of all only if no zone is known to. */
static bool blames(const struct leak *leak, const struct regress *r)
{
    const struct regress *w = &leak->worst;

    if (leak->zone == NULL || r->kind != w->kind)
        return leak->zone == NULL || r->kind > w->kind;
    if (r->kind == REGRESS_FLAT || r->kind == REGRESS_UNKNOWN)
        return r->growth * w->half > w->growth * r->half;
    return leak->zone == zones || r->growth > w->growth;
}

static void find_leak(const struct evidence *e, const struct evidence_component *c,
                      struct leak *leak)
{
    struct regress_wish wish = {.value = zone_value,
                                .floor = e->limits->residue,
                                .alpha = rule_alpha(e, ZONES * REGRESS_TESTS),
                                .limit = e->limits->leak};

    *leak = (struct leak){.smallest = 0};
    for (size_t i = 0; i < ZONES; i++) {
        struct regress r;

        wish.arg = &zones[i];
        regress(&c->series, &wish, &r);
        /* Not every process tells its zones apart. */
        if (i > 0 && r.kind == REGRESS_UNKNOWN)
            continue;
        leak->smallest = fmax(leak->smallest, r.smallest);
        if (blames(leak, &r)) {
            leak->worst = r;
            leak->zone = &zones[i];
        }
    }
}

static double growth_limit(const struct evidence *e, const struct evidence_component *c)
{
    return is_exact(c) ? e->limits->growth : fmax(e->limits->growth, e->limits->growth_resident);
}

static void find_growth(const struct evidence *e, const struct evidence_component *c,
                        struct trend *out)
{
    trend(&c->series,
          &(struct trend_wish){.level = is_exact(c) ? SERIES_LIVE : SERIES_RSS,
                               .limit = growth_limit(e, c),
                               .alpha = rule_alpha(e, 1)},
          out);
}

static bool growth_tells(const struct evidence *e, const struct evidence_component *c,
                         const struct trend *t)
{
    return t->kind == TREND_GROWS || t->kind == TREND_SETTLES ||
           (t->kind == TREND_FLAT && t->smallest - growth_limit(e, c) <= e->limits->growth_blind);
}

static bool leak_tells(const struct evidence *e, const struct evidence_component *c,
                       const struct leak *leak)
{
    return is_exact(c) &&
           (leak->worst.kind == REGRESS_GROWS ||
            ((leak->worst.kind == REGRESS_FLAT || leak->worst.kind == REGRESS_SETTLED) &&
             leak->smallest <= e->limits->leak_blind));
}

/* "; or per connection or message: they went together", if what caused it cannot be told apart. */
static char *say_alike(const struct regress *r, char *out, size_t cap)
{
    size_t used = 0;

    *out = '\0';
    for (int i = 0; i < REGRESS_COUNTERS; i++) {
        if ((r->alike >> i & 1) != 0 && used < cap)
            used +=
                (size_t)snprintf(out + used, cap - used, "%s%s", used == 0 ? "; or per " : " or ",
                                 regress_word((enum regress_counter)i));
    }
    if (used > 0 && used < cap)
        snprintf(out + used, cap - used, ": they went together");
    return out;
}

static void say_leak(const struct evidence *e, const struct leak *leak, struct verdict *out)
{
    const struct regress *r = &leak->worst;
    const char *word = regress_word(r->counter);
    char growth[40], each[40], low[40], high[40], alike[160];

    say_bytes(r->growth, growth, sizeof growth);
    say_bytes(r->each, each, sizeof each);
    rule_say(out, OUTCOME_FAIL, r->growth, e->limits->leak,
             "at rest it grew by %s %s: %s per %s (%s to %s), over %zu readings%s", growth,
             leak->zone->where, each, word, say_bytes(r->each - r->each_half, low, sizeof low),
             say_bytes(r->each + r->each_half, high, sizeof high), r->readings,
             say_alike(r, alike, sizeof alike));
    rule_bound(out, r->half, leak->smallest);
}

/* What is kept when the last connection has gone. */
static bool judge_closed(const struct evidence *e, const struct evidence_component *c,
                         struct verdict *out)
{
    char kept[40];

    if (!is_exact(c) || c->series.closed_count == 0 ||
        (double)c->series.closed <= e->limits->closed)
        return false;
    rule_say(out, OUTCOME_FAIL, (double)c->series.closed, e->limits->closed,
             "with all connections closed it held %s more than when it was ready",
             say_bytes((double)c->series.closed, kept, sizeof kept));
    return true;
}

/* At rest nothing could be told: perhaps under load it can. */
static void defer_leak(const struct evidence *e, const struct evidence_component *c,
                       const struct leak *leak, struct verdict *out)
{
    const struct series *s = &c->series;
    struct trend load;
    char why[160], size[40];
    bool judged;

    if (e->info->checkpoints == 0)
        snprintf(why, sizeof why, "the run was to have no checkpoint");
    else if (!is_exact(c))
        snprintf(why, sizeof why, "its live bytes are not known (coverage %s)", c->row->coverage);
    else if (leak->worst.kind == REGRESS_UNKNOWN)
        snprintf(why, sizeof why, "only %zu valid readings at rest%s%s", s->reading_count,
                 s->invalid > 0 ? ", others: " : "", s->invalid > 0 ? s->why : "");
    else if (leak->worst.kind == REGRESS_RISING)
        snprintf(why, sizeof why, "at rest it grew by %s %s, ever less: a longer run would tell",
                 say_bytes(leak->worst.growth, size, sizeof size), leak->zone->where);
    else
        snprintf(why, sizeof why, "at rest it wavers: growth by %s could hide",
                 say_bytes(leak->smallest, size, sizeof size));
    find_growth(e, c, &load);
    judged = growth_tells(e, c, &load) && leak->worst.kind != REGRESS_RISING;
    rule_say(out, judged || e->info->checkpoints == 0 ? OUTCOME_PASS : OUTCOME_INCONCLUSIVE, NAN,
             e->limits->leak, "not judged at rest (%s)%s", why,
             judged ? "; growth under load is judged" : "");
    out->smallest = isfinite(leak->smallest) && leak->smallest > 0 ? leak->smallest : NAN;
}

void rule_leak(const struct evidence *e, const struct evidence_component *c, struct verdict *out)
{
    struct leak leak;
    char size[40], grown[40];

    find_leak(e, c, &leak);
    if (is_exact(c) && leak.worst.kind == REGRESS_GROWS) {
        say_leak(e, &leak, out);
        return;
    }
    if (judge_closed(e, c, out))
        return;
    if (!leak_tells(e, c, &leak)) {
        defer_leak(e, c, &leak, out);
        return;
    }
    say_bytes(leak.smallest, size, sizeof size);
    if (leak.worst.kind == REGRESS_SETTLED)
        rule_say(out, OUTCOME_PASS, leak.worst.growth, e->limits->leak,
                 "settled: grew by %s %s at first, since then growth by %s would have been seen",
                 say_bytes(leak.worst.growth, grown, sizeof grown), leak.zone->where, size);
    else
        rule_say(out, OUTCOME_PASS, leak.worst.growth, e->limits->leak,
                 "flat at rest over %zu readings: growth by %s would have been seen",
                 leak.worst.readings, size);
    if (leak.worst.kind == REGRESS_FLAT)
        rule_bound(out, leak.worst.half, leak.smallest);
    else
        out->smallest = leak.smallest;
}

/* --- under load ------------------------------------------------------------------------------- */

/* Under load nothing could be told: perhaps at rest it can. */
static void defer_growth(const struct evidence *e, const struct evidence_component *c,
                         const struct trend *load, struct verdict *out)
{
    struct leak leak;
    char size[40];
    bool tells;

    find_leak(e, c, &leak);
    tells = leak_tells(e, c, &leak);
    /* Without checkpoints a run was not meant to be judged to the byte; it may then be short. */
    rule_say(out,
             tells || (load->kind == TREND_UNKNOWN && e->info->checkpoints == 0)
                 ? OUTCOME_PASS
                 : OUTCOME_INCONCLUSIVE,
             load->slope, growth_limit(e, c), "not judged under load (%s%s)%s",
             load->kind == TREND_UNKNOWN  ? "too few windows"
             : load->kind == TREND_RISING ? load->why
                                          : "it wavers: it could hide growth per second by ",
             load->kind == TREND_FLAT ? say_bytes(load->smallest, size, sizeof size) : "",
             tells ? "; at rest it is judged" : "");
}

void rule_growth(const struct evidence *e, const struct evidence_component *c, struct verdict *out)
{
    double limit = growth_limit(e, c);
    const char *what = is_exact(c) ? "live bytes" : "resident memory";
    char slope[40], size[40];
    struct trend load;

    find_growth(e, c, &load);
    say_bytes(load.slope, slope, sizeof slope);
    say_bytes(load.smallest, size, sizeof size);
    if (load.kind == TREND_GROWS)
        rule_say(out, OUTCOME_FAIL, load.slope, limit,
                 "%s %s by %s/s under load, steadily over %zu windows", what,
                 is_exact(c) ? "grow" : "grows", slope, load.windows);
    else if (load.kind == TREND_SETTLES)
        rule_say(out, OUTCOME_PASS, load.slope, limit, "%s grew by %s/s under load, %s", what,
                 slope, load.why);
    else if (growth_tells(e, c, &load))
        rule_say(out, OUTCOME_PASS, load.slope, limit,
                 "%s %s flat under load: growth by %s/s would have been seen", what,
                 is_exact(c) ? "are" : "is", size);
    else
        defer_growth(e, c, &load, out);
    if (load.kind != TREND_UNKNOWN)
        rule_bound(out, load.half, load.smallest);
}
