/*
 * The header block of a request while it is received. Blocks never interleave on a connection (RFC
 * 9113, section 4.3), so a session needs one. What is wrong with it is noted; the answer is decided
 * at its end.
 */
#ifndef FLATLINE_ENGINE_HEAD_H
#define FLATLINE_ENGINE_HEAD_H

#include "common/engine/codec.h"
#include "common/engine/grpc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD_LIST_MAX 16384u /* SETTINGS_MAX_HEADER_LIST_SIZE, either end */
#define HEADER_OVERHEAD 32u  /* a header costs its bytes and this (RFC 9113, section 6.5.2) */
#define HEAD_CUSTOM_MAX 128  /* custom headers handed on; the list limit allows fewer than 500 */

struct head {
    const struct call_ops *ops; /* the method, set by the session from :path; NULL: unknown */
    uint64_t timeout_ns;
    const char *refuse_text;
    struct codec_buffer custom; /* metadata as it came (metadata.h) */
    uint32_t list_size;         /* counted by the session, of every block */
    int refuse_code;            /* a gRPC status to refuse with, or 0 */
    int refuse_http;            /* an HTTP status to refuse with, or 0 */
    uint8_t encoding, accepted; /* grpc-encoding, and a bit for each of grpc-accept-encoding */
    bool te, post, content_type, timeout;
};

/* A block begins; frees what the last one left. */
void head_begin(struct head *head);

/* One header of it, that list_size knows already. */
void head_take_request(struct head *head, const char *name, size_t name_size, const char *value,
                       size_t size);

/* The block is whole: sets refuse_http or refuse_code if the request cannot be taken. */
void head_check_request(struct head *head);

#endif
