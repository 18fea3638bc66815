#include "driver/report.h"

#include "common/run/repeat.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *word, *file;
    report_writer *write;
} formats[REPORT_FORMAT_COUNT] = {
#define FORMAT_ROW(ident, word, writer, file, text) [REPORT_##ident] = {word, file, writer},
    REPORT_FORMAT_TABLE(FORMAT_ROW)
#undef FORMAT_ROW
};

struct report *report_new(struct run_reader *run, const struct evidence *evidence,
                          const struct verdict_list *verdicts, char *error, size_t cap)
{
    struct report *r = calloc(1, sizeof *r);

    snprintf(error, cap, "%s: no memory for the report", run_reader_dir(run));
    if (r == NULL)
        return NULL;
    r->run = run;
    r->info = run_reader_info(run);
    r->hosts = run_reader_hosts(run, &r->host_count);
    r->verdicts = verdicts;
    r->outcome = verdict_list_worst(verdicts, 0, &r->first);
    if (r->first == NULL)
        r->outcome = OUTCOME_INCONCLUSIVE;
    r->repeat = run_repeat(r->info);
    r->evidence = evidence;
    r->summary = summary_new(evidence, verdicts);
    if (r->summary != NULL && r->repeat != NULL)
        return r;
    report_free(r);
    return NULL;
}

void report_free(struct report *r)
{
    if (r == NULL)
        return;
    summary_free(r->summary);
    free(r->repeat);
    free(r);
}

const char *report_name(const struct report *r, int64_t component)
{
    return component < 1 || (size_t)component > r->evidence->count
               ? "the run"
               : r->evidence->components[component - 1].row->name;
}

const char *report_coverage(const struct report *r, int64_t component)
{
    return component < 1 || (size_t)component > r->evidence->count
               ? NULL
               : r->evidence->components[component - 1].row->coverage;
}

const char *report_evidence(const struct report *r, int64_t component, char *out, size_t cap)
{
    struct run_guilty guilty;

    if (component < 1 ||
        !run_guilty_read(&guilty, run_reader_dir(r->run), report_name(r, component)))
        return NULL;
    return run_guilty_format(&guilty, out, cap);
}

double report_lasted(const struct report *r)
{
    uint64_t from = r->info->ready_ns, until = r->evidence->until_ns;

    return from == 0 || until <= from ? 0 : (double)(until - from) / NS_PER_S;
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

int report_find(const char *word)
{
    for (int i = 0; i < REPORT_FORMAT_COUNT; i++) {
        if (strcmp(formats[i].word, word) == 0)
            return i;
    }
    return -1;
}

char *report_words(char *out, size_t cap)
{
    size_t used = 0;

    for (int i = 0; i < REPORT_FORMAT_COUNT && used < cap; i++)
        used +=
            (size_t)snprintf(out + used, cap - used, "%s%s", i == 0 ? "" : ", ", formats[i].word);
    return out;
}

static bool fail(const char *path, char *error, size_t cap)
{
    if (errno == ENOSPC || errno == EDQUOT)
        snprintf(error, cap, "disk full: cannot write %s; free some space", path);
    else
        snprintf(error, cap, "cannot write %s: %s", path, strerror(errno));
    return false;
}

/* Writes to a file that is open for it, and tells by errno or the writer's line what went wrong. */
static bool write_to(const struct report *r, enum report_format format,
                     const struct report_style *style, FILE *out, const char *path, char *error,
                     size_t cap)
{
    if (!formats[format].write(r, style, out, error, cap))
        return false;
    errno = EIO; /* where an earlier error is all that is known */
    if (fflush(out) != 0 || ferror(out))
        return fail(path, error, cap);
    return true;
}

/* To a file in place, which stands in for the one of that name. */
static bool write_file(const struct report *r, enum report_format format,
                       const struct report_style *style, const char *path, const char *name,
                       char *error, size_t cap)
{
    FILE *out = fopen(path, "we");
    bool ok;

    if (out == NULL)
        return fail(name, error, cap);
    ok = write_to(r, format, style, out, name, error, cap);
    if (fclose(out) != 0 && ok)
        ok = fail(name, error, cap);
    return ok;
}

bool report_save(const struct report *r, enum report_format format,
                 const struct report_style *style, const char *path, char *error, size_t cap)
{
    char draft[PATH_MAX];
    struct stat st;

    if (path == NULL)
        return write_to(r, format, style, stdout, "to standard output", error, cap);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return write_file(r, format, style, path, path, error, cap);
    if (snprintf(draft, sizeof draft, "%s.%d.part", path, (int)getpid()) >= (int)sizeof draft) {
        errno = ENAMETOOLONG;
        return fail(path, error, cap);
    }
    if (!write_file(r, format, style, draft, path, error, cap)) {
        unlink(draft);
        return false;
    }
    if (rename(draft, path) == 0)
        return true;
    fail(path, error, cap);
    unlink(draft);
    return false;
}

bool report_keep(const struct report *r, char *error, size_t cap)
{
    const struct report_style plain = {0};
    char path[PATH_MAX];

    for (int i = 0; i < REPORT_FORMAT_COUNT; i++) {
        if (*formats[i].file == '\0')
            continue;
        snprintf(path, sizeof path, "%s/%s", run_reader_dir(r->run), formats[i].file);
        if (!report_save(r, (enum report_format)i, &plain, path, error, cap))
            return false;
    }
    return true;
}
