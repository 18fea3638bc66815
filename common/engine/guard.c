#include "common/engine/guard.h"

#include "common/base/clock.h"

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
