#include "config.h"

#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/base/sandbox.h"
#include "common/engine/mem.h"
#include "stress-server/certificate.h"
#include "stress-server/options.h"
#include "stress-server/serve.h"

#ifdef HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
/*
 * Compiled in, so that a run by hand behaves like a run under the driver. What is freed goes back
 * to the kernel (retain, decay), because the cap counts it; one arena, because a thread that wants
 * one of its own takes it by itself; the profiler is ready but off, because its samples would
 * change what is measured.
 */
const char *malloc_conf = "retain:false,dirty_decay_ms:1000,muzzy_decay_ms:0,narenas:1,"
                          "background_thread:false,prof:true,prof_active:false,prof_final:false";
#endif

int main(int argc, char **argv)
{
    struct options options;
    char error[512];

    /* Before anything of OpenSSL or libev runs. */
    if (!mem_install()) {
        log_error("cannot count OpenSSL's memory: it was used before main");
        return STATUS_ENVIRONMENT;
    }
    sandbox_renounce();
    options_read(&options, argc, argv);
    log_init("stress-server", options.verbose ? LOG_DEBUG : LOG_INFO, options.telemetry_fd >= 0);
    if (options.make_cert == NULL)
        return serve(&options);
    if (certificate_make(options.make_cert, options.cert_address, error, sizeof error))
        return STATUS_PASSED;
    log_error("%s", error);
    return STATUS_ENVIRONMENT;
}
