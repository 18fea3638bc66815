#include "results-server/uploader/clock_offset.h"

#include "common/base/clock.h"

#define PHI_NS_PER_S UINT64_C(15000)

uint64_t clock_offset_error(const struct clock_offset *best, uint64_t now_ns)
{
    uint64_t age = now_ns > best->measured_ns ? now_ns - best->measured_ns : 0;

    return best->error_ns + age / NS_PER_S * PHI_NS_PER_S;
}

bool clock_offset_take(struct clock_offset *best, uint64_t t1, uint64_t server, uint64_t t4)
{
    uint64_t delay = t4 - t1, middle = t1 + delay / 2;

    if (t4 < t1 || (best->known && delay / 2 >= clock_offset_error(best, t4)))
        return false;
    *best = (struct clock_offset){.known = true,
                                  .offset_ns = (int64_t)(server - middle),
                                  .error_ns = (delay + 1) / 2,
                                  .measured_ns = middle};
    return true;
}

uint64_t clock_offset_ours(const struct clock_offset *best, uint64_t server_ns)
{
    if (best->offset_ns > 0 && server_ns < (uint64_t)best->offset_ns)
        return 0;
    return server_ns - (uint64_t)best->offset_ns;
}
