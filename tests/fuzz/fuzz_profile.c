/*
 * What other programs and the kernel say: heap profiles by jeprof, samples by perf, and files under
 * /proc. Whatever is in them, stacks are frames and a number, which can be read again as the same;
 * a flame page's data can be parsed; what is measured was there. Input: a byte that says what it
 * is, then the text; of two profiles, and of two files, a NUL stands between them.
 */
#include "charts/flame_tree.h"
#include "common/run/stacks.h"
#include "driver/cap_group.h"
#include "driver/collapse.h"
#include "driver/collapse_perf.h"
#include "driver/proc.h"
#include "tests/fuzz/require.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* dir/evidence/x is as a run has it. */
static char dir[200], raw[220], other[220], mounts[220], own[220];
static char folded[300];

static void end(void)
{
    char path[300];

    unlink(raw);
    unlink(other);
    unlink(mounts);
    unlink(own);
    unlink(folded);
    snprintf(path, sizeof path, "%s/" RUN_EVIDENCE "/x", dir);
    rmdir(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
    rmdir(dir);
}

static void begin(void)
{
    const char *parent = getenv("TMPDIR");
    char path[300];

    snprintf(dir, sizeof dir, "%.100s/flatline-fuzz.XXXXXX", parent == NULL ? "/tmp" : parent);
    require(mkdtemp(dir) != NULL && atexit(end) == 0);
    snprintf(raw, sizeof raw, "%s/raw", dir);
    snprintf(other, sizeof other, "%s/other", dir);
    snprintf(mounts, sizeof mounts, "%s/mounts", dir);
    snprintf(own, sizeof own, "%s/cgroup", dir);
    snprintf(path, sizeof path, "%s/" RUN_EVIDENCE, dir);
    require(mkdir(path, 0700) == 0);
    strcat(path, "/x");
    require(mkdir(path, 0700) == 0);
    run_evidence_path(dir, "x", RUN_STACKS_FILE, folded, sizeof folded);
}

static void put(const char *path, const char *text, size_t size)
{
    FILE *out = fopen(path, "we");

    require(out != NULL && fwrite(text, 1, size, out) == size && fclose(out) == 0);
}

static void check_line(const char *line)
{
    require(line[0] != '\0' && strchr(line, '\n') == NULL);
}

/* ---- profiles ---- */

static void check_tree(const struct run_stacks *stacks, const struct run_stacks *base)
{
    struct flame_tree tree;
    struct flame_item *leaves;
    char *text = NULL;
    size_t size, count;
    FILE *out = open_memstream(&text, &size);
    json_t *json;

    require(out != NULL && flame_tree_make(&tree, stacks, base));
    flame_tree_put_json(&tree, out);
    require(fclose(out) == 0);
    json = json_loads(text, 0, NULL);
    require(json != NULL && strstr(text, "</") == NULL);
    leaves = flame_tree_sum_leaves(&tree, &count);
    require(leaves != NULL && count <= tree.count);
    json_decref(json);
    free(leaves);
    free(text);
    flame_tree_clear(&tree);
}

static void read_again(const char *path, struct run_stacks *stacks)
{
    char error[1000] = "";

    require(run_stacks_read(stacks, path, error, sizeof error));
    for (size_t i = 0; i < stacks->count; i++)
        require(strchr(stacks->items[i].frames, '\n') == NULL);
}

static void check_guilty(void)
{
    struct run_guilty guilty;
    char words[2 * RUN_GUILTY_FRAMES];

    require(run_guilty_read(&guilty, dir, "x"));
    check_line(run_guilty_format(&guilty, words, sizeof words));
}

/* What is at `folded`. */
static void check_stacks(void)
{
    struct run_stacks stacks, settled;

    read_again(folded, &stacks);
    check_tree(&stacks, NULL);
    read_again(folded, &settled);
    run_stacks_settle(&settled);
    for (size_t i = 0; i < settled.count; i++)
        require(settled.items[i].bytes > 0);
    check_tree(&stacks, &settled);
    run_stacks_free(&stacks);
    run_stacks_free(&settled);
    check_guilty();
}

static void check_jeprof(const char *text, size_t size)
{
    char error[1000] = "";

    put(raw, text, size);
    require(collapse_stacks(raw, folded, error, sizeof error));
    check_stacks();
}

static void check_perf(const char *text, size_t size)
{
    char error[1000] = "";
    uint64_t samples = 0;

    put(raw, text, size);
    require(collapse_perf(raw, folded, &samples, error, sizeof error));
    require(samples <= size);
    check_stacks();
}

/* As somebody else's run may have it, not as we write it. */
static void check_found(const char *text, size_t size)
{
    put(folded, text, size);
    check_stacks();
}

static void check_difference(const char *text, size_t size)
{
    const char *middle = memchr(text, '\0', size);
    size_t first = middle == NULL ? size : (size_t)(middle - text);
    struct run_stacks stacks, base;

    put(raw, text, first);
    put(other, text + first, size - first);
    read_again(raw, &stacks);
    read_again(other, &base);
    check_tree(&stacks, &base);
    run_stacks_free(&stacks);
    run_stacks_free(&base);
}

/* ---- /proc ---- */

static void check_statm(const char *text, size_t size)
{
    struct proc proc = {
        .statm_fd = memfd_create("statm", MFD_CLOEXEC), .tasks_fd = -1, .fds_fd = -1};
    struct metric_values values = {.present = 0};

    require(proc.statm_fd >= 0 && write(proc.statm_fd, text, size) == (ssize_t)size);
    proc_read(&proc, &values);
    require(metric_has(&values, METRIC_RSS) == metric_has(&values, METRIC_DATA));
    if (metric_has(&values, METRIC_RSS))
        require(values.value[METRIC_RSS] >= 0 && values.value[METRIC_DATA] >= 0);
    proc_close(&proc);
}

static void check_cgroup(const char *text, size_t size)
{
    const char *middle = memchr(text, '\0', size);
    size_t first = middle == NULL ? size : (size_t)(middle - text);
    static char base[PATH_MAX];

    put(mounts, text, first);
    put(own, text + first, size - first);
    if (cap_cgroup1.find(dir, base) || cap_cgroup2.find(dir, base))
        require(strnlen(base, sizeof base) < sizeof base);
    (void)cap_read_number(dir, "mounts", "oom_kill");
    (void)cap_read_number(dir, "mounts", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(const char *text, size_t size) = {
        check_jeprof, check_perf, check_found, check_difference, check_statm, check_cgroup};

    if (size == 0)
        return 0;
    if (dir[0] == '\0')
        begin();
    checks[data[0] % (sizeof checks / sizeof *checks)]((const char *)data + 1, size - 1);
    return 0;
}
