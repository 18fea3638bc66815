/* The command line of stress-server (cli.h). */
#include "stress-server/options.h"
#include "tests/fuzz/cli.h"
#include "tests/fuzz/require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_options(int argc, char **argv)
{
    static struct options o;

    options_read(&o, argc, argv);
    if (o.make_cert != NULL)
        return;
    require(o.host != NULL && o.port >= 0 && o.port <= UINT16_MAX);
    require(o.threads >= 1 && o.threads <= OPTIONS_THREADS_MAX);
    require((o.tls_pub == NULL) == (o.tls_priv == NULL) && (o.tls_pub == NULL || o.secure));
    require(o.tls_chain_count <= OPTIONS_CHAIN_FILES);
    require(o.relay.queue > 0 && o.relay.policy < RELAY_POLICIES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cli_run("stress-server", data, size, read_options);
    return 0;
}
