/*
 * A server from anywhere against our client: the real engine, with calls of every kind under way,
 * fed with what comes on a connection. Whatever that is, only frames are sent, every call ends
 * exactly once and before its connection, messages come whole and in order, the counters balance,
 * and not a byte is left in any zone. Input: frames and orders (frames.h).
 */
#include "common/base/clock.h"
#include "common/engine/client.h"
#include "tests/fuzz/wire.h"

#include <stdio.h>
#include <string.h>

#define ORDER_TABLE(X)                                                                  \
    X(CALL)       /* begins a call; the argument says which kind, and how: CALL_... */  \
    X(CANCEL)     /* ends call number `argument` */                                     \
    X(HALF_CLOSE) /* ... has no more to say */                                          \
    X(SAY)        /* ... sends another message */                                       \
    X(HOLD)       /* holds the connection's receive window shut (1), or opens it (0) */ \
    X(CLOSE)      /* closes in order */                                                 \
    X(ABORT)      /* by RST */

#define ORDER_ENUM(name) ORDER_##name,
enum order { ORDER_TABLE(ORDER_ENUM) };
#undef ORDER_ENUM

/* Of the argument of ORDER_CALL. */
#define CALL_KIND(argument) ((argument) % KINDS)
#define CALL_ENCODING(argument) ((enum grpc_encoding)((argument) / 8 % GRPC_ENCODINGS))
#define CALL_DEADLINE 0x40
#define CALL_METADATA 0x80

#define CALLS_MOST 24
#define MESSAGE 300
#define MAX_MESSAGE 20000 /* limit on what comes in: small, so that it is reached */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One call, whose engine's part is `call` until it is done. */
struct slot {
    struct call *call;
    unsigned kind;
    uint32_t left;          /* of the message that is coming in */
    uint32_t to_make, made; /* messages of a producer, and bytes of the one in the making */
    bool in_message, done, cancelled;
};

struct house {
    struct wire wire;
    struct client_target *target;
    struct client *client; /* NULL: ended */
    struct slot slots[CALLS_MOST];
    unsigned count, ends;
    bool ready;
};

static struct slot *slot_of(struct call *call)
{
    struct slot *slot = *(struct slot **)call_state(call);

    require(slot->call == call && !slot->done);
    return slot;
}

/* ---- what a call is told ---- */

static int on_message(struct call *call, uint32_t length)
{
    struct slot *slot = slot_of(call);

    require(!slot->in_message && length <= MAX_MESSAGE);
    slot->in_message = true;
    slot->left = length;
    return 0;
}

static int on_data(struct call *call, const uint8_t *data, size_t size)
{
    struct slot *slot = slot_of(call);

    require(slot->in_message && data != NULL && size > 0 && size <= slot->left);
    slot->left -= (uint32_t)size;
    return slot->left > 0 && data[0] == '!' ? GRPC_DATA_LOSS : 0;
}

static int on_message_end(struct call *call)
{
    struct slot *slot = slot_of(call);

    require(slot->in_message && slot->left == 0);
    require(call_message_compressed(call) == (call_message_encoding(call) != GRPC_IDENTITY));
    slot->in_message = false;
    return 0;
}

static int on_whole(struct call *call, const uint8_t *data, size_t size)
{
    require(slot_of(call) != NULL && data != NULL && size <= MAX_MESSAGE);
    return size > 0 && data[0] == '!' ? GRPC_DATA_LOSS : 0;
}

/* Says it back: bidirectional. */
static int on_echo(struct call *call, const uint8_t *data, size_t size)
{
    require(slot_of(call) != NULL);
    return call_send(call, data, size) ? 0 : GRPC_RESOURCE_EXHAUSTED;
}

static int on_cancel(struct call *call, const uint8_t *data, size_t size)
{
    (void)data, (void)size;
    slot_of(call)->cancelled = true;
    call_cancel(call);
    return 0;
}

static void on_metadata(struct call *call, const struct grpc_metadata *metadata, bool trailing)
{
    (void)trailing;
    require(slot_of(call) != NULL && metadata->name[0] != '\0');
    require(metadata->size == 0 || metadata->value != NULL);
}

static void on_headers(struct call *call)
{
    require(slot_of(call) != NULL);
}

static size_t produce(struct call *call, uint8_t *out, size_t cap)
{
    static const uint8_t prefix[GRPC_PREFIX] = {0, 0, 0, MESSAGE >> 8, MESSAGE & 0xff};
    struct slot *slot = slot_of(call);
    size_t used = 0;

    for (; used < cap && slot->to_make > 0; used++) {
        out[used] = slot->made < GRPC_PREFIX ? prefix[slot->made] : (uint8_t)slot->made;
        if (++slot->made == GRPC_PREFIX + MESSAGE) {
            slot->made = 0;
            slot->to_make--;
        }
    }
    return used;
}

static void on_done(struct call *call, const struct grpc_status *status)
{
    struct slot *slot = slot_of(call);

    require(strnlen(status->message, sizeof status->message) < sizeof status->message);
    require(!slot->cancelled || status->code != GRPC_OK);
    slot->done = true;
    slot->call = NULL;
}

#define COMMON                                                                                 \
    .state_size = sizeof(struct slot *), .on_metadata = on_metadata, .on_headers = on_headers, \
    .on_done = on_done

static const struct call_ops kinds[] = {
    {COMMON, .on_message = on_message, .on_data = on_data, .on_message_end = on_message_end},
    {COMMON, .on_whole = on_whole},
    {COMMON, .on_message = on_message, .on_data = on_data, .on_message_end = on_message_end,
     .produce = produce},
    {COMMON, .on_whole = on_echo},
    {COMMON, .on_whole = on_cancel},
};
#define KINDS (sizeof kinds / sizeof *kinds)

/* ---- what is done to it ---- */

/* Nothing can be queued beside a producer (grpc.h). */
static void say(struct slot *slot)
{
    static const uint8_t message[MESSAGE];

    if (kinds[slot->kind].produce == NULL) {
        call_send(slot->call, message, sizeof message);
    } else {
        slot->to_make++;
        call_resume(slot->call);
    }
}

static void begin_call(struct house *house, uint32_t how)
{
    static const struct grpc_metadata metadata[] = {{"x-text", "hello", 5},
                                                    {"x-bits-bin", "\0\1", 2}};
    struct slot *slot = &house->slots[house->count];
    struct client_call_options options = {.encoding = CALL_ENCODING(how), .metadata = metadata};

    if (house->count == CALLS_MOST || house->client == NULL)
        return;
    options.timeout_ns = (how & CALL_DEADLINE) != 0 ? NS_PER_MS : 0;
    options.metadata_count = (how & CALL_METADATA) != 0 ? 2 : 0;
    slot->call = client_call(house->client, "/fuzz.Fuzz/Call", &kinds[CALL_KIND(how)], &options);
    if (slot->call == NULL)
        return;
    *(struct slot **)call_state(slot->call) = slot;
    slot->kind = CALL_KIND(how);
    house->count++;
    say(slot);
}

static struct slot *running(struct house *house, uint32_t number)
{
    struct slot *slot = house->count == 0 ? NULL : &house->slots[number % house->count];

    return slot == NULL || slot->done ? NULL : slot;
}

static void obey_call(struct slot *slot, unsigned order)
{
    if (slot == NULL)
        return;
    if (order == ORDER_CANCEL) {
        slot->cancelled = true;
        call_cancel(slot->call);
    } else if (order == ORDER_HALF_CLOSE) {
        call_half_close(slot->call);
    } else if (order == ORDER_SAY) {
        say(slot);
    }
}

static void obey(void *user, unsigned order, uint32_t argument)
{
    struct house *house = user;

    if (order == ORDER_CALL)
        begin_call(house, argument);
    else if (order == ORDER_CANCEL || order == ORDER_HALF_CLOSE || order == ORDER_SAY)
        obey_call(running(house, argument), order);
    else if (house->client == NULL)
        return;
    else if (order == ORDER_HOLD && house->ready)
        client_hold(house->client, argument != 0);
    else if (order == ORDER_CLOSE)
        client_close(house->client);
    else if (order == ORDER_ABORT)
        client_abort(house->client);
}

/* ---- the connection ---- */

static void on_ready(struct client *client, void *user)
{
    struct house *house = user;

    require(house->client == client && !house->ready);
    house->ready = true;
}

static void on_goaway(struct client *client, void *user)
{
    require(((struct house *)user)->client == client);
}

static void on_end(struct client *client, void *user, enum client_end end, int detail,
                   const char *text)
{
    struct house *house = user;

    (void)end, (void)detail;
    require(house->client == client && text != NULL && text[0] != '\0');
    for (unsigned i = 0; i < house->count; i++)
        require(house->slots[i].done);
    house->client = NULL;
    house->ends++;
}

static void play(const uint8_t *data, size_t size)
{
    static const struct client_events events = {
        .on_ready = on_ready, .on_goaway = on_goaway, .on_end = on_end};
    static const struct client_config config = {
        .host = "127.0.0.1", .port = 1, .max_message = MAX_MESSAGE};
    static struct house house;
    char error[256];

    memset(&house, 0, sizeof house);
    house.wire.check.preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    house.wire.loop = engine_loop_new();
    house.target = client_target_new(&config, error, sizeof error);
    require(house.wire.loop != NULL && house.target != NULL);
    house.client = client_new(house.wire.loop, house.target, &events, &house);
    require(house.client != NULL);
    wire_answer(&house.wire);
    wire_turn(&house.wire, 3);
    require(house.ready);
    wire_play(&house.wire, data, size, obey, &house);
    wire_close(&house.wire);
    require(house.ends == 1);
    wire_check_balance(engine_loop_stats(house.wire.loop));
    client_target_free(house.target);
    engine_loop_free(house.wire.loop);
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
