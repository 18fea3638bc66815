#include "charts/marks.h"

#include "common/contract/reason.h"

#include <string.h>

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

void marks_take(struct marks *m, const struct facts *f, const struct facts_component *c)
{
    size_t count;
    const struct run_incarnation_row *rows = run_reader_incarnations(f->run, &count);

    memset(m, 0, sizeof *m);
    for (size_t i = 0; i < f->count; i++)
        m->peers += is_peer(c->row, f->components[i].row) && !f->components[i].row->stable;
    for (size_t i = 0; i < count; i++) {
        const struct run_component_row *dead = f->components[rows[i].component - 1].row;
        bool own = dead == c->row;

        if (rows[i].exit_ns == 0 || rows[i].reason == REASON_STOPPED)
            continue;
        if (!own && !(is_peer(c->row, dead) && rows[i].reason == REASON_CHAOS))
            continue;
        size_t at = column_at(f, rows[i].exit_ns);

        m->deaths++;
        m->own += own;
        m->death[at] = true;
        for (size_t k = back_at(f, rows, count, i); k > at; k--)
            m->away[k] = true;
    }
}

static const char *plural(int n)
{
    return n == 1 ? "" : "s";
}

char *marks_caption(const struct marks *m, const struct facts_component *c, char *out, size_t cap)
{
    static const char until[] = "a bar lasts until it was ready again";
    int kills = m->deaths - m->own;

    if (kills > 0 && c->row->server)
        snprintf(out, cap, "Marks under the axis: %d kill%s of its %d unstable client%s; %s", kills,
                 plural(kills), m->peers, plural(m->peers), until);
    else if (kills > 0)
        snprintf(out, cap, "Marks under the axis: %d kill%s of its server; %s", kills,
                 plural(kills), until);
    else if (m->peers > 0)
        snprintf(out, cap, "No peer of it was killed");
    else if (c->row->server)
        snprintf(out, cap, "All its clients are stable");
    else
        snprintf(out, cap, "Its server is stable");
    if (m->own > 0) {
        size_t length = strlen(out);

        snprintf(out + length, cap - length, "; %d death%s of its own", m->own, plural(m->own));
    }
    strncat(out, ".", cap - strlen(out) - 1);
    return out;
}
