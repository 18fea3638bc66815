/*
 * A result of `driver flame`: its folder, and what stands in its manifest.
 *
 *     OUT/IMPL/DATE-VERSION-STREAMS_PER-STREAM_PER-PACKET-debug_off/
 *         manifest.json  duration  c1.html c1.folded c1-heap.html c1-heap.folded  o1...  s1...
 */
#ifndef FLATLINE_DRIVER_SWEEP_FLAME_RESULT_H
#define FLATLINE_DRIVER_SWEEP_FLAME_RESULT_H

#include "driver/sweep/flame_stage.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define FLAME_DURATION "duration"

/* What there can be of each role: identifier, behind the role's name in that of a file. */
#define FLAME_KIND_TABLE(X) \
    X(CPU, "")              \
    X(HEAP, "-heap")

#define FLAME_KIND_ENUM(ident, suffix) FLAME_##ident,
enum flame_kind { FLAME_KIND_TABLE(FLAME_KIND_ENUM) FLAME_KINDS };
#undef FLAME_KIND_ENUM

/* "s1-heap.folded", where the extension is "folded". Returns out. */
char *flame_result_file(enum flame_role role, enum flame_kind kind, const char *extension,
                        char *out, size_t cap);

/* The name of the folder in OUT/IMPL. Returns out. */
char *flame_result_name(const struct flame_options *options, const struct flame_impl *impl,
                        char *out, size_t cap);

/* Adds "settings", "server" and "result" to a manifest. */
void flame_result_describe(json_t *manifest, const struct flame_options *options,
                           const struct flame_impl *impl, const struct flame_result *result);

/*
 * Whether OUT/IMPL has a finished result of the same settings and version of the server; its folder
 * into *path.
 */
bool flame_result_find(const struct flame_options *options, const struct flame_impl *impl,
                       char *path, size_t cap);

/* DIR/duration: wall and CPU seconds of the client. False: *error holds one line. */
bool flame_result_write_duration(const char *dir, const struct flame_result *result, char *error,
                                 size_t cap);

/* "grpc-js 1.14.1-node-20.20.2", or the name of the folder where no manifest says so. Returns
 * out. */
char *flame_result_label(const char *dir, char *out, size_t cap);

#endif
