#include "common/run/stacks.h"

#include "common/base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *run_evidence_path(const char *run_dir, const char *component, const char *file, char *out,
                        size_t cap)
{
    int before = snprintf(out, cap, "%s/" RUN_EVIDENCE "/", run_dir);

    snprintf(out, cap, "%s/" RUN_EVIDENCE "/%s/%s", run_dir, component, file);
    /* No component that a driver starts has such a name; one in a run from elsewhere leads nowhere.
     */
    for (size_t i = 0; component[i] != '\0' && (size_t)before + i + 1 < cap; i++) {
        if (component[i] == '/' || (i == 0 && component[i] == '.'))
            out[(size_t)before + i] = '_';
    }
    return out;
}

/* A link could lead to a file that is none of the run's, a pipe never end. NULL with errno. */
static FILE *open_beside(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat info;
    FILE *file = NULL;

    if (fd >= 0 && fstat(fd, &info) == 0 && !S_ISREG(info.st_mode))
        errno = EINVAL;
    else if (fd >= 0)
        file = fdopen(fd, "r");
    if (fd >= 0 && file == NULL)
        close(fd);
    return file;
}

static int compare_frames(const void *a, const void *b)
{
    return strcmp(((const struct run_stack *)a)->frames, ((const struct run_stack *)b)->frames);
}

static int compare_bytes(const void *a, const void *b)
{
    const struct run_stack *x = a, *y = b;

    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return compare_frames(a, b);
}

void run_stacks_merge(struct run_stacks *stacks)
{
    size_t kept = 0;

    if (stacks->count > 0)
        qsort(stacks->items, stacks->count, sizeof *stacks->items, compare_frames);
    stacks->total = 0;
    for (size_t i = 0; i < stacks->count; i++) {
        struct run_stack *item = &stacks->items[i];

        stacks->total += item->bytes;
        if (kept > 0 && strcmp(stacks->items[kept - 1].frames, item->frames) == 0) {
            stacks->items[kept - 1].bytes += item->bytes;
            free(item->frames);
        } else {
            stacks->items[kept++] = *item;
        }
    }
    stacks->count = kept;
    if (kept > 0)
        qsort(stacks->items, kept, sizeof *stacks->items, compare_bytes);
}

/* All lines together stay so far from what an int64_t holds that no sum of them, nor a difference,
 * leaves it: the rest of such a file is passed over. Until it is merged, total is that sum. */
static bool is_bearable(struct run_stacks *stacks, int64_t bytes)
{
    int64_t most = INT64_MAX / 2 - stacks->total;

    if (bytes == 0 || bytes > most || bytes < -most)
        return false;
    stacks->total += bytes > 0 ? bytes : -bytes;
    return true;
}

/* "a;b;c 123"; what is no such line is passed over. False: out of memory. */
static bool take_line(struct run_stacks *stacks, size_t *room, char *line)
{
    char *blank = strrchr(line, ' '), *end;
    struct run_stack *items;
    int64_t bytes;

    if (blank == NULL || blank == line)
        return true;
    *blank = '\0';
    bytes = strtoll(blank + 1, &end, 10);
    if (end == blank + 1 || (*end != '\0' && *end != '\n') || !is_bearable(stacks, bytes))
        return true;
    if (stacks->count == *room) {
        *room = *room == 0 ? 64 : 2 * *room;
        items = reallocarray(stacks->items, *room, sizeof *items);
        if (items == NULL)
            return false;
        stacks->items = items;
    }
    stacks->items[stacks->count] = (struct run_stack){strdup(line), bytes};
    return stacks->items[stacks->count++].frames != NULL;
}

bool run_stacks_read(struct run_stacks *stacks, const char *path, char *error, size_t cap)
{
    FILE *in = open_beside(path);
    char *line = NULL;
    size_t size = 0, room = 0;
    bool ok = true;

    *stacks = (struct run_stacks){0};
    if (in == NULL) {
        snprintf(error, cap, "%s: %s", path, strerror(errno));
        return false;
    }
    while (ok && getline(&line, &size, in) >= 0)
        ok = take_line(stacks, &room, line);
    free(line);
    fclose(in);
    if (!ok) {
        run_stacks_free(stacks);
        snprintf(error, cap, "%s: no memory to read it", path);
        return false;
    }
    run_stacks_merge(stacks);
    return true;
}

bool run_stacks_write(const struct run_stacks *stacks, const char *path, char *error, size_t cap)
{
    FILE *out = fopen(path, "we");
    bool ok = out != NULL;

    for (size_t i = 0; ok && i < stacks->count; i++)
        ok = fprintf(out, "%s %" PRId64 "\n", stacks->items[i].frames, stacks->items[i].bytes) > 0;
    if (out != NULL)
        ok = fclose(out) == 0 && ok;
    if (!ok)
        snprintf(error, cap, "%s: %s", path, strerror(errno));
    return ok;
}

void run_stacks_free(struct run_stacks *stacks)
{
    for (size_t i = 0; i < stacks->count; i++)
        free(stacks->items[i].frames);
    free(stacks->items);
    *stacks = (struct run_stacks){0};
}

static const char *leaf_of(const char *frames)
{
    const char *last = strrchr(frames, ';');

    return last == NULL ? frames : last + 1;
}

/* The last `count` of its frames. */
static const char *tail_of(const char *frames, int count)
{
    const char *at = frames + strlen(frames);

    while (at > frames && (at[-1] != ';' || --count > 0))
        at--;
    return at;
}

static void set_off(struct run_stacks *stacks, struct run_stack *freed, int frames)
{
    const char *tail = tail_of(freed->frames, frames);

    for (size_t i = 0; i < stacks->count && freed->bytes < 0; i++) {
        struct run_stack *kept = &stacks->items[i];
        int64_t both = kept->bytes < -freed->bytes ? kept->bytes : -freed->bytes;

        if (kept->bytes > 0 && strcmp(tail_of(kept->frames, frames), tail) == 0) {
            kept->bytes -= both;
            freed->bytes += both;
        }
    }
}

void run_stacks_settle(struct run_stacks *stacks)
{
    static const int likenesses[] = {3, 1};
    size_t kept = 0;

    for (size_t pass = 0; pass < sizeof likenesses / sizeof *likenesses; pass++) {
        for (size_t i = 0; i < stacks->count; i++)
            set_off(stacks, &stacks->items[i], likenesses[pass]);
    }
    for (size_t i = 0; i < stacks->count; i++) {
        if (stacks->items[i].bytes > 0)
            stacks->items[kept++] = stacks->items[i];
        else
            free(stacks->items[i].frames);
    }
    stacks->count = kept;
    run_stacks_merge(stacks);
}

/* The bytes of all stacks that end in the same function. */
static int64_t sum_of_leaf(const struct run_stacks *stacks, const char *leaf)
{
    int64_t sum = 0;

    for (size_t i = 0; i < stacks->count; i++) {
        if (strcmp(leaf_of(stacks->items[i].frames), leaf) == 0)
            sum += stacks->items[i].bytes;
    }
    return sum;
}

#define SHOWN 5 /* frames: where it comes from is seldom further away */

/* The nearest frames, each named once in a row, without a word about inlining. */
static void put_frames(const char *frames, char *out, size_t cap)
{
    const char *end = frames + strlen(frames), *start, *before = "";
    size_t used = 0, length, before_length = 0;

    for (int shown = 0; shown < SHOWN && end > frames; end = start > frames ? start - 1 : start) {
        for (start = end; start > frames && start[-1] != ';';)
            start--;
        length = (size_t)(end - start);
        if (length > 8 && strncmp(start + length - 8, "[inline]", 8) == 0)
            length -= 8;
        if (length == before_length && strncmp(start, before, length) == 0)
            continue;
        if (used + length + 5 > cap)
            return;
        used += (size_t)snprintf(out + used, cap - used, "%s%.*s", shown++ == 0 ? "" : " <- ",
                                 (int)length, start);
        before = start;
        before_length = length;
    }
}

static void find_guilty(struct run_guilty *guilty, const struct run_stacks *stacks)
{
    size_t worst = 0;

    for (size_t i = 0; i < stacks->count; i++) {
        int64_t sum = sum_of_leaf(stacks, leaf_of(stacks->items[i].frames));

        /* The first of a leaf is its heaviest. */
        if (sum > guilty->bytes) {
            guilty->bytes = sum;
            worst = i;
        }
    }
    guilty->total = stacks->total;
    if (stacks->count > 0)
        put_frames(stacks->items[worst].frames, guilty->frames, sizeof guilty->frames);
    else
        snprintf(guilty->why, sizeof guilty->why, "nothing stayed that was allocated meanwhile");
}

static bool read_why(struct run_guilty *guilty, const char *path)
{
    FILE *in = open_beside(path);

    if (in == NULL)
        return false;
    if (fgets(guilty->why, sizeof guilty->why, in) == NULL)
        guilty->why[0] = '\0';
    guilty->why[strcspn(guilty->why, "\n")] = '\0';
    fclose(in);
    return true;
}

bool run_guilty_read(struct run_guilty *guilty, const char *run_dir, const char *component)
{
    char path[PATH_MAX], error[PATH_MAX + 64];
    struct run_stacks stacks;

    *guilty = (struct run_guilty){0};
    run_evidence_path(run_dir, component, RUN_STACKS_FILE, path, sizeof path);
    if (!run_stacks_read(&stacks, path, error, sizeof error))
        return read_why(guilty,
                        run_evidence_path(run_dir, component, RUN_WHY_FILE, path, sizeof path));
    run_stacks_settle(&stacks);
    find_guilty(guilty, &stacks);
    run_stacks_free(&stacks);
    guilty->flame =
        access(run_evidence_path(run_dir, component, RUN_FLAME_FILE, path, sizeof path), R_OK) == 0;
    return true;
}

char *run_guilty_format(const struct run_guilty *guilty, char *out, size_t cap)
{
    char bytes[32], total[32];

    if (guilty->frames[0] == '\0') {
        snprintf(out, cap, "where it was allocated is not known: %s", guilty->why);
        return out;
    }
    units_format_size((uint64_t)guilty->bytes, bytes, sizeof bytes);
    units_format_size((uint64_t)guilty->total, total, sizeof total);
    snprintf(out, cap, "allocated in %s (%s of the %s that stayed)", guilty->frames, bytes, total);
    return out;
}
