/* Memory of cgroup v2: Documentation/admin-guide/cgroup-v2.rst of the kernel. */
#include "driver/cap_group.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Only where the memory controller is handed down to this group's children, or can be. */
static bool has_memory(const char *base)
{
    char path[PATH_MAX + 32], line[256] = "";
    FILE *file;

    snprintf(path, sizeof path, "%s/cgroup.controllers", base);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    if (fgets(line, sizeof line, file) == NULL)
        line[0] = '\0';
    fclose(file);
    for (char *rest = line, *word; (word = strsep(&rest, " \n")) != NULL;) {
        if (strcmp(word, "memory") == 0)
            return true;
    }
    return false;
}

static bool find(const char *proc, char base[PATH_MAX])
{
    return cap_find_base(proc, "cgroup2", NULL, "", base) && has_memory(base);
}

static bool enable(const char *parent)
{
    return cap_write(parent, "cgroup.subtree_control", "+memory");
}

static bool limit(const char *group, uint64_t bytes)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, bytes);
    if (!cap_write(group, "memory.max", text))
        return false;
    /* Else it would go on in swap. Not there where there is none. */
    (void)cap_write(group, "memory.swap.max", "0");
    return true;
}

static bool read_report(const char *group, struct cap_report *report)
{
    report->kills = cap_read_number(group, "memory.events", "oom_kill");
    report->refusals = cap_read_number(group, "memory.events", "max");
    return report->refusals >= 0;
}

const struct cap_cgroup cap_cgroup2 = {"cgroup v2", find, enable, limit, read_report};
