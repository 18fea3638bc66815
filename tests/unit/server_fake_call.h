/*
 * A call without an engine: the test plays the engine's part, cutting bytes where it likes, and
 * sees what a method answers. Defines the engine's call_* functions, so include it from one file
 * per program.
 */
#ifndef FLATLINE_TESTS_SERVER_FAKE_CALL_H
#define FLATLINE_TESTS_SERVER_FAKE_CALL_H

#include "common/engine/grpc.h"
#include "stress-server/services.h"

#include <stdlib.h>
#include <string.h>

struct call {
    const struct call_ops *ops;
    struct services *services;
    void *state;
    bool finished, resumed, held;
    int code;
    char message[GRPC_MESSAGE_TEXT];
    enum grpc_encoding in_encoding, out_encoding;
    uint8_t sent[64]; /* call_send */
    size_t sent_size;
};

void *call_state(struct call *call)
{
    return call->state;
}

void *call_user(struct call *call)
{
    return call->services;
}

void call_resume(struct call *call)
{
    call->resumed = true;
}

enum grpc_encoding call_message_encoding(const struct call *call)
{
    return call->in_encoding;
}

bool call_set_encoding(struct call *call, enum grpc_encoding encoding)
{
    call->out_encoding = encoding;
    return true;
}

bool call_message_compressed(const struct call *call)
{
    return call->in_encoding != GRPC_IDENTITY;
}

bool call_put_metadata(struct call *call, const struct grpc_metadata *metadata, bool trailing)
{
    (void)call, (void)metadata, (void)trailing;
    return true;
}

void call_hold(struct call *call, bool shut)
{
    call->held = shut;
}

void call_produce_plain(struct call *call, bool plain)
{
    (void)call, (void)plain;
}

bool call_send(struct call *call, const void *data, size_t size)
{
    memcpy(call->sent, data, size);
    call->sent_size = size;
    return true;
}

void call_finish(struct call *call, int code, const char *message)
{
    if (call->finished)
        return;
    call->finished = true;
    call->code = code;
    snprintf(call->message, sizeof call->message, "%s", message != NULL ? message : "");
}

/* An answer other than 0 ends the call, as grpc.h has it. Returns whether the call goes on. */
static bool fake_answer(struct call *call, int code)
{
    if (code != 0)
        call_finish(call, code, NULL);
    return code == 0;
}

static void fake_start(struct call *call, const struct call_ops *ops, struct services *services)
{
    memset(call, 0, sizeof *call);
    call->ops = ops;
    call->services = services;
    call->state = calloc(1, ops->state_size);
    if (ops->on_start != NULL)
        fake_answer(call, ops->on_start(call));
}

static void fake_end(struct call *call)
{
    struct grpc_status status = {.code = call->code};

    if (call->ops->on_done != NULL)
        call->ops->on_done(call, &status);
    free(call->state);
}

static bool fake_pieces(struct call *call, const uint8_t *body, size_t size, size_t piece)
{
    for (size_t at = 0; at < size; at += piece) {
        size_t n = piece < size - at ? piece : size - at;

        if (!fake_answer(call, call->ops->on_data(call, body + at, n)))
            return false;
    }
    return true;
}

/* One message body arrives in pieces of at most `piece` bytes. */
static void fake_message(struct call *call, const uint8_t *body, size_t size, size_t piece)
{
    if (call->finished && call->code != GRPC_OK)
        return;
    if (call->ops->on_whole != NULL) {
        fake_answer(call, call->ops->on_whole(call, body, size));
        return;
    }
    if (fake_answer(call, call->ops->on_message(call, (uint32_t)size)) &&
        fake_pieces(call, body, size, piece))
        fake_answer(call, call->ops->on_message_end(call));
}

static void fake_half_close(struct call *call)
{
    if (!call->finished)
        fake_answer(call, call->ops->on_half_close(call));
}

#endif
