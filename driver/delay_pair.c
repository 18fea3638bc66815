#include "driver/delay_pair.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECES 64

/* One of the two that talk to each other. */
struct end {
    struct due due; /* of what it said; of a server that was not called yet, of the call */
    struct delay_pair *pair;
    int fd; /* -1: not there yet, or no more */
    ev_io reader, writer;
    struct delay_line said; /* by it, for the other end */
    bool connected;
    bool over; /* it says nothing more */
    bool told; /* it was told that nothing more comes */
    bool gone; /* what is said to it goes nowhere */
};

struct delay_pair {
    struct delay_shared *shared;
    struct delay_pair *next, **link;
    struct end client, server;
    bool muted;
};

static struct end *other(const struct end *end)
{
    return end == &end->pair->client ? &end->pair->server : &end->pair->client;
}

/* ---- when ---- */

static bool can_be_written(const struct end *end)
{
    return end->connected && !end->gone && !ev_is_active(&end->writer);
}

static uint64_t next_of(const struct end *end)
{
    const struct delay_pair *pair = end->pair;

    if (pair->client.gone && pair->server.gone)
        return 0; /* to be freed, by delay_pair_run */
    if (pair->muted)
        return DELAY_NEVER;
    if (end == &pair->server && end->fd < 0 && !end->gone)
        return end->due.at_ns; /* it is called then */
    return can_be_written(other(end)) ? delay_line_due(&end->said) : DELAY_NEVER;
}

static void schedule(struct end *end)
{
    due_heap_set(&end->pair->shared->heap, &end->due, next_of(end));
}

/* ---- the end ---- */

static void close_end(struct end *end)
{
    struct delay_shared *shared = end->pair->shared;

    due_heap_set(&shared->heap, &end->due, DELAY_NEVER);
    ev_io_stop(shared->loop, &end->reader);
    ev_io_stop(shared->loop, &end->writer);
    delay_line_clear(&end->said);
    if (end->fd >= 0)
        close(end->fd);
}

static void pair_free(struct delay_pair *pair)
{
    close_end(&pair->client);
    close_end(&pair->server);
    pair->shared->stats.connections--;
    *pair->link = pair->next;
    if (pair->next != NULL)
        pair->next->link = pair->link;
    free(pair);
}

static void reset(struct end *end)
{
    const struct linger at_once = {.l_onoff = 1};

    if (end->fd >= 0)
        setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

/* The other end hears of it in time. */
static void break_off(struct end *end, uint64_t now_ns)
{
    struct ev_loop *loop = end->pair->shared->loop;

    end->gone = end->over = true;
    ev_io_stop(loop, &end->reader);
    ev_io_stop(loop, &end->writer);
    delay_line_clear(&other(end)->said);
    schedule(other(end));
    delay_line_put_end(&end->said, DELAY_RST, now_ns);
    schedule(end);
}

/* False: the pair is no more. */
static bool tell_end(struct end *from, enum delay_end how)
{
    struct end *to = other(from);

    if (how == DELAY_OPEN)
        return true;
    if (how == DELAY_FIN) {
        to->told = true;
        shutdown(to->fd, SHUT_WR);
        if (!from->told)
            return true;
    } else {
        reset(to);
    }
    pair_free(from->pair);
    return false;
}

/* ---- what is due goes out ---- */

/* False: all that is due was written, or nothing can be for now. */
static bool write_some(struct end *from, uint64_t now_ns)
{
    struct end *to = other(from);
    struct delay_stats *stats = &from->pair->shared->stats;
    struct iovec pieces[PIECES];
    struct msghdr message = {.msg_iov = pieces};
    int count = delay_line_gather(&from->said, now_ns, pieces, PIECES);
    ssize_t written;

    if (count == 0)
        return false;
    message.msg_iovlen = (size_t)count;
    written = sendmsg(to->fd, &message, MSG_NOSIGNAL);
    if (written >= 0) {
        delay_line_take(&from->said, (size_t)written);
        *(from == &from->pair->client ? &stats->bytes_up : &stats->bytes_down) += (uint64_t)written;
        return true;
    }
    if (errno == EAGAIN)
        ev_io_start(from->pair->shared->loop, &to->writer);
    else
        break_off(to, now_ns);
    return false;
}

static void deliver(struct end *from, uint64_t now_ns)
{
    while (can_be_written(other(from)) && write_some(from, now_ns))
        ;
    if (can_be_written(other(from)) && !tell_end(from, delay_line_take_end(&from->said, now_ns)))
        return;
    if (!from->over && !delay_line_is_full(&from->said))
        ev_io_start(from->pair->shared->loop, &from->reader);
    schedule(from);
}

/* ---- what comes in ---- */

static void take_in(struct end *end, size_t length, uint64_t now_ns)
{
    struct delay_shared *shared = end->pair->shared;

    if (end->pair->muted || other(end)->gone)
        return;
    if (!delay_line_put(&end->said, shared->buffer, length, now_ns)) {
        log_warn("no memory for what is under way: a connection is reset");
        reset(&end->pair->client);
        reset(&end->pair->server);
        pair_free(end->pair);
        return;
    }
    if (delay_line_is_full(&end->said))
        ev_io_stop(shared->loop, &end->reader);
    schedule(end);
}

/* A muted pair is forgotten when neither end can be there any more. */
static void hear_end(struct end *end, bool broken, uint64_t now_ns)
{
    ev_io_stop(end->pair->shared->loop, &end->reader);
    end->over = true;
    if (end->pair->muted) {
        if (other(end)->over)
            pair_free(end->pair);
    } else if (broken) {
        break_off(end, now_ns);
    } else if (!other(end)->gone) {
        delay_line_put_end(&end->said, DELAY_FIN, now_ns);
        schedule(end);
    }
}

/* libev watches it no more, so nothing would ever come of it. */
static void give_up(struct end *end)
{
    log_warn("the kernel refuses to watch a connection, which is reset");
    break_off(end, clock_now_ns());
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
    struct end *end = io->data;
    ssize_t got;

    (void)loop;
    if ((revents & EV_ERROR) != 0) {
        give_up(end);
        return;
    }
    got = recv(end->fd, end->pair->shared->buffer, DELAY_READ, 0);
    if (got > 0)
        take_in(end, (size_t)got, clock_now_ns());
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        hear_end(end, got < 0, clock_now_ns());
}

/* ---- the call to the server ---- */

static void set_up(struct end *end)
{
    const int on = 1;

    setsockopt(end->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    end->connected = true;
    ev_io_set(&end->reader, end->fd, EV_READ);
    ev_io_set(&end->writer, end->fd, EV_WRITE);
    ev_io_start(end->pair->shared->loop, &end->reader);
}

static void refuse(struct end *server, int error, uint64_t now_ns)
{
    log_debug("cannot connect: %s", strerror(error));
    break_off(server, now_ns);
}

static void greet(struct end *server)
{
    set_up(server);
    schedule(server);
    schedule(&server->pair->client);
}

static void dial(struct end *server, uint64_t now_ns)
{
    struct delay_shared *shared = server->pair->shared;

    due_heap_set(&shared->heap, &server->due, DELAY_NEVER);
    server->fd = socket(shared->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (server->fd < 0) {
        log_warn("cannot make a socket: %s; a connection is reset", strerror(errno));
        refuse(server, errno, now_ns);
    } else if (connect(server->fd, (struct sockaddr *)&shared->to, shared->to_size) == 0) {
        greet(server);
    } else if (errno == EINPROGRESS) {
        ev_io_set(&server->writer, server->fd, EV_WRITE);
        ev_io_start(shared->loop, &server->writer);
    } else {
        refuse(server, errno, now_ns);
    }
}

static void on_writable(struct ev_loop *loop, ev_io *io, int revents)
{
    struct end *end = io->data;
    socklen_t size = sizeof(int);
    int error = 0;

    ev_io_stop(loop, io);
    if ((revents & EV_ERROR) != 0) {
        give_up(end);
        return;
    }
    if (end->connected) {
        deliver(other(end), clock_now_ns());
        return;
    }
    getsockopt(end->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0)
        greet(end);
    else
        refuse(end, error, clock_now_ns());
}

/* ---- a pair ---- */

static void end_init(struct end *end, struct delay_pair *pair, int fd, struct delay_link *link)
{
    end->pair = pair;
    end->fd = fd;
    ev_init(&end->reader, on_readable);
    end->reader.data = end;
    ev_init(&end->writer, on_writable);
    end->writer.data = end;
    delay_line_init(&end->said, link);
}

bool delay_pair_add(struct delay_shared *shared, int fd, uint64_t now_ns)
{
    struct delay_pair *pair = calloc(1, sizeof *pair);
    uint64_t up_ns = shared->up.delay_ns, rtt_ns = up_ns + shared->down.delay_ns;

    if (pair == NULL || !due_heap_reserve(&shared->heap, 2 * (shared->stats.connections + 1))) {
        free(pair);
        close(fd);
        return false;
    }
    pair->shared = shared;
    pair->next = shared->pairs;
    pair->link = &shared->pairs;
    shared->pairs = pair;
    if (pair->next != NULL)
        pair->next->link = &pair->next;
    shared->stats.connections++;
    shared->stats.connections_total++;
    end_init(&pair->client, pair, fd, &shared->up);
    end_init(&pair->server, pair, -1, &shared->down);
    /* SYN, SYN+ACK, ACK: each end speaks when it has heard of the other. */
    delay_line_hold(&pair->client.said, now_ns + rtt_ns);
    delay_line_hold(&pair->server.said, now_ns + rtt_ns + up_ns);
    set_up(&pair->client);
    due_heap_set(&shared->heap, &pair->server.due, now_ns + up_ns);
    return true;
}

void delay_pair_run(struct due *due, uint64_t now_ns)
{
    struct end *end = (struct end *)due; /* its first member */

    if (end->gone && other(end)->gone)
        pair_free(end->pair);
    else if (end == &end->pair->server && end->fd < 0 && !end->gone)
        dial(end, now_ns);
    else
        deliver(end, now_ns);
}

static void mute(struct delay_pair *pair)
{
    struct end *ends[] = {&pair->client, &pair->server};

    pair->muted = true;
    if (!pair->server.connected)
        pair->server.over = true;
    for (size_t i = 0; i < 2; i++) {
        delay_line_clear(&ends[i]->said);
        schedule(ends[i]);
        ev_io_stop(pair->shared->loop, &ends[i]->writer);
        if (!ends[i]->over)
            ev_io_start(pair->shared->loop, &ends[i]->reader);
    }
    if (pair->client.over && pair->server.over)
        pair_free(pair);
}

void delay_pair_mute_all(struct delay_shared *shared)
{
    struct delay_pair *next;

    for (struct delay_pair *pair = shared->pairs; pair != NULL; pair = next) {
        next = pair->next;
        if (!pair->muted)
            mute(pair);
    }
}

void delay_pair_free_all(struct delay_shared *shared)
{
    struct delay_pair *next;

    for (struct delay_pair *pair = shared->pairs; pair != NULL; pair = next) {
        next = pair->next;
        pair_free(pair);
    }
}
