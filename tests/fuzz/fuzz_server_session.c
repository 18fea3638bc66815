/*
 * A client from anywhere against stress-server: the real engine and all services, fed with what
 * comes on a connection. Whatever that is, only frames come back, every call that was begun ends,
 * the counters balance, and not a byte is left in any zone once the connection is gone. Input:
 * frames and orders (frames.h) behind HTTP/2's preface, which the target sends itself unless the
 * input begins with FRAMES_RAW.
 */
#include "common/base/clock.h"
#include "stress-server/services.h"
#include "tests/fuzz/wire.h"

#include <sys/socket.h>

#define ORDER_TABLE(X)                                                                \
    X(HOLD)      /* holds the receive windows shut (argument 1), or opens them (0) */ \
    X(PAUSE)     /* endless replies stand still (1), or go on (0) */                  \
    X(ABORT)     /* RST on every connection */                                        \
    X(TURN_AWAY) /* GOAWAY on every connection; the argument is the grace in ms */    \
    X(DRAIN)     /* the same, and no new ones */                                      \
    X(AGAIN)     /* another connection takes this one's place */

#define ORDER_ENUM(name) ORDER_##name,
enum order { ORDER_TABLE(ORDER_ENUM) };
#undef ORDER_ENUM

#define AGAIN_MOST 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct house {
    struct wire wire;
    struct services services;
    struct server *server;
    unsigned drains, drained, dials;
};

static void on_drained(void *arg)
{
    ((struct house *)arg)->drained++;
}

static void dial(struct house *house)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    wire_dial(&house->wire);
    house->dials++;
    wire_turn(&house->wire, 2);
    require(send(house->wire.fd, preface, sizeof preface - 1, MSG_NOSIGNAL) > 0);
}

static void dial_again(struct house *house)
{
    if (house->drains > 0 || house->dials > AGAIN_MOST)
        return;
    wire_close(&house->wire);
    house->wire = (struct wire){.loop = house->wire.loop};
    dial(house);
}

static void obey(void *user, unsigned order, uint32_t argument)
{
    struct house *house = user;
    uint64_t ns = argument % 1000 * NS_PER_MS;

    switch (order) {
    case ORDER_HOLD:
        server_hold(house->server, argument != 0);
        break;
    case ORDER_PAUSE:
        pause_set(&house->services.pause, argument != 0);
        break;
    case ORDER_ABORT:
        server_abort(house->server);
        break;
    case ORDER_TURN_AWAY:
        server_turn_away(house->server, ns);
        break;
    case ORDER_DRAIN:
        house->drains = 1;
        health_drain(&house->services.health);
        server_drain(house->server, ns, on_drained, house);
        break;
    case ORDER_AGAIN:
        dial_again(house);
        break;
    }
}

static void open_house(struct house *house)
{
    static const struct relay_config relay = {.policy = RELAY_DROP_OLDEST, .queue = 4};
    struct server_config config = {
        .host = "127.0.0.1", .methods = services_methods, .user = &house->services};
    char error[256];

    house->wire.loop = engine_loop_new();
    require(house->wire.loop != NULL);
    house->services.ev = engine_loop_ev(house->wire.loop);
    house->services.broker = broker_new(&relay);
    require(house->services.broker != NULL);
    house->services.relay =
        relay_port_new(broker_relay(house->services.broker), house->services.ev);
    house->server = server_new(house->wire.loop, &config, error, sizeof error);
    require(house->services.relay != NULL && house->server != NULL);
}

static void close_house(struct house *house)
{
    char error[256];

    wire_close(&house->wire);
    require(house->drained == house->drains && house->services.health.watchers == NULL);
    wire_check_balance(engine_loop_stats(house->wire.loop));
    server_free(house->server);
    relay_port_free(house->services.relay);
    require(broker_free(house->services.broker, error, sizeof error));
    engine_loop_free(house->wire.loop);
}

static void play(const uint8_t *data, size_t size)
{
    struct house house = {.drains = 0};

    open_house(&house);
    if (size > 3 && data[3] == FRAMES_ORDER && data[4] == FRAMES_RAW)
        wire_dial(&house.wire);
    else
        dial(&house);
    wire_play(&house.wire, data, size, obey, &house);
    close_house(&house);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool begun;
    struct wire_zones zones;

    if (!begun) {
        wire_begin();
        play((const uint8_t *)"", 0); /* what a process makes once */
        begun = true;
    }
    zones = wire_zones();
    play(data, size);
    wire_check_zones(&zones);
    return 0;
}
