#include "charts/templates.h"

#include "charts/text.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_template(const char *dir)
{
    char path[PATH_MAX];

    return snprintf(path, sizeof path, "%s/component.gp", dir) < (int)sizeof path &&
           access(path, R_OK) == 0;
}

/* The folder of the running program; "." if the kernel does not tell. */
static void program_dir(char *dir, size_t cap)
{
    ssize_t length = readlink("/proc/self/exe", dir, cap - 1);

    dir[length < 0 ? 0 : length] = '\0';
    if (strrchr(dir, '/') == NULL)
        snprintf(dir, cap, ".");
    else
        *strrchr(dir, '/') = '\0';
}

bool templates_find(char *dir, size_t dir_cap, char *error, size_t cap)
{
    /* A build tree; an installed tree that was moved; an installed tree that was not. */
    static const char *const beside[] = {"../charts", "../share/flatline/charts"};
    const char *forced = getenv("FLATLINE_CHARTS_DIR");
    char program[PATH_MAX];

    if (forced != NULL && *forced != '\0') {
        snprintf(dir, dir_cap, "%s", forced);
        return has_template(dir) || text_fail(error, cap,
                                              "no chart templates in %s, where "
                                              "FLATLINE_CHARTS_DIR points: unset it or correct it",
                                              dir);
    }
    program_dir(program, sizeof program);
    for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++) {
        snprintf(dir, dir_cap, "%s/%s", program, beside[i]);
        if (has_template(dir))
            return true;
    }
    snprintf(dir, dir_cap, "%s", CHARTS_DATADIR);
    return has_template(dir) ||
           text_fail(error, cap,
                     "no chart templates beside %s nor in %s: install again, or set "
                     "FLATLINE_CHARTS_DIR",
                     program, dir);
}

bool templates_copy(const char *dir, const char *name, FILE *out, char *error, size_t cap)
{
    char path[PATH_MAX], block[4096];
    FILE *in;
    size_t got;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    in = fopen(path, "re");
    if (in == NULL)
        return text_fail(error, cap, "cannot read the template %s: %s", path, strerror(errno));
    while ((got = fread(block, 1, sizeof block, in)) > 0)
        fwrite(block, 1, got, out);
    fclose(in);
    return true;
}
