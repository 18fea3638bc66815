#include "tests/fuzz/wire.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SEND_BUFFER 8192     /* of the engine: small, so that it is full now and then */
#define HEAR_MOST (1u << 20) /* an endless reply is read no further */
#define TURNS_MOST 16u       /* by one order */
#define LAST_TURNS 200

/* The linker's --wrap. */
int __real_socket(int domain, int type, int protocol);
int __real_bind(int fd, const struct sockaddr *address, socklen_t size);
int __real_connect(int fd, const struct sockaddr *address, socklen_t size);
int __real_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
uint64_t __wrap_clock_now_ns(void);

static struct sockaddr_un listening;
static socklen_t listening_size;
static int answering = -1;
static uint64_t now_ns = NS_PER_S, look_ns;

uint64_t __wrap_clock_now_ns(void)
{
    return now_ns += look_ns;
}

int __wrap_socket(int domain, int type, int protocol)
{
    (void)domain, (void)protocol;
    return __real_socket(AF_UNIX, type, 0);
}

/* An abstract address of the kernel's choice. */
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size)
{
    struct sockaddr_un any = {.sun_family = AF_UNIX};

    (void)address, (void)size;
    listening_size = sizeof listening;
    if (__real_bind(fd, (const struct sockaddr *)&any, sizeof any.sun_family) < 0)
        return -1;
    return getsockname(fd, (struct sockaddr *)&listening, &listening_size);
}

static void set_small_buffer(int fd)
{
    static const int size = SEND_BUFFER;

    require(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
}

/* The client's socket becomes one end of a pair. */
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    int pair[2];

    (void)address, (void)size;
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    require(dup3(pair[0], fd, O_CLOEXEC) == fd && close(pair[0]) == 0);
    set_small_buffer(fd);
    answering = pair[1];
    return 0;
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    int accepted = __real_accept4(fd, address, size, flags);

    if (accepted >= 0)
        set_small_buffer(accepted);
    return accepted;
}

void wire_dial(struct wire *wire)
{
    wire->fd = __real_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    require(wire->fd >= 0 &&
            __real_connect(wire->fd, (const struct sockaddr *)&listening, listening_size) == 0);
}

void wire_answer(struct wire *wire)
{
    require(answering >= 0);
    wire->fd = answering;
    answering = -1;
}

static void hear(struct wire *wire)
{
    static uint8_t bytes[64 << 10];

    while (wire->fd >= 0 && !wire->deaf && !wire->over && wire->heard < HEAR_MOST) {
        ssize_t n = recv(wire->fd, bytes, sizeof bytes, 0);

        if (n < 0)
            return;
        wire->over = n == 0;
        wire->heard += (size_t)n;
        require(frames_check_take(&wire->check, bytes, (size_t)n));
    }
}

void wire_turn(struct wire *wire, unsigned turns)
{
    for (unsigned i = 0; i < turns; i++) {
        ev_run(engine_loop_ev(wire->loop), EVRUN_NOWAIT);
        hear(wire);
    }
}

/* False: the engine does not take it. */
static bool send_piece(struct wire *wire, const uint8_t *bytes, size_t size)
{
    for (int patience = 4; wire->fd >= 0 && patience > 0;) {
        ssize_t n = send(wire->fd, bytes, size, MSG_NOSIGNAL);

        if (n == (ssize_t)size)
            return true;
        if (n > 0) {
            bytes += n;
            size -= (size_t)n;
        } else {
            patience--;
        }
        wire_turn(wire, 1);
    }
    return false;
}

static void send_all(struct wire *wire, const uint8_t *bytes, size_t size)
{
    bool taken = true;

    while (taken && size > 0) {
        size_t n = wire->cut > 0 && wire->cut < size ? wire->cut : size;

        taken = send_piece(wire, bytes, n);
        if (wire->cut > 0)
            wire_turn(wire, 1);
        bytes += n;
        size -= n;
    }
}

static void obey_one(struct wire *wire, const struct frames_piece *piece, wire_obey_fn obey,
                     void *user)
{
    switch (piece->order) {
    case FRAMES_TURN:
        wire_turn(wire, 1 + piece->argument % TURNS_MOST);
        break;
    case FRAMES_RAW:
        send_all(wire, piece->bytes, piece->size);
        break;
    case FRAMES_CUT:
        wire->cut = piece->argument;
        break;
    case FRAMES_DEAF:
        wire->deaf = piece->argument != 0;
        break;
    case FRAMES_WAIT:
        now_ns += piece->argument * NS_PER_MS;
        break;
    case FRAMES_SLOW:
        look_ns = piece->argument % 1000000 * NS_PER_US;
        break;
    case FRAMES_SHUT:
        if (wire->fd >= 0)
            shutdown(wire->fd, SHUT_WR);
        break;
    default:
        obey(user, piece->order - FRAMES_OWN, piece->argument);
    }
}

/* Frames that follow each other are sent as one. */
void wire_play(struct wire *wire, const uint8_t *data, size_t size, wire_obey_fn obey, void *user)
{
    struct frames frames = {data, size};
    struct frames_piece piece;
    const uint8_t *unsent = data;

    look_ns = 0;
    while (frames_next(&frames, &piece)) {
        if (!piece.is_order)
            continue;
        send_all(wire, unsent, (size_t)(piece.bytes - FRAMES_HEAD - unsent));
        unsent = frames.at;
        obey_one(wire, &piece, obey, user);
    }
    send_all(wire, unsent, (size_t)(data + size - unsent));
    wire_turn(wire, 3);
}

void wire_close(struct wire *wire)
{
    if (wire->fd >= 0)
        close(wire->fd);
    wire->fd = -1;
    for (int i = 0; i < LAST_TURNS && engine_loop_stats(wire->loop)->connections > 0; i++)
        wire_turn(wire, 1);
    require(engine_loop_stats(wire->loop)->connections == 0);
}

struct wire_zones wire_zones(void)
{
    struct wire_zones zones;

    for (int zone = 0; zone < MEM_ZONES; zone++)
        zones.live[zone] = mem_live(zone);
    return zones;
}

void wire_check_zones(const struct wire_zones *before)
{
    for (int zone = 0; zone < MEM_ZONES; zone++)
        require(mem_live(zone) == before->live[zone]);
}

void wire_check_balance(const struct engine_stats *stats)
{
    require(stats->streams == 0 && stats->connections == 0);
    require(stats->calls_started == stats->calls_done + stats->calls_failed);
    require(stats->connections_total == stats->closed + stats->unopened);
    require(stats->opened == stats->closed && stats->memory_drops == 0);
}

void wire_begin(void)
{
    log_init("fuzz", LOG_ERROR, false);
    signal(SIGPIPE, SIG_IGN);
    require(mem_install());
}
