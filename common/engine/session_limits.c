#include "common/engine/session_limits.h"

#include "common/base/clock.h"
#include "common/engine/session.h"

#define PING_STRIKES 2 /* see SESSION_PERMIT_NS */

/* debug: static, and for our log, too. */
static void end_calmly(struct session *s, const char *debug, size_t size)
{
    struct engine_stats *stats = &s->conn.loop->stats;

    if (s->limited)
        return;
    s->limited = true;
    stats->limited++;
    stats->protocol_errors += !s->conn.fault;
    conn_fault(&s->conn, CLIENT_PROTOCOL, NGHTTP2_ENHANCE_YOUR_CALM, debug);
    session_check(s,
                  nghttp2_submit_goaway(s->conn.h2, NGHTTP2_FLAG_NONE,
                                        nghttp2_session_get_last_proc_stream_id(s->conn.h2),
                                        NGHTTP2_ENHANCE_YOUR_CALM, (const uint8_t *)debug, size));
    session_check(s, nghttp2_session_terminate_session(s->conn.h2, NGHTTP2_ENHANCE_YOUR_CALM));
    /* It may never read that. */
    conn_limit(&s->conn, SESSION_GOODBYE_NS);
}

void session_spend(struct session *s)
{
    static const char flood[] = "too many frames that are no work";

    if (!guard_spend(&s->guard, clock_now_ns()))
        end_calmly(s, flood, sizeof flood - 1);
}

void session_end_bomb(struct session *s)
{
    static const char bomb[] = "header list far larger than the limit";

    end_calmly(s, bomb, sizeof bomb - 1);
}

void session_count_ping(struct session *s)
{
    static const char pings[] = SESSION_TOO_MANY_PINGS;
    uint64_t now = clock_now_ns();
    uint64_t permit_ns = s->permit_ns == 0 ? SESSION_PERMIT_NS : s->permit_ns;
    bool soon = s->last_ping_ns != 0 && now - s->last_ping_ns < permit_ns;

    s->last_ping_ns = now;
    if (!soon || ++s->ping_strikes <= PING_STRIKES)
        return;
    end_calmly(s, pings, sizeof pings - 1);
}
