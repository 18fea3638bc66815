#include "results-server/http_linger.h"

#include "common/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_NS (3 * NS_PER_S)
#define PIECE ((size_t)16 << 10)
#define PIECES 256 /* a turn, so that nobody keeps the polling thread */

void http_linger_add(struct http_linger *linger, int fd)
{
    int copy = linger->count < HTTP_LINGER_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;

    if (copy >= 0) {
        linger->fd[linger->count] = copy;
        linger->until_ns[linger->count++] = clock_now_ns() + LINGER_NS;
    }
}

/* False when the client is done, or the connection is gone. */
static bool discard(int fd)
{
    char thrown_away[PIECE];

    for (int i = 0; i < PIECES; i++) {
        ssize_t size = recv(fd, thrown_away, sizeof(thrown_away), MSG_DONTWAIT);

        if (size <= 0) {
            return size < 0 && (errno == EAGAIN || errno == EINTR);
        }
    }
    return true;
}

void http_linger_run(struct http_linger *linger)
{
    uint64_t now_ns = linger->count == 0 ? 0 : clock_now_ns();

    for (size_t i = linger->count; i-- > 0;) {
        if (!discard(linger->fd[i]) || now_ns >= linger->until_ns[i]) {
            close(linger->fd[i]);
            linger->count--;
            linger->fd[i] = linger->fd[linger->count];
            linger->until_ns[i] = linger->until_ns[linger->count];
        }
    }
}

void http_linger_end(struct http_linger *linger)
{
    while (linger->count > 0) {
        close(linger->fd[--linger->count]);
    }
}
