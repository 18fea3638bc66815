#include "driver/victims.h"

#include "common/base/clock.h"

#define AWAY_NS (500 * NS_PER_MS) /* so that a client of it fails to connect some times */
#define UP_NS NS_PER_S            /* from its ready: it is connected again */
#define PATIENCE_NS (4 * NS_PER_S)

static bool are_peers(const struct scenario *scenario, size_t a, size_t b)
{
    return scenario->components[a].peer == (int)b || scenario->components[b].peer == (int)a;
}

static bool is_in(const size_t *indices, size_t count, size_t index)
{
    for (size_t i = 0; i < count; i++) {
        if (indices[i] == index)
            return true;
    }
    return false;
}

static bool is_looked_into(const struct inquest *inquests, size_t count, size_t index)
{
    for (size_t i = 0; i < count; i++) {
        if (inquests[i].index == index)
            return true;
    }
    return false;
}

size_t victims_choose(const struct scenario *scenario, const struct inquest *inquests, size_t count,
                      size_t *out)
{
    size_t chosen = 0;

    for (size_t i = 0; i < count; i++) {
        size_t before = chosen;

        for (size_t k = 0; k < scenario->count && chosen - before < VICTIMS_EACH; k++) {
            const struct component *c = &scenario->components[k];

            if (!c->stable && c->kill != KILL_TERM && are_peers(scenario, inquests[i].index, k) &&
                !is_looked_into(inquests, count, k) && !is_in(out, chosen, k))
                out[chosen++] = k;
        }
    }
    return chosen;
}

void victims_begin(struct victims *v, struct supervisor *supervisor,
                   const struct scenario *scenario, const struct inquest *inquests, size_t count)
{
    size_t chosen[VICTIMS_MAX];

    *v = (struct victims){.supervisor = supervisor,
                          .scenario = scenario,
                          .inquests = inquests,
                          .inquest_count = count};
    v->count = victims_choose(scenario, inquests, count, chosen);
    for (size_t i = 0; i < v->count; i++)
        /* Since long ago: the first death need not be waited for. */
        v->items[i] = (struct victim){.index = chosen[i],
                                      .up_ns = supervisor_is_up(supervisor, chosen[i]) ? 1 : 0};
}

/* Whether it serves a suspect to lose it now, and harms none. */
static bool is_wanted_dead(const struct victims *v, const struct victim *victim, uint64_t now_ns)
{
    bool wanted = false;

    for (size_t i = 0; i < v->inquest_count; i++) {
        const struct inquest *s = &v->inquests[i];

        if (s->step >= INQUEST_STACKS || !are_peers(v->scenario, s->index, victim->index))
            continue;
        if (!inquest_bears_deaths(s, now_ns))
            return false;
        wanted = true;
    }
    return wanted;
}

static void step(struct victims *v, struct victim *victim, uint64_t now_ns)
{
    if (!supervisor_is_up(v->supervisor, victim->index)) {
        victim->up_ns = 0;
        if (supervisor_process(v->supervisor, victim->index) == NULL &&
            now_ns >= victim->tried_ns + AWAY_NS) {
            victim->tried_ns = now_ns;
            supervisor_revive(v->supervisor, victim->index);
        }
        return;
    }
    if (victim->up_ns == 0)
        victim->up_ns = now_ns;
    if (now_ns < victim->up_ns + UP_NS || !is_wanted_dead(v, victim, now_ns))
        return;
    victim->up_ns = 0;
    victim->killed_ns = victim->tried_ns = now_ns;
    supervisor_kill(v->supervisor, victim->index);
}

void victims_step(struct victims *v, uint64_t now_ns)
{
    for (size_t i = 0; i < v->count; i++)
        step(v, &v->items[i], now_ns);
}

bool victims_are_back(const struct victims *v, uint64_t now_ns)
{
    for (size_t i = 0; i < v->count; i++) {
        const struct victim *victim = &v->items[i];

        if ((victim->up_ns == 0 || now_ns < victim->up_ns + UP_NS) &&
            now_ns < victim->killed_ns + PATIENCE_NS)
            return false;
    }
    return true;
}
