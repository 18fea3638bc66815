/*
 * Custom metadata between the program's form and HTTP/2's: a list in one growing buffer, kept in
 * wire form (lower-case name, "-bin" values in base64).
 */
#ifndef FLATLINE_ENGINE_METADATA_H
#define FLATLINE_ENGINE_METADATA_H

#include "common/engine/codec.h"
#include "common/engine/grpc.h"

#include <nghttp2/nghttp2.h>

#define CALL_METADATA_MAX 16 /* of a kind and call; more is a defect of the program */

/* Whether a header of the wire is custom: not HTTP's, not gRPC's own. */
bool metadata_is_custom(const char *name, size_t size);

/* Appends one, encoding it; false: out of memory. */
bool metadata_add(struct codec_buffer *list, const struct grpc_metadata *metadata);

/* Appends one as it came from the wire; false: out of memory. */
bool metadata_add_raw(struct codec_buffer *list, const char *name, size_t name_size,
                      const char *value, size_t size);

/* Fills at most `cap` headers that point into the list; returns how many. */
size_t metadata_put(const struct codec_buffer *list, nghttp2_nv *nv, size_t cap);

/*
 * Calls fn with one header of the wire in the program's form: "-bin" decoded, several values joined
 * by commas one by one. A value that is not base64 is passed over. False: out of memory.
 */
bool metadata_decode(const char *name, size_t name_size, const char *value, size_t size,
                     void (*fn)(void *arg, const struct grpc_metadata *metadata), void *arg);

#endif
