#include "driver/cap_group.h"

#include "common/base/rng.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_ROOM (PATH_MAX + 80)
/* Of a path in the parent: "/component-NAME/cgroup.procs". */
#define TAIL_ROOM (COMPONENT_NAME + 32)

/* --- files of a group ------------------------------------------------------------------------- */

int64_t cap_read_number(const char *group, const char *file, const char *key)
{
    size_t length = key == NULL ? 0 : strlen(key);
    char path[PATH_ROOM], line[256];
    int64_t number = -1;
    FILE *in;

    snprintf(path, sizeof path, "%s/%s", group, file);
    in = fopen(path, "re");
    while (in != NULL && number < 0 && fgets(line, sizeof line, in) != NULL) {
        if (key == NULL || (strncmp(line, key, length) == 0 && line[length] == ' ')) {
            if (sscanf(line + length, "%" SCNd64, &number) != 1)
                number = -1;
        }
    }
    if (in != NULL)
        fclose(in);
    return number;
}

bool cap_write(const char *group, const char *file, const char *text)
{
    char path[PATH_ROOM];
    bool written;
    int fd;

    snprintf(path, sizeof path, "%s/%s", group, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return written;
}

/* --- where groups can be made ----------------------------------------------------------------- */

static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (; *list != '\0'; list += strcspn(list, ","), list += *list == ',') {
        if (strcspn(list, ",") == length && strncmp(list, word, length) == 0)
            return true;
    }
    return false;
}

static FILE *open_in(const char *folder, const char *name)
{
    char path[PATH_ROOM];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return fopen(path, "re");
}

static bool find_mount(const char *proc, const char *type, const char *option, char mount[PATH_MAX])
{
    char line[2 * PATH_MAX], at[PATH_MAX], kind[64], options[1024];
    FILE *in = open_in(proc, "mounts");
    bool found = false;

    while (in != NULL && !found && fgets(line, sizeof line, in) != NULL) {
        found = sscanf(line, "%*s %4095s %63s %1023s", at, kind, options) == 3 &&
                strcmp(kind, type) == 0 && (option == NULL || has_word(options, option));
    }
    if (in != NULL)
        fclose(in);
    if (found)
        strcpy(mount, at);
    return found;
}

/* "4:memory:/group" */
static bool find_own(const char *proc, const char *controller, char own[PATH_MAX])
{
    FILE *in = open_in(proc, "cgroup");
    char line[2 * PATH_MAX];
    bool found = false;

    while (in != NULL && !found && fgets(line, sizeof line, in) != NULL) {
        char *rest = line, *list;

        line[strcspn(line, "\n")] = '\0';
        strsep(&rest, ":");
        list = rest == NULL ? NULL : strsep(&rest, ":");
        found = rest != NULL && strlen(rest) < PATH_MAX &&
                (*controller == '\0' ? *list == '\0' : has_word(list, controller));
        if (found)
            strcpy(own, strcmp(rest, "/") == 0 ? "" : rest);
    }
    if (in != NULL)
        fclose(in);
    return found;
}

bool cap_find_base(const char *proc, const char *type, const char *option, const char *controller,
                   char base[PATH_MAX])
{
    char mount[PATH_MAX], own[PATH_MAX], path[2 * PATH_MAX];

    if (!find_mount(proc, type, option, mount) || !find_own(proc, controller, own))
        return false;
    snprintf(path, sizeof path, "%s%s", mount, own);
    /* In a container the path may be another's, and its own group be what is mounted. */
    if (strlen(path) >= PATH_MAX - TAIL_ROOM || access(path, F_OK) < 0)
        snprintf(path, sizeof path, "%s", mount);
    memcpy(base, path, strlen(path) + 1);
    return true;
}

/* --- the groups of a run ---------------------------------------------------------------------- */

static bool wants_group(const struct component *c)
{
    return c->cap == CAP_CGROUP;
}

static const struct component *first_wanting(const struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->count; i++) {
        if (wants_group(&scenario->components[i]))
            return &scenario->components[i];
    }
    return NULL;
}

bool cap_groups_find(struct cap_groups *groups, const struct scenario *scenario, char *error,
                     size_t cap)
{
    static const struct cap_cgroup *const versions[] = {&cap_cgroup1, &cap_cgroup2};
    const struct component *c = first_wanting(scenario);
    char base[PATH_MAX];

    *groups = (struct cap_groups){0};
    if (c == NULL)
        return true;
    for (size_t i = 0; i < sizeof versions / sizeof *versions && groups->version == NULL; i++) {
        if (versions[i]->find("/proc/self", base))
            groups->version = versions[i];
    }
    if (groups->version == NULL) {
        snprintf(error, cap,
                 "%s has a cap of kind cgroup, and no cgroup hierarchy with memory is mounted: "
                 "mount one, or take a cap of kind data",
                 c->name);
        return false;
    }
    if (access(base, W_OK) < 0) {
        snprintf(error, cap,
                 "%s has a cap of kind cgroup, and %s is not for us to write: %s; run as root, or "
                 "take a cap of kind data",
                 c->name, base, strerror(errno));
        return false;
    }
    if (snprintf(groups->parent, sizeof groups->parent, "%s/flatline-%016" PRIx64, base,
                 rng_seed_random()) < PATH_MAX - TAIL_ROOM)
        return true;
    snprintf(error, cap, "%s: its path is too long for groups in it", base);
    return false;
}

static void path_of(const struct cap_groups *groups, const struct component *c, char out[PATH_ROOM])
{
    /* The prefix keeps a name apart from the group's own files. */
    snprintf(out, PATH_ROOM, "%.*s/component-%s", PATH_MAX - TAIL_ROOM, groups->parent, c->name);
}

static bool make_group(const struct cap_groups *groups, const struct component *c)
{
    char group[PATH_ROOM];

    path_of(groups, c, group);
    return mkdir(group, 0755) == 0 && groups->version->limit(group, c->group_cap);
}

bool cap_groups_make(const struct cap_groups *groups, const struct scenario *scenario, char *error,
                     size_t cap)
{
    bool made = groups->version == NULL ||
                (mkdir(groups->parent, 0755) == 0 && groups->version->enable(groups->parent));

    for (size_t i = 0; made && i < scenario->count; i++)
        made =
            !wants_group(&scenario->components[i]) || make_group(groups, &scenario->components[i]);
    if (!made)
        snprintf(error, cap, "cannot make memory groups (%s) in %s: %s", groups->version->name,
                 groups->parent, strerror(errno));
    return made;
}

void cap_groups_entry(const struct cap_groups *groups, const struct component *component,
                      char out[PATH_MAX])
{
    /* cap_groups_find has seen to the room. */
    snprintf(out, PATH_MAX, "%.*s/component-%s/cgroup.procs", PATH_MAX - TAIL_ROOM, groups->parent,
             component->name);
}

bool cap_groups_report(const struct cap_groups *groups, const struct component *component,
                       struct cap_report *report)
{
    char group[PATH_ROOM];

    if (groups == NULL || groups->version == NULL || !wants_group(component))
        return false;
    path_of(groups, component, group);
    return groups->version->read(group, report);
}

bool cap_groups_remove(const char *parent)
{
    DIR *dir = opendir(parent);
    const struct dirent *entry;

    if (dir == NULL)
        return errno == ENOENT;
    while ((entry = readdir(dir)) != NULL) {
        if (*entry->d_name != '.' && entry->d_type == DT_DIR)
            (void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    }
    closedir(dir);
    return rmdir(parent) == 0 || errno == ENOENT;
}
