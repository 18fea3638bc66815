/* Memory of cgroup v1: Documentation/admin-guide/cgroup-v1/memory.rst of the kernel. */
#include "driver/cap_group.h"

#include <inttypes.h>
#include <stdio.h>

static bool find(const char *proc, char base[PATH_MAX])
{
    return cap_find_base(proc, "cgroup", "memory", "memory", base);
}

static bool enable(const char *parent)
{
    (void)parent;
    return true;
}

static bool limit(const char *group, uint64_t bytes)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, bytes);
    if (!cap_write(group, "memory.limit_in_bytes", text))
        return false;
    /* Else it would go on in swap. Not there where swap is not accounted. */
    (void)cap_write(group, "memory.memsw.limit_in_bytes", text);
    return true;
}

/* oom_kill is there since Linux 4.13. */
static bool read_report(const char *group, struct cap_report *report)
{
    report->kills = cap_read_number(group, "memory.oom_control", "oom_kill");
    report->refusals = cap_read_number(group, "memory.failcnt", NULL);
    return report->refusals >= 0;
}

const struct cap_cgroup cap_cgroup1 = {"cgroup v1", find, enable, limit, read_report};
