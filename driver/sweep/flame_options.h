/* The command line of `driver flame`. */
#ifndef FLATLINE_DRIVER_SWEEP_FLAME_OPTIONS_H
#define FLATLINE_DRIVER_SWEEP_FLAME_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLAME_IMPLS_MAX 16

enum flame_task { FLAME_RECORD, FLAME_DIFF, FLAME_TABLE };

/* Texts are argv's. */
struct flame_options {
    enum flame_task task;
    int argc;
    char **argv;
    const char *impls; /* as typed */
    const char *impl[FLAME_IMPLS_MAX];
    size_t impl_count;
    char *storage;                            /* what impl[] points into */
    const char *scenario_file;                /* NULL: the one that is shipped for each */
    uint64_t streams, per_stream, per_packet; /* bytes the last two, and bodies alone */
    const char *per_stream_text, *per_packet_text;
    bool observer, debug, only_cpu, only_heap, resume, verbose;
    const char *call_graph; /* "fp", "dwarf", or NULL: as it fits the program */
    const char *out;
    const char *table;
    const char *base, *changed; /* of FLAME_DIFF: folders of two results */
};

/* Of each stream. */
uint64_t flame_options_packets(const struct flame_options *options);

/* Prints help or version and exits 0, or one line about what is wrong and exits 2. */
void flame_options_take(struct flame_options *options, int argc, char **argv);

#endif
