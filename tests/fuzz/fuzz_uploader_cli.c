/* The command line of the uploader (cli.h). */
#include "results-server/uploader/options.h"
#include "tests/fuzz/cli.h"
#include "tests/fuzz/require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_options(int argc, char **argv)
{
    static struct options o;

    options_read(&o, argc, argv);
    require(o.to != NULL && o.test != NULL && o.peer != NULL);
    require((o.run != NULL) != o.lines);
    require(o.size >= 1 && o.rank < o.size && o.buffer_bytes > 0);
    require(o.barrier_timeout_ns > 0 && o.drain_timeout_ns > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cli_run("uploader", data, size, read_options);
    return 0;
}
