#include "driver/keepsake.h"

#include "common/base/log.h"
#include "driver/fleet.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_TAIL 8192 /* bytes */

static void close_checked(FILE *out, const char *path)
{
    if (fclose(out) != 0)
        log_warn("cannot write %s: %s", path, strerror(errno));
}

static FILE *open_checked(const char *path)
{
    FILE *out = fopen(path, "we");

    if (out == NULL)
        log_warn("cannot write %s: %s", path, strerror(errno));
    return out;
}

void keepsake_write_line(const char *path, const char *line)
{
    FILE *out = open_checked(path);

    if (out == NULL)
        return;
    fprintf(out, "%s\n", line);
    close_checked(out, path);
}

/* The log of the newest incarnation; NULL: none. */
static FILE *open_newest(const char *run_dir, const char *component)
{
    char path[PATH_MAX];
    FILE *newest = NULL, *next;

    for (int k = 1;; k++) {
        snprintf(path, sizeof path, "%s/logs/%s.%d.log", run_dir, component, k);
        next = fopen(path, "re");
        if (next == NULL)
            return newest;
        if (newest != NULL)
            fclose(newest);
        newest = next;
    }
}

void keepsake_log(const char *run_dir, const char *component, const char *path)
{
    FILE *in = open_newest(run_dir, component), *out;
    char tail[LOG_TAIL];
    size_t length, start = 0;

    if (in == NULL)
        return;
    out = open_checked(path);
    if (out != NULL) {
        /* From the start if it is shorter. */
        bool cut = fseek(in, -LOG_TAIL, SEEK_END) == 0;

        length = fread(tail, 1, sizeof tail, in);
        while (cut && start < length && tail[start++] != '\n')
            ;
        fwrite(tail + start, 1, length - start, out);
        close_checked(out, path);
    }
    fclose(in);
}

static int compare_numbers(const struct dirent **a, const struct dirent **b)
{
    return atoi((*a)->d_name) - atoi((*b)->d_name);
}

static int is_number(const struct dirent *entry)
{
    return entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
}

void keepsake_descriptors(pid_t pid, const char *path)
{
    char dir[64], link[PATH_MAX], target[PATH_MAX];
    struct dirent **entries;
    FILE *out;
    int count;

    snprintf(dir, sizeof dir, "/proc/%d/fd", (int)pid);
    count = scandir(dir, &entries, is_number, compare_numbers);
    out = count < 0 ? NULL : open_checked(path);
    for (int i = 0; i < count; i++) {
        snprintf(link, sizeof link, "%s/%s", dir, entries[i]->d_name);

        ssize_t length = readlink(link, target, sizeof target - 1);

        /* What was closed meanwhile is not open. */
        if (length >= 0 && out != NULL)
            fprintf(out, "%s -> %.*s\n", entries[i]->d_name, (int)length, target);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    if (out != NULL)
        close_checked(out, path);
}

void keepsake_first_line(const char *path, char *out, size_t cap)
{
    FILE *in = fopen(path, "re");

    out[0] = '\0';
    if (in == NULL)
        return;
    while (fgets(out, (int)cap, in) != NULL) {
        out[strcspn(out, "\n")] = '\0';
        if (out[0] != '\0')
            break;
    }
    fclose(in);
}

char *keepsake_command(char *const *argv, uint64_t seed)
{
    char *quoted = fleet_quote(argv), *text = NULL;

    for (char *const *arg = argv; *arg != NULL; arg++) {
        if (strncmp(*arg, "--seed", 6) == 0)
            return quoted;
    }
    if (quoted != NULL && asprintf(&text, "%s --seed %" PRIu64, quoted, seed) < 0)
        text = NULL;
    free(quoted);
    return text;
}
