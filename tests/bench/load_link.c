#include "tests/bench/load_link.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define RECONNECT 0.2    /* s */
#define ANSWER_MOST 8192 /* bytes, head and body: the answers to a host are short */

struct load_link {
    struct ev_loop *loop;
    struct sockaddr_in from, to;
    struct load_link_hooks hooks;
    struct ev_io io;
    struct ev_timer again;
    int fd; /* -1: none */
    bool busy;
    struct load_text head, body;
    size_t sent;
    char answer[ANSWER_MOST + 1];
    size_t received;
};

static void link_watch(struct load_link *link, int events)
{
    ev_io_stop(link->loop, &link->io);
    ev_io_set(&link->io, link->fd, events);
    ev_io_start(link->loop, &link->io);
}

static void link_close(struct load_link *link)
{
    if (link->fd < 0)
        return;
    ev_io_stop(link->loop, &link->io);
    close(link->fd);
    link->fd = -1;
}

/* Whoever is idle connects when there is something to send. */
static void link_broke(struct load_link *link)
{
    link_close(link);
    if (!link->busy)
        return;
    link->hooks.broke(link->hooks.user);
    ev_timer_set(&link->again, RECONNECT, 0); /* libev has used up the time of the last one */
    ev_timer_start(link->loop, &link->again);
}

static void link_write(struct load_link *link)
{
    size_t head = link->head.size, whole = head + link->body.size;

    while (link->sent < whole) {
        size_t in_head = link->sent < head ? head - link->sent : 0;
        size_t in_body = link->sent < head ? 0 : link->sent - head;
        struct iovec parts[] = {
            {link->head.bytes + (head - in_head), in_head},
            {link->body.bytes == NULL ? NULL : link->body.bytes + in_body,
             link->body.size - in_body},
        };
        ssize_t n = writev(link->fd, parts, 2);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EINPROGRESS || errno == ENOTCONN))
            break;
        if (n < 0) {
            link_broke(link);
            return;
        }
        link->sent += (size_t)n;
    }
    link_watch(link, link->sent < whole ? EV_READ | EV_WRITE : EV_READ);
}

static void link_connect(struct load_link *link)
{
    int one = 1;

    link->sent = 0;
    link->received = 0;
    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0) {
        link_broke(link);
        return;
    }
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(link->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(link->fd, (const struct sockaddr *)&link->from, sizeof link->from) != 0) {
        link_broke(link);
        return;
    }
    if (connect(link->fd, (const struct sockaddr *)&link->to, sizeof link->to) != 0 &&
        errno != EINPROGRESS) {
        link_broke(link);
        return;
    }
    link_watch(link, EV_WRITE);
}

/* The body of a whole answer, or NULL; *status and *kept (the connection stays) are set with it. */
static const char *link_parse(struct load_link *link, int *status, bool *kept)
{
    char *end, *body, *line;
    size_t length = 0;

    link->answer[link->received] = 0;
    end = strstr(link->answer, "\r\n\r\n");
    if (end == NULL || sscanf(link->answer, "HTTP/1.1 %d", status) != 1)
        return NULL;
    body = end + 4;
    *kept = true;
    for (line = strstr(link->answer, "\r\n"); line < end; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, "content-length:", 15) == 0)
            length = strtoul(line + 17, NULL, 10);
        if (strncasecmp(line + 2, "connection: close", 17) == 0)
            *kept = false;
    }
    return link->received >= (size_t)(body - link->answer) + length ? body : NULL;
}

static void link_read(struct load_link *link)
{
    ssize_t n = read(link->fd, link->answer + link->received, ANSWER_MOST - link->received);
    const char *body;
    bool kept;
    int status;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) { /* broken, or longer than any answer */
        link_broke(link);
        return;
    }
    link->received += (size_t)n;
    body = link_parse(link, &status, &kept);
    if (body == NULL || !link->busy)
        return;
    link->busy = false;
    if (!kept)
        link_close(link);
    link->hooks.answered(link->hooks.user, status, body);
}

static void on_io(struct ev_loop *loop, struct ev_io *w, int events)
{
    struct load_link *link = w->data;

    (void)loop;
    if (events & EV_WRITE)
        link_write(link);
    else
        link_read(link);
}

static void on_again(struct ev_loop *loop, struct ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    link_connect(w->data);
}

struct load_link *load_link_new(struct ev_loop *loop, const struct sockaddr_in *from,
                                const struct sockaddr_in *to, const struct load_link_hooks *hooks)
{
    struct load_link *link = calloc(1, sizeof *link);

    if (link == NULL)
        return NULL;
    link->loop = loop;
    link->from = *from;
    link->to = *to;
    link->hooks = *hooks;
    link->fd = -1;
    ev_init(&link->io, on_io);
    link->io.data = link;
    ev_init(&link->again, on_again);
    link->again.data = link;
    return link;
}

void load_link_free(struct load_link *link)
{
    if (link == NULL)
        return;
    link_close(link);
    ev_timer_stop(link->loop, &link->again);
    load_text_free(&link->head);
    load_text_free(&link->body);
    free(link);
}

struct load_text *load_link_body(struct load_link *link)
{
    load_text_clear(&link->body);
    return &link->body;
}

void load_link_send(struct load_link *link, const char *method, const char *path)
{
    load_text_clear(&link->head);
    load_text_format(&link->head,
                     "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     method, path, link->body.size);
    link->busy = true;
    link->sent = 0;
    link->received = 0;
    if (link->fd < 0)
        link_connect(link);
    else
        link_write(link);
}
