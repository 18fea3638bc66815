#include "common/engine/conn.h"

#include "common/base/clock.h"
#include "common/engine/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BUDGET 16 /* reads a turn, so that one busy peer does not starve the others */
/* A read while some have to wait: thousands may join them, each with as much. */
#define READ_SIZE_LATE (8u << 10)
#define LINGER_NS NS_PER_S
/* nghttp2 hands out at most one frame buffer at a time: 16 KiB of payload and its header. */
#define FRAME_ROOM (17u << 10)

/* Bytes behind a message that waits to be unpacked: no more is read until its turn has come. */
struct conn_backlog {
    struct loop_task task;
    struct conn *conn;
    size_t size;
    uint8_t data[];
};

void conn_wake(struct conn *conn)
{
    loop_task_queue(conn->loop, &conn->task);
}

void conn_limit(struct conn *conn, uint64_t limit_ns)
{
    ev_timer_stop(conn->loop->ev, &conn->timer);
    if (limit_ns != 0) {
        ev_timer_set(&conn->timer, (double)limit_ns / 1e9, 0.);
        ev_timer_start(conn->loop->ev, &conn->timer);
    }
}

void conn_doom(struct conn *conn, enum client_end end, int detail, const char *text)
{
    bool known = conn->fault || conn->state == CONN_LINGERING;

    if (conn->state == CONN_DOOMED)
        return;
    conn->state = CONN_DOOMED;
    if (!known) {
        conn->end = (uint8_t)end;
        conn->end_detail = detail;
        conn->end_text = text;
    }
    conn_wake(conn);
}

void conn_fault(struct conn *conn, enum client_end end, int detail, const char *text)
{
    if (conn->fault || conn->state == CONN_DOOMED)
        return;
    conn->fault = true;
    conn->end = (uint8_t)end;
    conn->end_detail = detail;
    conn->end_text = text;
}

void conn_abort(struct conn *conn)
{
    conn->abortive = true;
    conn_doom(conn, CLIENT_CLOSED, 0, "closed");
}

static void doom_errno(struct conn *conn, int number)
{
    enum client_end end = number == ECONNREFUSED                    ? CLIENT_REFUSED
                          : number == ECONNRESET || number == EPIPE ? CLIENT_RESET
                          : number == ETIMEDOUT                     ? CLIENT_TIMEOUT
                          : number == ENOMEM || number == ENOBUFS   ? CLIENT_NO_MEMORY
                                                                    : CLIENT_OTHER;

    conn_doom(conn, end, number, strerrordesc_np(number));
}

static void doom_transport(struct conn *conn)
{
    const struct transport *t = &conn->transport;

    if (t->error_number != 0)
        doom_errno(conn, t->error_number);
    else
        conn_doom(conn, CLIENT_TLS_FAILED, t->certificate_error ? 1 : 0, t->error_text);
}

static void doom_h2(struct conn *conn, int rv)
{
    if (rv == NGHTTP2_ERR_NOMEM)
        conn_doom(conn, CLIENT_NO_MEMORY, ENOMEM, "out of memory");
    else
        conn_doom(conn, CLIENT_PROTOCOL, rv, nghttp2_strerror(rv));
}

static void take_late_turn(struct loop_task *task);

static void keep_backlog(struct conn *conn, const uint8_t *data, size_t size)
{
    struct conn_backlog *backlog = mem_alloc(MEM_APP, sizeof *backlog + size);

    if (backlog == NULL) {
        conn_doom(conn, CLIENT_NO_MEMORY, ENOMEM, "out of memory");
        return;
    }
    *backlog = (struct conn_backlog){.task = {.run = take_late_turn}, .conn = conn, .size = size};
    memcpy(backlog->data, data, size);
    conn->backlog = backlog;
    ev_io_stop(conn->loop->ev, &conn->readable);
    loop_task_put_off(conn->loop, &backlog->task);
}

static void feed(struct conn *conn, const uint8_t *data, size_t size)
{
    ssize_t taken = nghttp2_session_mem_recv(conn->h2, data, size);

    if (taken < 0)
        doom_h2(conn, (int)taken);
    else if (conn->paused && conn->state != CONN_DOOMED)
        keep_backlog(conn, data + taken, size - (size_t)taken);
}

static void read_session(struct conn *conn)
{
    uint8_t *buffer = conn->loop->read;
    size_t most = loop_is_late(conn->loop) ? READ_SIZE_LATE : LOOP_READ_SIZE;
    size_t n;

    conn->read_more = false;
    for (int budget = READ_BUDGET; budget > 0; budget--) {
        enum io_status status = conn->transport.ops->read(&conn->transport, buffer, most, &n);

        if (status == IO_RETRY)
            return;
        if (status == IO_ERROR) {
            doom_transport(conn);
            return;
        }
        if (n == 0) {
            conn_doom(conn, CLIENT_PEER_CLOSED, 0, "closed by the peer");
            return;
        }
        if (conn->state == CONN_OPEN) {
            feed(conn, buffer, n);
            /* A callback may have doomed it. */
            if (conn->state == CONN_DOOMED || conn->backlog != NULL)
                return;
        }
        if (conn->transport.ops->is_drained(&conn->transport, most, n))
            return;
    }
    conn->read_more = true;
}

/* The session has said all it will: say goodbye and wait for the peer's end, so that nothing is
 * lost. */
static void linger(struct conn *conn)
{
    conn->state = CONN_LINGERING;
    if (!conn->fault) {
        conn->end = CLIENT_CLOSED;
        conn->end_text = "closed";
    }
    conn->transport.ops->shutdown(&conn->transport);
    conn_limit(conn, LINGER_NS);
}

/* What the socket does not take now is kept, and only then is there a buffer. */
static bool keep_unsent(struct conn *conn, const uint8_t *data, size_t size)
{
    conn->unsent = mem_alloc(MEM_APP, size);
    if (conn->unsent == NULL) {
        conn_doom(conn, CLIENT_NO_MEMORY, ENOMEM, "out of memory");
        return false;
    }
    memcpy(conn->unsent, data, size);
    conn->unsent_size = size;
    conn->unsent_sent = 0;
    ev_io_start(conn->loop->ev, &conn->writable);
    return true;
}

/* Writes until the socket is full; returns how many bytes, or -1 when the connection is doomed. */
static ssize_t write_some(struct conn *conn, const uint8_t *data, size_t size)
{
    size_t done = 0, n;

    while (done < size) {
        enum io_status status =
            conn->transport.ops->write(&conn->transport, data + done, size - done, &n);

        if (status == IO_RETRY)
            break;
        if (status == IO_ERROR) {
            doom_transport(conn);
            return -1;
        }
        done += n;
    }
    return (ssize_t)done;
}

/* Gathers frames into the loop's buffer; returns how many bytes, or -1 when the connection is
 * doomed. */
static ssize_t gather(struct conn *conn)
{
    static const uint8_t preface[] = {NGHTTP2_CLIENT_MAGIC};
    uint8_t *buffer = conn->loop->write;
    size_t used = 0;

    if (conn->greet) {
        memcpy(buffer, preface, NGHTTP2_CLIENT_MAGIC_LEN);
        used = NGHTTP2_CLIENT_MAGIC_LEN;
        conn->greet = false;
    }
    while (LOOP_WRITE_SIZE - used >= FRAME_ROOM) {
        const uint8_t *frame;
        ssize_t n = nghttp2_session_mem_send(conn->h2, &frame);

        if (n < 0) {
            doom_h2(conn, (int)n);
            return -1;
        }
        if (n == 0)
            break;
        if ((size_t)n > LOOP_WRITE_SIZE - used) {
            conn_doom(conn, CLIENT_OTHER, EMSGSIZE, "a frame larger than the write buffer");
            return -1;
        }
        memcpy(buffer + used, frame, (size_t)n);
        used += (size_t)n;
    }
    return (ssize_t)used;
}

static void flush_session(struct conn *conn)
{
    ssize_t size, sent;

    if (conn->unsent != NULL)
        return;
    size = gather(conn);
    if (size < 0)
        return;
    if (size > 0) {
        sent = write_some(conn, conn->loop->write, (size_t)size);
        if (sent < 0)
            return;
        if (sent < size) {
            keep_unsent(conn, conn->loop->write + sent, (size_t)(size - sent));
            return;
        }
    }
    if (nghttp2_session_want_write(conn->h2))
        conn_wake(conn);
    else if (!nghttp2_session_want_read(conn->h2))
        linger(conn);
}

void conn_flush(struct conn *conn)
{
    if (conn->state == CONN_OPEN)
        flush_session(conn);
}

static void flush_unsent(struct conn *conn)
{
    ssize_t sent =
        write_some(conn, conn->unsent + conn->unsent_sent, conn->unsent_size - conn->unsent_sent);

    if (sent < 0)
        return;
    conn->unsent_sent += (size_t)sent;
    if (conn->unsent_sent < conn->unsent_size)
        return;
    ev_io_stop(conn->loop->ev, &conn->writable);
    mem_free(MEM_APP, conn->unsent);
    conn->unsent = NULL;
    conn_wake(conn);
}

static void open_session(struct conn *conn)
{
    conn->state = CONN_OPEN;
    conn->opened = true;
    conn->loop->stats.opened++;
    conn->loop->stats.handshakes += conn->transport.ssl != NULL;
    conn->loop->stats.resumed += transport_resumed(&conn->transport);
    if (!conn->ops->on_open(conn)) {
        conn_doom(conn, CLIENT_NO_MEMORY, ENOMEM, "out of memory");
        return;
    }
    /* The peer's first frames may have come with the end of the handshake. */
    if (conn->state == CONN_OPEN)
        read_session(conn);
    conn_wake(conn);
}

static void handshake(struct conn *conn)
{
    switch (conn->transport.ops->handshake(&conn->transport)) {
    case IO_OK:
        ev_io_stop(conn->loop->ev, &conn->writable);
        open_session(conn);
        break;
    case IO_RETRY:
        if (conn->transport.want_write)
            ev_io_start(conn->loop->ev, &conn->writable);
        else
            ev_io_stop(conn->loop->ev, &conn->writable);
        break;
    case IO_ERROR:
        doom_transport(conn);
    }
}

static void finish_connect(struct conn *conn)
{
    int number = 0;
    socklen_t size = sizeof number;

    if (getsockopt(conn->transport.fd, SOL_SOCKET, SO_ERROR, &number, &size) < 0)
        number = errno;
    if (number != 0) {
        doom_errno(conn, number);
        return;
    }
    ev_io_stop(conn->loop->ev, &conn->writable);
    ev_io_start(conn->loop->ev, &conn->readable);
    conn->state = CONN_HANDSHAKING;
    if (conn->ops->on_connected != NULL)
        conn->ops->on_connected(conn);
    handshake(conn);
}

/* libev watches it no more, so nothing would ever come of it. */
static void doom_unwatched(struct conn *conn)
{
    conn_doom(conn, CLIENT_NO_MEMORY, ENOMEM, "the kernel refuses to watch it");
}

/*
 * What was read is answered before another connection is read: with many of them, what their calls
 * hold would not fit the processor's caches. The turn has what remains.
 */
static void answer(struct conn *conn)
{
    if (conn->state == CONN_OPEN) {
        loop_task_cancel(&conn->task);
        flush_session(conn);
    }
    if (conn->read_more)
        conn_wake(conn);
}

static void on_readable(struct ev_loop *ev, ev_io *w, int revents)
{
    struct conn *conn = w->data;

    (void)ev;
    if ((revents & EV_ERROR) != 0) {
        doom_unwatched(conn);
    } else if (conn->state == CONN_HANDSHAKING) {
        handshake(conn);
    } else if (conn->state != CONN_DOOMED) {
        read_session(conn);
        answer(conn);
    }
}

static void on_writable(struct ev_loop *ev, ev_io *w, int revents)
{
    struct conn *conn = w->data;

    (void)ev;
    if ((revents & EV_ERROR) != 0)
        doom_unwatched(conn);
    else if (conn->state == CONN_CONNECTING)
        finish_connect(conn);
    else if (conn->state == CONN_HANDSHAKING)
        handshake(conn);
    else if (conn->unsent != NULL && conn->state != CONN_DOOMED)
        flush_unsent(conn);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
    struct conn *conn = w->data;

    (void)ev, (void)revents;
    conn_doom(conn, CLIENT_TIMEOUT, ETIMEDOUT, "timed out before the connection was usable");
}

/* The loop's turn: what came of anything but reading is written, and the only place that tears a
 * connection down. */
static void take_turn(struct loop_task *task)
{
    struct conn *conn = (struct conn *)((char *)task - offsetof(struct conn, task));

    if (conn->read_more && conn->backlog == NULL && conn->state == CONN_OPEN)
        read_session(conn);
    conn_flush(conn);
    if (conn->read_more && conn->backlog == NULL && conn->state != CONN_DOOMED)
        conn_wake(conn);
    if (conn->state == CONN_DOOMED)
        conn->ops->on_end(conn, conn->end, conn->end_detail, conn->end_text);
}

/* Where nothing is open any more, the rest is dropped, as what is read then is. */
static void take_late_turn(struct loop_task *task)
{
    struct conn_backlog *backlog =
        (struct conn_backlog *)((char *)task - offsetof(struct conn_backlog, task));
    struct conn *conn = backlog->conn;

    if (conn->state == CONN_OPEN && !conn->ops->on_resume(conn)) {
        loop_task_put_off(conn->loop, task);
        return;
    }
    conn->backlog = NULL;
    conn->paused = false;
    ev_io_start(conn->loop->ev, &conn->readable);
    if (conn->state == CONN_OPEN)
        feed(conn, backlog->data, backlog->size);
    mem_free(MEM_APP, backlog);
    if (conn->backlog == NULL && conn->state != CONN_DOOMED)
        read_session(conn);
    conn_wake(conn);
}

void conn_start(struct conn *conn, struct engine_loop *loop, const struct conn_ops *ops,
                bool connecting, uint64_t limit_ns)
{
    conn->loop = loop;
    conn->ops = ops;
    conn->state = connecting ? CONN_CONNECTING : CONN_HANDSHAKING;
    conn->task.run = take_turn;
    ev_io_init(&conn->readable, on_readable, conn->transport.fd, EV_READ);
    ev_io_init(&conn->writable, on_writable, conn->transport.fd, EV_WRITE);
    ev_timer_init(&conn->timer, on_timer, 0., 0.);
    conn->readable.data = conn->writable.data = conn->timer.data = conn;
    if (connecting)
        ev_io_start(loop->ev, &conn->writable);
    else
        ev_io_start(loop->ev, &conn->readable);
    conn_limit(conn, limit_ns);
    if (!connecting)
        handshake(conn);
}

void conn_release(struct conn *conn)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    loop_task_cancel(&conn->task);
    if (conn->backlog != NULL)
        loop_task_cancel(&conn->backlog->task);
    mem_free(MEM_APP, conn->backlog);
    conn->backlog = NULL;
    ev_io_stop(conn->loop->ev, &conn->readable);
    ev_io_stop(conn->loop->ev, &conn->writable);
    ev_timer_stop(conn->loop->ev, &conn->timer);
    nghttp2_session_del(conn->h2);
    conn->h2 = NULL;
    mem_free(MEM_APP, conn->unsent);
    conn->unsent = NULL;
    conn->transport.ops->release(&conn->transport);
    if (conn->abortive)
        setsockopt(conn->transport.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(conn->transport.fd);
}
