/*
 * manifest.json: what an experiment, or one run of it, was made with. One stands in the folder of
 * the whole sweep, one in that of each finished run.
 */
#ifndef FLATLINE_DRIVER_SWEEP_MANIFEST_H
#define FLATLINE_DRIVER_SWEEP_MANIFEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_NAME "manifest.json"
#define MANIFEST_SCHEMA 1

/*
 * "schema", "command" (throughput), "argv", "versions", "host", "seed", "started", "finished":
 * false. The caller adds members and frees it (json_decref); NULL: no memory.
 */
json_t *manifest_new(const char *command, int argc, char **argv, uint64_t seed);

/*
 * Writes DIR/manifest.json, whole or not at all and down to the disk; finished says whether what it
 * tells of is complete, and then "ended" is set too. False: *error holds one line.
 */
bool manifest_write(json_t *manifest, const char *dir, bool finished, char *error, size_t cap);

/* For the caller to free. NULL: *error holds one line, or is empty where there is none. */
json_t *manifest_read(const char *dir, char *error, size_t cap);

/* Whether there is one that says "finished". */
bool manifest_is_finished(const char *dir);

/*
 * For --resume: whether "settings", an object of texts and numbers, are those of the manifest in
 * DIR. False: *error names the first that differs, and both values.
 */
bool manifest_agrees(const json_t *manifest, const json_t *settings, char *error, size_t cap);

#endif
