#include "charts/marks.h"

#include "charts/text.h"
#include "common/contract/reason.h"

#include <string.h>

#define KINDS_WITH_WHOM 70 /* letters; with more there is no room in the line for what they are */
#define MARKED_MAX (FACTS_COLUMNS / 4) /* columns with a death: beyond that it is one black bar */

static bool is_peer(const struct run_component_row *a, const struct run_component_row *b)
{
    return a->server ? b->peer == a->id : a->peer == b->id;
}

static size_t column_at(const struct facts *f, uint64_t time_ns)
{
    double at = (facts_x(f, time_ns) - f->x0) / (f->x1 - f->x0) * FACTS_COLUMNS;

    if (at < 0)
        return 0;
    return at >= FACTS_COLUMNS ? FACTS_COLUMNS - 1 : (size_t)at;
}

/* When the incarnation after this one was ready; the end of the chart if it never was. */
static size_t back_at(const struct facts *f, const struct run_incarnation_row *rows, size_t count,
                      size_t i)
{
    for (size_t k = i + 1; k < count; k++) {
        if (rows[k].component != rows[i].component)
            continue;
        return rows[k].ready_ns == 0 ? FACTS_COLUMNS - 1 : column_at(f, rows[k].ready_ns);
    }
    return FACTS_COLUMNS - 1;
}

static void take_faults(struct marks *m, const struct facts *f, const struct facts_component *c)
{
    size_t count;
    const struct run_fault_row *rows = run_reader_faults(f->run, &count);

    for (size_t i = 0; i < count; i++) {
        bool its = rows[i].component == c->row->id;

        if (rows[i].kind == NULL || !(its || rows[i].component == c->row->peer))
            continue;
        if (m->fault_total++ < MARKS_FAULTS) {
            m->faults[m->fault_count].x = facts_x(f, rows[i].ordered_ns);
            m->faults[m->fault_count++].kind = rows[i].kind;
        }
    }
    if (m->fault_total > MARKS_FAULTS)
        m->fault_count = 0;
}

void marks_take(struct marks *m, const struct facts *f, const struct facts_component *c)
{
    size_t count;
    const struct run_incarnation_row *rows = run_reader_incarnations(f->run, &count);

    int marked = 0;

    memset(m, 0, sizeof *m);
    take_faults(m, f, c);
    for (size_t i = 0; i < f->count; i++)
        m->peers += is_peer(c->row, f->components[i].row) && !f->components[i].row->stable;
    for (size_t i = 0; i < count; i++) {
        const struct run_component_row *dead = f->components[rows[i].component - 1].row;
        const struct run_phase *phase = &f->components[rows[i].component - 1].phase;
        bool own = dead == c->row;

        if (rows[i].exit_ns == 0 || rows[i].reason == REASON_STOPPED ||
            run_phase_unjudged(phase, rows[i].exit_ns))
            continue;
        if (!own && !(is_peer(c->row, dead) && rows[i].reason == REASON_CHAOS))
            continue;
        size_t at = column_at(f, rows[i].exit_ns);

        m->deaths++;
        m->own += own;
        marked += !m->death[at];
        m->death[at] = true;
        for (size_t k = back_at(f, rows, count, i); k > at; k--)
            m->away[k] = true;
    }
    m->shown = m->deaths > 0 && marked <= MARKED_MAX;
}

static const char *plural(int n)
{
    return n == 1 ? "" : "s";
}

/* Who was killed how often; false if nobody was. */
static bool kills_text(const struct marks *m, const struct facts_component *c, char *out,
                       size_t cap)
{
    int kills = m->deaths - m->own;
    char count[32];

    text_number(kills, 0, count, sizeof count);
    if (kills == 0)
        return false;
    if (c->row->server)
        snprintf(out, cap, "%s kill%s of its %d unstable client%s", count, plural(kills), m->peers,
                 plural(m->peers));
    else
        snprintf(out, cap, "%s kill%s of its server", count, plural(kills));
    return true;
}

/* "f freeze, g goaway", each kind once. */
static void list_kinds(const struct marks *m, char *out, size_t cap)
{
    size_t used = 0;

    *out = '\0';
    for (int i = 0; i < m->fault_count; i++) {
        int before = 0;
        int n;

        while (before < i && strcmp(m->faults[before].kind, m->faults[i].kind) != 0)
            before++;
        if (before < i)
            continue;
        n = snprintf(out + used, cap - used, "%s%c %s", used == 0 ? "" : ", ", m->faults[i].kind[0],
                     m->faults[i].kind);
        if (n < 0 || (size_t)n >= cap - used) {
            out[used] = '\0';
            return;
        }
        used += (size_t)n;
    }
}

char *marks_caption(const struct marks *m, const struct facts_component *c, char *out, size_t cap)
{
    char kills[100], own[60] = "";

    if (m->own > 0)
        snprintf(own, sizeof own, "%d death%s of its own", m->own, plural(m->own));
    if (!kills_text(m, c, kills, sizeof kills)) {
        snprintf(kills, sizeof kills, "%s",
                 m->peers > 0     ? "no peer of it was killed"
                 : c->row->server ? "all its clients are stable"
                                  : "its server is stable");
    }
    snprintf(out, cap, "%s%s%s%s%s.", m->shown ? "Marks under the axis: " : "", kills,
             m->own > 0 ? "; " : "", own,
             m->shown        ? "; a bar lasts until it was ready again"
             : m->deaths > 0 ? ", too many to mark"
                             : "");
    if (out[0] >= 'a' && out[0] <= 'z')
        out[0] = (char)(out[0] - 'a' + 'A');
    return out;
}

char *marks_fault_caption(const struct marks *m, const struct facts_component *c, char *out,
                          size_t cap)
{
    const char *whom = c->row->server ? "it" : "it or its server";
    char kinds[160];

    list_kinds(m, kinds, sizeof kinds);
    *out = '\0';
    if (m->fault_count > 0 && strlen(kinds) <= KINDS_WITH_WHOM)
        snprintf(out, cap, "Letters, what befell %s: %s.", whom, kinds);
    else if (m->fault_count > 0)
        snprintf(out, cap, "Letters: %s.", kinds);
    else if (m->fault_total > 0)
        snprintf(out, cap, "Other faults befell %s, too many to mark: %d.", whom, m->fault_total);
    return out;
}
