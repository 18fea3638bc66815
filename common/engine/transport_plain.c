#include "common/engine/transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static enum io_status failed(struct transport *t)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return IO_RETRY;
    t->error_number = errno;
    return IO_ERROR;
}

static enum io_status plain_handshake(struct transport *t)
{
    (void)t;
    return IO_OK;
}

static enum io_status plain_read(struct transport *t, uint8_t *data, size_t cap, size_t *n)
{
    ssize_t got = recv(t->fd, data, cap, 0);

    if (got < 0)
        return failed(t);
    *n = (size_t)got;
    return IO_OK;
}

static bool plain_is_drained(const struct transport *t, size_t cap, size_t n)
{
    (void)t;
    return n < cap;
}

static enum io_status plain_write(struct transport *t, const uint8_t *data, size_t size, size_t *n)
{
    ssize_t put = send(t->fd, data, size, MSG_NOSIGNAL);

    if (put < 0)
        return failed(t);
    *n = (size_t)put;
    return IO_OK;
}

static void plain_shutdown(struct transport *t)
{
    shutdown(t->fd, SHUT_WR);
}

static void plain_release(struct transport *t)
{
    (void)t;
}

static const struct transport_ops plain_ops = {
    .handshake = plain_handshake,
    .read = plain_read,
    .is_drained = plain_is_drained,
    .write = plain_write,
    .shutdown = plain_shutdown,
    .release = plain_release,
};

void transport_init_plain(struct transport *t, int fd)
{
    *t = (struct transport){.ops = &plain_ops, .fd = fd};
}
