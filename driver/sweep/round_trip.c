#include "driver/sweep/round_trip.h"

#include "common/base/clock.h"
#include "driver/sweep/interrupt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRIES 3 /* connections */
/* On one connection: gRPC servers take more of them, in such a hurry, for an attack. */
#define PINGS 3
#define LIMIT_NS (60 * NS_PER_S)
#define MARGIN_NS (20 * NS_PER_MS)

/* The preface and an empty SETTINGS frame (RFC 9113, 3.4). */
static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x4\0\0\0\0\0";
/* The head of a PING; eight bytes of its own follow. */
static const char ping_head[] = "\0\0\x8\x6\0\0\0\0\0";
/* No TLS record begins so (RFC 8446, 5.1), and it is as long as the head of one. */
static const char no_record[] = "no TLS at all\r\n";

#define PING_OWN 8

static bool fail(const char *what, int port, char *error, size_t cap)
{
    snprintf(error, cap, "cannot measure the round trip to port %d: %s: %s", port, what,
             strerror(errno));
    return false;
}

/* Readable, or so much later. False: interrupted. */
static bool await(int fd, uint64_t until_ns)
{
    struct pollfd fds[] = {{fd, POLLIN, 0}, {interrupt_fd(), POLLIN, 0}};
    uint64_t now = clock_now_ns();

    if (now < until_ns)
        (void)poll(fds, 2, (int)((until_ns - now) / NS_PER_MS) + 1);
    return !interrupt_came();
}

static bool nap(uint64_t ns)
{
    uint64_t until = clock_now_ns() + ns;

    while (clock_now_ns() < until) {
        if (!await(-1, until))
            return false;
    }
    return true;
}

static int dial(const struct round_trip_plan *plan, char *error, size_t cap)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)plan->port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = plan->netem == NULL ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)
                                 : netem_socket(plan->netem, NETEM_NEAR),
        on = 1;

    if (plan->netem != NULL)
        inet_pton(AF_INET, NETEM_ADDRESS_FAR, &address.sin_addr);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return fd;
    }
    (void)fail("connect", plan->port, error, cap);
    if (fd >= 0)
        close(fd);
    return -1;
}

/*
 * Until the bytes in `own` come back, or with NULL anything at all, an end too. False with one line
 * in *error.
 */
static bool await_answer(int fd, const char *own, int port, char *error, size_t cap)
{
    uint64_t deadline = clock_now_ns() + LIMIT_NS;
    char seen[512];
    size_t kept = 0;

    while (clock_now_ns() < deadline) {
        ssize_t n;

        *error = '\0';
        if (!await(fd, deadline))
            return false;
        n = recv(fd, seen + kept, sizeof seen - kept, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (own == NULL)
            return true;
        if (n <= 0) {
            snprintf(error, cap,
                     "cannot measure the round trip to port %d: the connection was closed", port);
            return false;
        }
        kept += (size_t)n;
        if (memmem(seen, kept, own, PING_OWN) != NULL)
            return true;
        /* The answer may come in two pieces. */
        if (kept > PING_OWN) {
            memmove(seen, seen + kept - PING_OWN, PING_OWN);
            kept = PING_OWN;
        }
    }
    errno = ETIMEDOUT;
    return fail("no answer", port, error, cap);
}

static bool say(int fd, const char *bytes, size_t count, int port, char *error, size_t cap)
{
    return send(fd, bytes, count, MSG_NOSIGNAL) == (ssize_t)count || fail("send", port, error, cap);
}

static bool try_ping(int fd, int number, const struct round_trip_plan *plan, uint64_t *took_ns,
                     char *error, size_t cap)
{
    char ping[sizeof ping_head - 1 + PING_OWN + 1], *own = ping + sizeof ping_head - 1;
    uint64_t began;

    memcpy(ping, ping_head, sizeof ping_head - 1);
    snprintf(own, PING_OWN + 1, "flatln%02d", number % 100);
    began = clock_now_ns();
    if (!say(fd, ping, sizeof ping - 1, plan->port, error, cap) ||
        !await_answer(fd, own, plan->port, error, cap))
        return false;
    *took_ns = clock_now_ns() - began;
    return true;
}

/* The shortest of a few on one connection, if it is shorter than *best_ns. */
static bool try_plain(const struct round_trip_plan *plan, uint64_t *best_ns, char *error,
                      size_t cap)
{
    int fd = dial(plan, error, cap);
    uint64_t took;
    bool done = fd >= 0 && say(fd, preface, sizeof preface - 1, plan->port, error, cap) &&
                nap(plan->expect_ns + MARGIN_NS);

    for (int i = 0; done && i<PINGS && * best_ns> plan->enough_ns; i++) {
        done = try_ping(fd, i, plan, &took, error, cap);
        if (done && took < *best_ns)
            *best_ns = took;
    }
    if (fd >= 0)
        close(fd);
    return done;
}

/* One is all that a connection is good for. */
static bool try_tls(const struct round_trip_plan *plan, uint64_t *best_ns, char *error, size_t cap)
{
    int fd = dial(plan, error, cap);
    uint64_t began, took;
    bool done = fd >= 0 && nap(plan->expect_ns + MARGIN_NS);

    began = clock_now_ns();
    done = done && say(fd, no_record, sizeof no_record - 1, plan->port, error, cap) &&
           await_answer(fd, NULL, plan->port, error, cap);
    took = clock_now_ns() - began;
    if (done && took < *best_ns)
        *best_ns = took;
    if (fd >= 0)
        close(fd);
    return done;
}

bool round_trip_measure(const struct round_trip_plan *plan, uint64_t *best_ns, char *error,
                        size_t cap)
{
    bool done = true;

    *error = '\0';
    *best_ns = UINT64_MAX;
    for (int i = 0; done && i<TRIES && * best_ns> plan->enough_ns; i++)
        done =
            plan->tls ? try_tls(plan, best_ns, error, cap) : try_plain(plan, best_ns, error, cap);
    return done;
}
