#include "driver/death.h"

#include "common/base/exit_status.h"
#include "common/base/units.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* An abnormal end this near to the cap is blamed on the cap. */
#define NEAR_CAP_PERCENT 95

static bool is_near_cap(const struct death *death)
{
    return death->heap_cap != 0 && death->data > 0 &&
           (uint64_t)death->data >= death->heap_cap / 100 * NEAR_CAP_PERCENT;
}

/* How a shell, and many a program with a handler of its own, says that SIGTERM ended it. */
#define STATUS_TERMINATED (128 + SIGTERM)

static bool obeyed_stop(const struct death *death)
{
    const struct spawn_end *end = &death->end;

    return end->code == 0 || end->signal == SIGTERM || (death->forced && end->signal == SIGKILL) ||
           (death->foreign && end->code == STATUS_TERMINATED);
}

static bool group_has_killed(const struct death *death)
{
    return death->group_cap != 0 && death->group_kills > 0;
}

/* A kernel that does not count its kills leaves a SIGKILL of unknown hand, at the limit. */
static bool group_may_have_killed(const struct death *death)
{
    return death->group_cap != 0 && death->group_kills < 0 && death->group_refusals > 0 &&
           death->order == ORDER_NONE && death->end.signal == SIGKILL;
}

enum reason death_reason(const struct death *death)
{
    if (death->not_executed)
        return REASON_SPAWN_FAILED;
    if (death->order == ORDER_CHAOS)
        return REASON_CHAOS;
    if (death->order == ORDER_NOT_READY)
        return REASON_NOT_READY;
    if (death->order == ORDER_FROZEN)
        return REASON_FROZEN;
    if (death->refused || group_has_killed(death) || death->end.code == STATUS_HEAP_OVERFLOW)
        return REASON_HEAP_CAP;
    if (death->order == ORDER_STOP && obeyed_stop(death))
        return REASON_STOPPED;
    if (death->end.code == 0)
        return REASON_CLEAN_EXIT;
    if (death->end.signal == SIGSYS)
        return REASON_FORBIDDEN_CALL;
    if (is_near_cap(death) || group_may_have_killed(death))
        return REASON_HEAP_CAP;
    return death->end.signal != 0 ? REASON_SIGNAL : REASON_ERROR_EXIT;
}

bool death_tell_group(const struct death *death, char *out, size_t cap)
{
    char size[32];

    if (death->order == ORDER_CHAOS)
        return false;
    units_format_size(death->group_cap, size, sizeof size);
    if (group_has_killed(death))
        snprintf(out, cap, "out of memory in its cgroup of %s: %" PRId64 " killed there", size,
                 death->group_kills);
    else if (group_may_have_killed(death))
        snprintf(out, cap, "probably out of memory: its cgroup of %s was full", size);
    else
        return false;
    return true;
}

bool death_is_breach(enum reason reason)
{
    return reason != REASON_CHAOS && reason != REASON_STOPPED;
}

char *death_describe(const struct death *death, char *out, size_t cap)
{
    char end[80];

    if (death->end.signal != 0)
        snprintf(end, sizeof end, "killed by signal %d (%s)", death->end.signal,
                 strsignal(death->end.signal));
    else
        snprintf(end, sizeof end, "exit status %d", death->end.code);
    if (death->not_executed)
        snprintf(out, cap, "%s", death->obituary);
    else if (death->obituary != NULL)
        snprintf(out, cap, "%s (%s)", death->obituary, end);
    else
        snprintf(out, cap, "%s", end);
    return out;
}
