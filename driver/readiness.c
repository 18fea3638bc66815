#include "driver/readiness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROBE_PAUSE_NS (100 * NS_PER_MS)

void readiness_begin(struct readiness *r, const struct component *component,
                     const struct spawn_request *probe)
{
    *r = (struct readiness){.by = component->ready, .fd = -1, .probe = probe};
    r->address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)component->port)};
    (void)inet_pton(AF_INET, component_address(component), &r->address.sin_addr);
}

static void hang_up(struct readiness *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
}

/* On loopback a connect is decided at once, but for a full backlog. */
static bool look_by_tcp(struct readiness *r)
{
    int error = 0;

    if (r->fd < 0) {
        r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (r->fd < 0)
            return false;
        if (connect(r->fd, (struct sockaddr *)&r->address, sizeof r->address) < 0)
            error = errno;
    } else {
        struct pollfd poll_fd = {.fd = r->fd, .events = POLLOUT};
        socklen_t size = sizeof error;

        if (poll(&poll_fd, 1, 0) <= 0)
            return false;
        getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error == EINPROGRESS)
        return false;
    hang_up(r);
    return error == 0;
}

static bool look_by_health(struct readiness *r, uint64_t now_ns)
{
    struct spawn_end end = {-1, 0};
    char error[128];

    if (!r->probing) {
        if (now_ns >= r->next_ns)
            r->probing = spawn_start(r->probe, &r->child, error, sizeof error);
        return false;
    }
    if (!spawn_reap(&r->child, &end))
        return false;
    spawn_release(&r->child);
    r->probing = false;
    r->next_ns = now_ns + PROBE_PAUSE_NS;
    return end.code == 0;
}

bool readiness_look(struct readiness *r, uint64_t now_ns)
{
    switch (r->by) {
    case READY_TCP:
        return look_by_tcp(r);
    case READY_HEALTH:
        return look_by_health(r, now_ns);
    case READY_START:
        return true;
    default:
        return false;
    }
}

void readiness_end(struct readiness *r)
{
    hang_up(r);
    if (!r->probing)
        return;
    spawn_end_now(&r->child);
    r->probing = false;
}
