#include "driver/collapse_perf.h"

#include "common/run/stacks.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX 255 /* perf takes 127 */

/* One sample as it comes: the thread, then frames, the innermost first. */
struct sample {
    char *thread; /* NULL: none has begun */
    char *frames[FRAMES_MAX];
    size_t count;
};

static char *trim_end(char *text)
{
    size_t length = strlen(text);

    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text;
}

/* Cuts the last word off. */
static void drop_word(char *text)
{
    char *blank = strrchr(trim_end(text), ' ');

    if (blank != NULL)
        *blank = '\0';
    trim_end(text);
}

/* "V8 Worker  4711 cpu-clock: " is the thread "V8 Worker". */
static char *thread_name(char *line)
{
    drop_word(line);
    drop_word(line);
    return line + strspn(line, " ");
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* Modules are in brackets as the kernel itself is. */
static bool is_kernel(const char *file)
{
    static const char *const user[] = {"[vdso]",  "[vsyscall]", "[heap]",
                                       "[stack]", "[unknown]",  "[anon"};

    for (size_t i = 0; i < sizeof user / sizeof *user; i++) {
        if (starts_with(file, user[i]))
            return false;
    }
    return *file == '[';
}

/* The file that is named in parentheses at the end, which are cut off; "" if there is none. */
static const char *split_file(char *name)
{
    size_t length = strlen(trim_end(name));
    char *at = NULL;

    if (length == 0 || name[length - 1] != ')')
        return "";
    for (char *next = name; (next = strstr(next, " (")) != NULL; next += 2) {
        if (next[2] == '/' || next[2] == '[')
            at = next;
    }
    /* A name that is all there is begins with the parenthesis. */
    if (at == NULL && (name[1] == '/' || name[1] == '[') && *name == '(')
        at = name;
    if (at == NULL)
        at = strrchr(name, ' ');
    if (at == NULL)
        return "";
    name[length - 1] = '\0';
    *at = '\0';
    return at + (at[1] == '(' ? 2 : 1);
}

/* "JS:*send file:///home/me/a.js:46:17" without the folders; in place. */
static void strip_folders(char *name)
{
    char *path = strstr(name, " file:///");

    if (path == NULL)
        path = strstr(name, " /");
    if (path != NULL)
        memmove(path + 1, base_name(path), strlen(base_name(path)) + 1);
}

/* What a reader has no use for, and what would end a frame; in place. */
static void tidy(char *name)
{
    char *version;

    strip_folders(name);
    version = strchr(name, '@');
    if (version != NULL && version != name)
        *version = '\0';
    for (; *name != '\0'; name++) {
        if (*name == ';')
            *name = ':';
    }
}

/* One line below the thread's: "  7f12 name (file)". What is not known at all is left out, which is
 * no failure. False: out of memory. */
static bool take_frame(struct sample *sample, char *line)
{
    char *name = line + strspn(line, " \t"), **frame = &sample->frames[sample->count];
    const char *file;
    int size;

    name += strcspn(name, " ");
    name += strspn(name, " ");
    file = split_file(name);
    if (sample->count == FRAMES_MAX || *name == '\0')
        return true;
    if (strcmp(name, "[unknown]") != 0) {
        tidy(name);
        size = asprintf(frame, "%s%s", name, is_kernel(file) ? "_[k]" : "");
    } else if (is_kernel(file)) {
        size = asprintf(frame, "[kernel]_[k]");
    } else if (*file == '/' && file[1] != '/') {
        size = asprintf(frame, "[%s]", base_name(file));
    } else {
        return true;
    }
    if (size < 0)
        return false;
    sample->count++;
    return true;
}

static void clear(struct sample *sample)
{
    free(sample->thread);
    for (size_t i = 0; i < sample->count; i++)
        free(sample->frames[i]);
    sample->thread = NULL;
    sample->count = 0;
}

static char *join(const struct sample *sample)
{
    size_t size = strlen(sample->thread) + 1;
    char *text, *at;

    for (size_t i = 0; i < sample->count; i++)
        size += strlen(sample->frames[i]) + 1;
    text = malloc(size);
    if (text == NULL)
        return NULL;
    at = stpcpy(text, sample->thread);
    for (size_t i = sample->count; i > 0; i--) {
        *at++ = ';';
        at = stpcpy(at, sample->frames[i - 1]);
    }
    return text;
}

/* The sample is whole. */
static bool keep(struct sample *sample, struct run_stacks *stacks, size_t *room)
{
    struct run_stack *items = stacks->items;
    char *frames;

    if (sample->thread == NULL)
        return true;
    if (stacks->count == *room) {
        *room = *room == 0 ? 256 : 2 * *room;
        items = reallocarray(items, *room, sizeof *items);
        if (items == NULL)
            return false;
        stacks->items = items;
    }
    frames = join(sample);
    if (frames == NULL)
        return false;
    items[stacks->count++] = (struct run_stack){frames, 1};
    clear(sample);
    return true;
}

static bool take_line(struct sample *sample, struct run_stacks *stacks, size_t *room, char *line)
{
    bool frame = *line == '\t' || starts_with(line, "        ");
    char *thread;

    trim_end(line);
    if (*line == '\0')
        return keep(sample, stacks, room);
    /* A short name of a thread stands behind blanks as a frame does. */
    if (frame && sample->thread != NULL)
        return take_frame(sample, line);
    if (!keep(sample, stacks, room))
        return false;
    thread = thread_name(line);
    if (*thread == '\0')
        return true;
    tidy(thread);
    sample->thread = strdup(thread);
    return sample->thread != NULL;
}

static bool read_samples(FILE *in, struct run_stacks *stacks)
{
    struct sample sample = {0};
    size_t size = 0, room = 0;
    char *line = NULL;
    bool ok = true;

    while (ok && getline(&line, &size, in) >= 0)
        ok = take_line(&sample, stacks, &room, line);
    ok = ok && keep(&sample, stacks, &room);
    clear(&sample);
    free(line);
    return ok;
}

bool collapse_perf(const char *raw, const char *path, uint64_t *samples, char *error, size_t cap)
{
    struct run_stacks stacks = {0};
    FILE *in = fopen(raw, "re");
    bool ok;

    if (in == NULL) {
        snprintf(error, cap, "%s: %s", raw, strerror(errno));
        return false;
    }
    ok = read_samples(in, &stacks);
    if (!ok)
        snprintf(error, cap, "%s: no memory to read it", raw);
    fclose(in);
    if (ok) {
        run_stacks_merge(&stacks);
        *samples = (uint64_t)stacks.total;
        ok = run_stacks_write(&stacks, path, error, cap);
    }
    run_stacks_free(&stacks);
    return ok;
}
