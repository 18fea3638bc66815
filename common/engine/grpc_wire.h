/*
 * The text forms and mappings of gRPC PROTOCOL-HTTP2 and of
 * github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md. Pure functions.
 */
#ifndef FLATLINE_ENGINE_GRPC_WIRE_H
#define FLATLINE_ENGINE_GRPC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRPC_TIMEOUT_TEXT 16

/* grpc-timeout: 1 to 8 digits and a unit of H M S m u n. False: not that. Too long a time is cut to
 * 2^62. */
bool grpc_timeout_parse(const char *text, size_t size, uint64_t *ns);
/* The finest unit in which ns fits 8 digits, rounded up. Returns the length. */
size_t grpc_timeout_format(uint64_t ns, char out[GRPC_TIMEOUT_TEXT]);

/* grpc-message: percent-encoding of all but printable ASCII without '%'. Both cut at cap - 1;
 * NUL-terminated. */
size_t grpc_message_encode(const char *text, char *out, size_t cap);
size_t grpc_message_decode(const char *text, size_t size, char *out, size_t cap);

/* A decimal grpc-status; anything else is UNKNOWN. */
int grpc_status_parse(const char *text, size_t size);

/* The status for a response that carries none. */
int grpc_code_of_http(int http_status);
/* The status for RST_STREAM with this HTTP/2 error code. */
int grpc_code_of_h2(uint32_t error_code);

/* Whether a content-type is application/grpc, alone or with a +suffix or ;parameter. */
bool grpc_content_type_ok(const char *text, size_t size);

#endif
