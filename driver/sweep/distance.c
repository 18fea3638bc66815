#include "driver/sweep/distance.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "driver/sweep/round_trip.h"

#include <inttypes.h>

/* What may be wrong, of what is to be added: 5 % and 1 ms. */
#define TOLERANCE_SHARE 0.05
#define TOLERANCE_MS 1.0

static bool measure(const struct distance *d, int port, uint64_t enough_ns, double *took_ms,
                    char *error, size_t cap)
{
    bool far = d->netem != NULL || port != d->broker_port;
    const struct round_trip_plan plan = {.port = port,
                                         .netem = d->netem,
                                         .tls = d->tls,
                                         .expect_ns = far ? d->latency_ms * NS_PER_MS : 0,
                                         .enough_ns = enough_ns};
    uint64_t took;
    bool done = round_trip_measure(&plan, &took, error, cap);

    *took_ms = (double)took / 1e6;
    return done;
}

/* That way, in addition to what it takes directly. */
static bool measure_added(const struct distance *d, int port, double direct_ms, double *added_ms,
                          char *error, size_t cap)
{
    double wanted = (double)d->latency_ms, took;
    double most = wanted + wanted * TOLERANCE_SHARE / 2 + TOLERANCE_MS / 2 + direct_ms;

    if (!measure(d, port, (uint64_t)(most * 1e6), &took, error, cap))
        return false;
    *added_ms = took - direct_ms;
    return true;
}

static bool is_right(const struct distance *d, double added_ms)
{
    double wanted = (double)d->latency_ms, off = added_ms - wanted;

    return (off < 0 ? -off : off) <= wanted * TOLERANCE_SHARE + TOLERANCE_MS;
}

static const char *means(const struct distance *d)
{
    return d->netem != NULL ? "netem" : d->latency_ms != 0 ? "delay line" : "none";
}

json_t *distance_measure(const struct distance *d, char *error, size_t cap)
{
    double direct = 0, author = 0, subscriber = 0;
    bool right, longer = d->netem != NULL || d->latency_ms != 0;

    if ((d->netem == NULL && !measure(d, d->broker_port, 0, &direct, error, cap)) ||
        (longer && (!measure_added(d, d->author_port, direct, &author, error, cap) ||
                    !measure_added(d, d->subscriber_port, direct, &subscriber, error, cap))))
        return NULL;
    right = is_right(d, author) && is_right(d, subscriber);
    if (!right)
        log_warn("%s: %s adds %.1f and %.1f ms instead of %" PRIu64
                 " ms: this run is not to be trusted",
                 d->name, means(d), author, subscriber, d->latency_ms);
    return json_pack("{s:s, s:I, s:{s:o, s:f, s:f}, s:b}", "means", means(d), "wanted_ms",
                     (json_int_t)d->latency_ms, "measured_ms", "direct",
                     d->netem != NULL ? json_null() : json_real(direct), "added_author", author,
                     "added_subscriber", subscriber, "verified", right);
}
