#include "charts/flame.h"

#include "charts/flame_page.h"
#include "charts/output.h"
#include "charts/text.h"
#include "common/base/units.h"
#include "common/run/stacks.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool put_page(const char *dir, const char *component, const struct run_stacks *stacks,
                     const struct run_guilty *guilty, const char *template_dir, char *error,
                     size_t cap)
{
    char total[32], title[512], heading[512], finding[2 * RUN_GUILTY_FRAMES];
    const struct flame_page page = {
        .title = title,
        .heading = heading,
        .explanation = "What was allocated while it was watched, after the run was judged, and was "
                       "still live at the end. Widths are bytes; at the top of each stack is who "
                       "asked for the memory.",
        .finding = run_guilty_format(guilty, finding, sizeof finding),
        .alarm = true,
        .unit = FLAME_BYTES,
        .stacks = stacks,
    };

    units_format_size((uint64_t)stacks->total, total, sizeof total);
    snprintf(title, sizeof title, "%s: what stayed", component);
    snprintf(heading, sizeof heading, "%s: %s stayed", component, total);
    return flame_page_draw(&page, template_dir, dir, RUN_FLAME_FILE, error, cap);
}

static bool draw(const char *run_dir, const char *component, const char *template_dir, char *error,
                 size_t cap)
{
    char path[PATH_MAX];
    struct run_guilty guilty;
    struct run_stacks stacks;
    bool ok;

    run_evidence_path(run_dir, component, RUN_STACKS_FILE, path, sizeof path);
    if (access(path, F_OK) != 0)
        return true;
    if (!run_guilty_read(&guilty, run_dir, component) ||
        !run_stacks_read(&stacks, path, error, cap))
        return text_fail(error, cap, "%s: cannot be read", path);
    run_stacks_settle(&stacks);
    if (stacks.count == 0) {
        run_stacks_free(&stacks);
        return true; /* an empty flame tells nothing; the report says so */
    }
    run_evidence_path(run_dir, component, "", path, sizeof path);
    path[strlen(path) - 1] = '\0'; /* with a slash behind it a link would be followed */
    ok = output_is_folder(path, error, cap) &&
         put_page(path, component, &stacks, &guilty, template_dir, error, cap);
    run_stacks_free(&stacks);
    return ok;
}

static int is_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

bool charts_flames(const char *run_dir, char *error, size_t cap)
{
    char folder[PATH_MAX], template_dir[PATH_MAX / 2];
    struct dirent **names;
    bool ok = true;
    int count;

    snprintf(folder, sizeof folder, "%s/" RUN_EVIDENCE, run_dir);
    if (access(folder, F_OK) == 0 && !output_is_folder(folder, error, cap))
        return false;
    count = scandir(folder, &names, is_name, alphasort);
    if (count < 0)
        return errno == ENOENT || text_fail(error, cap, "%s: %s", folder, strerror(errno));
    ok = count == 0 || flame_page_possible(template_dir, sizeof template_dir, error, cap);
    for (int i = 0; i < count; i++) {
        ok = ok && draw(run_dir, names[i]->d_name, template_dir, error, cap);
        free(names[i]);
    }
    free(names);
    return ok;
}
