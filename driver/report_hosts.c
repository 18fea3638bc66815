/* What reports say of the hosts of a run. */
#include "driver/hosts.h"
#include "driver/report.h"

#include <stdio.h>
#include <string.h>

const struct run_host_row *report_host(const struct report *r, int64_t component)
{
    return run_reader_host(r->run, component);
}

const char *report_short_name(const struct report *r, int64_t component)
{
    const struct run_host_row *host = report_host(r, component);
    const char *name = report_name(r, component);
    size_t length = host == NULL ? 0 : strlen(host->name);

    if (host == NULL || strncmp(name, host->name, length) != 0 || name[length] != '.')
        return name;
    return name + length + 1;
}

struct summary_row report_host_sum(const struct report *r, const struct run_host_row *host)
{
    struct summary_row sum = SUMMARY_ROW_NONE;

    for (size_t i = 0; i < r->summary->count; i++) {
        if (r->summary->rows[i].first->host == host)
            summary_add(&sum, &r->summary->rows[i]);
    }
    return sum;
}

char *report_host_end(const struct report *r, const struct run_host_row *host, char *out,
                      size_t cap)
{
    uint64_t origin = r->info->ready_ns != 0 ? r->info->ready_ns : r->info->start_ns;
    double at = ((double)host->last_ns - (double)origin) / NS_PER_S;

    if (!hosts_broke_off(host))
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
