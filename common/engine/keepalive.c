#include "common/engine/keepalive.h"

#include <errno.h>

static void set(struct keepalive *k, uint64_t ns)
{
    ev_timer_set(&k->timer, (double)ns / 1e9, 0.);
    ev_timer_start(k->session->conn.loop->ev, &k->timer);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
    struct keepalive *k = w->data;
    struct session *s = k->session;

    (void)ev, (void)revents;
    if (s->conn.state != CONN_OPEN)
        return;
    if (k->awaits_pong && !k->overdue) {
        k->overdue = true;
        set(k, 0);
        return;
    }
    if (k->awaits_pong) {
        conn_doom(&s->conn, CLIENT_TIMEOUT, ETIMEDOUT,
                  "keepalive: a PING was not answered in time");
        return;
    }
    k->awaits_pong = true;
    k->overdue = false;
    session_check(s, nghttp2_submit_ping(s->conn.h2, NGHTTP2_FLAG_NONE, NULL));
    conn_wake(&s->conn);
    set(k, k->timeout_ns);
}

void keepalive_init(struct keepalive *k, struct session *session, uint64_t every_ns,
                    uint64_t timeout_ns)
{
    k->session = session;
    k->every_ns = every_ns;
    k->timeout_ns = timeout_ns;
    k->awaits_pong = k->overdue = false;
    ev_timer_init(&k->timer, on_timer, 0., 0.);
    /*
     * After this process stood still, an answer that has come is read before it is missed: within a
     * turn by this priority, and one turn more since a wait that SIGCONT ended sees no socket.
     */
    ev_set_priority(&k->timer, EV_MINPRI);
    k->timer.data = k;
}

void keepalive_start(struct keepalive *k)
{
    if (k->every_ns != 0)
        set(k, k->every_ns);
}

void keepalive_pong(struct keepalive *k)
{
    if (!k->awaits_pong)
        return;
    k->awaits_pong = false;
    keepalive_stop(k);
    keepalive_start(k);
}

void keepalive_stop(struct keepalive *k)
{
    ev_timer_stop(k->session->conn.loop->ev, &k->timer);
}
