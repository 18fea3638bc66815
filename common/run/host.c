#include "common/run/host.h"

#include "common/run/schema.h"

#include <stdio.h>
#include <string.h>

#define NS_IN_S 1e9

bool run_host_broke_off(const struct run_host_row *host)
{
    return host != NULL && (host->lost || strcmp(host->verdict, RUN_HOST_ERROR) == 0);
}

char *run_host_end(const struct run_reader *run, const struct run_host_row *host, char *out,
                   size_t cap)
{
    const struct run_info *info = run_reader_info(run);
    uint64_t origin = info->ready_ns != 0 ? info->ready_ns : info->start_ns;
    double at = ((double)host->last_ns - (double)origin) / NS_IN_S;

    if (!run_host_broke_off(host))
        snprintf(out, cap, "heard to its end");
    else if (host->last_ns == 0)
        snprintf(out, cap, "never heard");
    else if (host->lost)
        snprintf(out, cap, "lost at %.1f s", at);
    else
        snprintf(out, cap, "gave up at %.1f s%s%s", at, host->reason == NULL ? "" : ": ",
                 host->reason == NULL ? "" : host->reason);
    return out;
}

const char *run_host_short_name(const struct run_reader *run, int64_t component)
{
    const struct run_host_row *host = run_reader_host(run, component);
    size_t count, length = host == NULL ? 0 : strlen(host->name);
    const char *name = run_reader_components(run, &count)[component - 1].name;

    if (host == NULL || strncmp(name, host->name, length) != 0 || name[length] != '.')
        return name;
    return name + length + 1;
}
