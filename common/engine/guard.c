#include "common/engine/guard.h"

#include "common/base/clock.h"

#include <sys/resource.h>

bool guard_spend(struct guard *guard, uint64_t now_ns)
{
    uint64_t refill = (now_ns - guard->refilled_ns) / (NS_PER_S / GUARD_RATE);

    if (refill >= guard->spent) {
        guard->spent = 0;
        guard->refilled_ns = now_ns;
    } else {
        guard->spent -= (uint32_t)refill;
        guard->refilled_ns += refill * (NS_PER_S / GUARD_RATE);
    }
    if (guard->spent == GUARD_BURST)
        return false;
    guard->spent++;
    return true;
}

size_t guard_held_max(void)
{
    struct rlimit cap;

    if (getrlimit(RLIMIT_DATA, &cap) != 0 || cap.rlim_cur == RLIM_INFINITY)
        return GUARD_HELD_UNCAPPED;
    return cap.rlim_cur / GUARD_HELD_PART;
}
