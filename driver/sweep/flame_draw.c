#include "driver/sweep/flame_draw.h"

#include "charts/flame_page.h"
#include "common/base/log.h"
#include "common/base/units.h"
#include "driver/sweep/flame_result.h"
#include "driver/sweep/perf.h"
#include "driver/sweep/tree.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LABEL 256
#define WORDS 1024

/* The stacks of one role and kind in one folder. */
struct source {
    enum flame_role role;
    enum flame_kind kind;
    char path[PATH_MAX];
    struct run_stacks stacks;
};

static bool find(struct source *source, const char *dir, enum flame_role role, enum flame_kind kind)
{
    char file[32];

    *source = (struct source){.role = role, .kind = kind};
    snprintf(source->path, sizeof source->path, "%s/%s", dir,
             flame_result_file(role, kind, "folded", file, sizeof file));
    return access(source->path, F_OK) == 0;
}

static void amount(const struct source *source, char *out, size_t cap)
{
    int64_t total = source->stacks.total;

    if (source->kind == FLAME_HEAP) {
        char size[32];

        snprintf(out, cap, "%s allocated", units_format_size((uint64_t)total, size, sizeof size));
    } else if (total == 0) {
        snprintf(out, cap, "no CPU time");
    } else {
        snprintf(out, cap, "%.*f s of CPU", total < PERF_FREQUENCY ? 3 : 2,
                 (double)total / PERF_FREQUENCY);
    }
}

static void explain(const struct source *source, const struct flame_options *o, char *out,
                    size_t cap)
{
    const char *what = source->kind == FLAME_CPU ? "CPU time of"
                                                 : "All that was allocated, freed since or not, by";
    int used = snprintf(
        out, cap, "%s %s, while %" PRIu64 " streams of %s, in messages of %s, were sent. ", what,
        flame_role_text(source->role), o->streams, o->per_stream_text, o->per_packet_text);

    if (used < 0 || (size_t)used >= cap)
        return;
    if (source->kind == FLAME_HEAP)
        snprintf(out + used, cap - (size_t)used,
                 "Widths are bytes; at the top of each stack is who asked for the memory.");
    else
        snprintf(out + used, cap - (size_t)used,
                 "Widths are samples, %" PRId64 " of them, %d a second of CPU; the highest row "
                 "is threads, and below each function is what it called.",
                 source->stacks.total, PERF_FREQUENCY);
}

static bool draw_one(struct source *source, const char *dir, const struct flame_options *o,
                     const struct flame_impl *impl, const char *templates, char *error, size_t cap)
{
    char title[LABEL], heading[LABEL], words[WORDS], file[32], much[64];
    struct flame_page page = {.title = title,
                              .heading = heading,
                              .explanation = words,
                              .unit = source->kind == FLAME_HEAP ? FLAME_BYTES : FLAME_SAMPLES,
                              .stacks = &source->stacks};
    bool ok;

    if (!run_stacks_read(&source->stacks, source->path, error, cap))
        return false;
    amount(source, much, sizeof much);
    snprintf(title, sizeof title, "%s, %s %s", flame_role_name(source->role), impl->name,
             impl->version);
    snprintf(heading, sizeof heading, "%s, server %s %s: %s", flame_role_name(source->role),
             impl->name, impl->version, much);
    explain(source, o, words, sizeof words);
    ok = flame_page_draw(&page, templates, dir,
                         flame_result_file(source->role, source->kind, "html", file, sizeof file),
                         error, cap);
    run_stacks_free(&source->stacks);
    return ok;
}

bool flame_draw_result(const char *dir, const struct flame_options *options,
                       const struct flame_impl *impl, char *error, size_t cap)
{
    char templates[PATH_MAX];
    struct source source;

    if (!flame_page_possible(templates, sizeof templates, error, cap)) {
        log_warn("%s", error);
        return true;
    }
    for (int role = 0; role < FLAME_ROLES; role++) {
        for (int kind = 0; kind < FLAME_KINDS; kind++) {
            if (find(&source, dir, (enum flame_role)role, (enum flame_kind)kind) &&
                !draw_one(&source, dir, options, impl, templates, error, cap))
                return false;
        }
    }
    return true;
}

/* --- differences ----------------------------------------------------------------------------- */

struct sides {
    char base[LABEL], changed[LABEL]; /* what they are called */
    const char *out, *templates;
};

static bool draw_pair(const struct sides *sides, const struct source *base,
                      const struct source *changed, char *error, size_t cap)
{
    const char *role = flame_role_name(base->role);
    char title[3 * LABEL], heading[3 * LABEL], words[4 * LABEL], file[32], before[64], now[64];
    const struct flame_page page = {.title = title,
                                    .heading = heading,
                                    .explanation = words,
                                    .unit = FLAME_SHARES,
                                    .stacks = &changed->stacks,
                                    .base = &base->stacks};

    amount(base, before, sizeof before);
    amount(changed, now, sizeof now);
    snprintf(title, sizeof title, "%s: %s, then %s", role, sides->base, sides->changed);
    snprintf(heading, sizeof heading, "%s: %s against %s", role, sides->changed, sides->base);
    snprintf(words, sizeof words,
             "From %s (%s) to %s (%s): red has a greater share of the whole than before, blue a "
             "smaller one. Each side counts as 100 %%, and widths are the mean of both, so that "
             "what has gone is seen too.",
             sides->base, before, sides->changed, now);
    return flame_page_draw(&page, sides->templates, sides->out,
                           flame_result_file(base->role, base->kind, "html", file, sizeof file),
                           error, cap);
}

/* Profiles of nothing are not compared. */
static bool compare(const struct sides *sides, struct source *base, struct source *changed,
                    unsigned *drawn, char *error, size_t cap)
{
    bool ok;

    if (!run_stacks_read(&base->stacks, base->path, error, cap))
        return false;
    if (!run_stacks_read(&changed->stacks, changed->path, error, cap)) {
        run_stacks_free(&base->stacks);
        return false;
    }
    ok = true;
    if (base->stacks.total > 0 && changed->stacks.total > 0) {
        ok = draw_pair(sides, base, changed, error, cap);
        *drawn += ok;
    }
    run_stacks_free(&base->stacks);
    run_stacks_free(&changed->stacks);
    return ok;
}

bool flame_draw_difference(const char *base, const char *changed, const char *out, unsigned *drawn,
                           char *error, size_t cap)
{
    char templates[PATH_MAX];
    struct sides sides = {.out = out, .templates = templates};
    struct source before, now;

    *drawn = 0;
    flame_result_label(base, sides.base, sizeof sides.base);
    flame_result_label(changed, sides.changed, sizeof sides.changed);
    if (!flame_page_possible(templates, sizeof templates, error, cap) ||
        !tree_make(out, error, cap))
        return false;
    for (int role = 0; role < FLAME_ROLES; role++) {
        for (int kind = 0; kind < FLAME_KINDS; kind++) {
            if (find(&before, base, (enum flame_role)role, (enum flame_kind)kind) &&
                find(&now, changed, (enum flame_role)role, (enum flame_kind)kind) &&
                !compare(&sides, &before, &now, drawn, error, cap))
                return false;
        }
    }
    return true;
}
