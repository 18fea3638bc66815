/* The command line of the uploader. */
#ifndef FLATLINE_UPLOADER_OPTIONS_H
#define FLATLINE_UPLOADER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
    const char *to, *test, *peer;
    const char *token, *ca; /* files, or NULL */
    const char *run;        /* folder, or NULL */
    bool lines;
    uint64_t rank, size;
    const char *address, *place;
    uint64_t barrier_timeout_ns, drain_timeout_ns;
    uint64_t buffer_bytes;
    bool verbose;
};

/* Exits on bad usage. */
void options_read(struct options *options, int argc, char **argv);

#endif
