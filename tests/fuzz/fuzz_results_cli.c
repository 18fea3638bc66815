/* The command line of results-server (cli.h), with its commands; what they would do is taken away.
 */
#include "results-server/options.h"
#include "results-server/store_reader.h"
#include "results-server/verbs.h"
#include "tests/fuzz/cli.h"
#include "tests/fuzz/require.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
struct store_reader *__wrap_store_reader_new(const char *dir, char *error, size_t cap);

/* There is no such store. */
struct store_reader *__wrap_store_reader_new(const char *dir, char *error, size_t cap)
{
    require(dir != NULL);
    snprintf(error, cap, "none");
    return NULL;
}

static void read_options(int argc, char **argv)
{
    static struct options o;
    verb_main_fn *verb = argc > 1 ? verbs_find(argv[1]) : NULL;

    if (verb != NULL) {
        require(verb(argc - 1, argv + 1) <= 4);
        return;
    }
    options_read(&o, argc, argv);
    require(o.store != NULL && o.listen != NULL && o.max_body > 0 && o.io_timeout_ns > 0);
    require((o.tls_cert == NULL) == (o.tls_key == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cli_run("results-server", data, size, read_options);
    return 0;
}
