/* A server and clients on one loop over loopback, with methods that exercise the engine. For unit
 * tests. */
#ifndef FLATLINE_TESTS_ENGINE_PAIR_H
#define FLATLINE_TESTS_ENGINE_PAIR_H

#include "common/engine/client.h"
#include "common/engine/server.h"

#include <stdbool.h>

struct pair {
    struct engine_loop *loop;
    struct server *server;
    struct client_target *target;
    struct tls_context *server_tls, *client_tls;
    struct client *client; /* NULL before and after */
    bool ready, ended, goaway;
    bool decided; /* ready or ended */
    enum client_end end;
    int end_detail;
};

/* The methods that the server has. */
#define PAIR_ECHO "/test.T/Echo" /* whole message back */
#define PAIR_STREAM \
    "/test.T/Stream" /* endless 1000-byte messages; of compressed ones, every other plain */
#define PAIR_SINK "/test.T/Sink" /* counts bytes, replies with one empty message at half-close */
#define PAIR_FAIL "/test.T/Fail" /* FAILED_PRECONDITION "no: 100% wrong" */
#define PAIR_SILENT "/test.T/Silent"   /* never answers */
#define PAIR_REFUSED "/test.T/Unknown" /* not there */

/* Cleartext, or over TLS where FLATLINE_TEST_TLS_DIR names a folder with cert.pem and key.pem.
 * False: something was refused memory. */
bool pair_open(struct pair *p);
bool pair_connect(struct pair *p);
void pair_close(struct pair *p);

/* For cmocka: *state is a connected pair. */
int pair_set_up(void **state);
int pair_tear_down(void **state);

/* Runs the loop until *flag; false: it was not set in a time in which all would have happened. */
bool pair_run(struct pair *p, const bool *flag);
/* Runs until the server has no connection left; whether that came. */
bool pair_settle(struct pair *p);
/* So long, and at least for some turns of the loop, on a machine that stands still as well. */
void pair_run_for(struct pair *p, double seconds);

/* One call and what came of it. */
struct pair_result {
    bool done;
    unsigned ends; /* how often it was told so */
    int code;
    char message[GRPC_MESSAGE_TEXT];
    uint64_t messages, bytes;
    uint64_t to_send; /* 1000-byte messages to send before half-close */
    enum grpc_encoding encoding, reply_encoding;
    const struct grpc_metadata *send; /* one, or NULL */
    int compressed;                   /* messages that came compressed */
    int metadata[2];                  /* custom headers that came: leading, trailing */
    size_t metadata_size;             /* the last one's value */
    uint8_t metadata_value[64];
    uint64_t stop_at; /* cancel after so many received; 0: never */
};

/* Starts a call of `result->to_send` messages; NULL as client_call. */
struct call *pair_call(struct pair *p, const char *path, struct pair_result *result,
                       uint64_t timeout_ns);

#endif
