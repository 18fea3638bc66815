#include "driver/host/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 4096
#define WHY 256

struct link {
    struct ev_loop *loop;
    struct link_hooks hooks;
    void *user;
    ev_io reading, writing;
    struct link_reader reader;
    char *unwritten;
    size_t unwritten_size;
    bool hanging_up;
};

static void close_watched(struct link *link, ev_io *watcher)
{
    ev_io_stop(link->loop, watcher);
    if (watcher->fd >= 0)
        close(watcher->fd);
    ev_io_set(watcher, -1, 0);
}

static void end_reading(struct link *link, const char *why)
{
    close_watched(link, &link->reading);
    link->hooks.over(link->user, why);
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int revents)
{
    struct link *link = watcher->data;
    char bytes[CHUNK], why[WHY];
    ssize_t n;

    (void)loop;
    if ((revents & EV_ERROR) != 0) {
        end_reading(link, "the kernel refuses to watch for its words");
        return;
    }
    n = read(watcher->fd, bytes, sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        end_reading(link, NULL);
    else if (!link_reader_feed(&link->reader, bytes, (size_t)n, link->hooks.said, link->user, why,
                               sizeof why))
        end_reading(link, why);
}

static void drop_unwritten(struct link *link)
{
    free(link->unwritten);
    link->unwritten = NULL;
    link->unwritten_size = 0;
}

/* Whoever does not listen any more has ended, which reading tells. */
static void write_on(struct link *link)
{
    ssize_t n;

    while (link->unwritten_size > 0) {
        n = write(link->writing.fd, link->unwritten, link->unwritten_size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            ev_io_start(link->loop, &link->writing);
            return;
        }
        if (n < 0) {
            drop_unwritten(link);
            close_watched(link, &link->writing);
            return;
        }
        link->unwritten_size -= (size_t)n;
        memmove(link->unwritten, link->unwritten + n, link->unwritten_size);
    }
    ev_io_stop(link->loop, &link->writing);
    drop_unwritten(link);
    if (link->hanging_up)
        close_watched(link, &link->writing);
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int revents)
{
    struct link *link = watcher->data;

    (void)loop;
    if ((revents & EV_ERROR) == 0) {
        write_on(link);
        return;
    }
    drop_unwritten(link);
    close_watched(link, &link->writing);
}

struct link *link_new(struct ev_loop *loop, int from, int to, const struct link_hooks *hooks,
                      void *user)
{
    struct link *link = calloc(1, sizeof *link);

    if (link == NULL) {
        close(from);
        close(to);
        return NULL;
    }
    fcntl(from, F_SETFL, O_NONBLOCK);
    fcntl(to, F_SETFL, O_NONBLOCK);
    link->loop = loop;
    link->hooks = *hooks;
    link->user = user;
    link_reader_init(&link->reader, LINK_LINE_MAX);
    ev_io_init(&link->reading, on_readable, from, EV_READ);
    ev_io_init(&link->writing, on_writable, to, EV_WRITE);
    link->reading.data = link;
    link->writing.data = link;
    ev_io_start(loop, &link->reading);
    return link;
}

void link_free(struct link *link)
{
    if (link == NULL)
        return;
    close_watched(link, &link->reading);
    close_watched(link, &link->writing);
    drop_unwritten(link);
    link_reader_clear(&link->reader);
    free(link);
}

bool link_say(struct link *link, const char *format, ...)
{
    char *line = NULL, *all;
    va_list args;
    int length;

    if (link->writing.fd < 0 || link->hanging_up)
        return false;
    va_start(args, format);
    length = vasprintf(&line, format, args);
    va_end(args);
    if (length < 0)
        return false;
    line[length] = '\n'; /* instead of its end: the size counts */
    all = realloc(link->unwritten, link->unwritten_size + (size_t)length + 1);
    if (all != NULL) {
        memcpy(all + link->unwritten_size, line, (size_t)length + 1);
        link->unwritten = all;
        link->unwritten_size += (size_t)length + 1;
        write_on(link);
    }
    free(line);
    return all != NULL;
}

void link_hang_up(struct link *link)
{
    link->hanging_up = true;
    write_on(link);
}
