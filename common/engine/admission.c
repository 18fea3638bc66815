#include "common/engine/admission.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <inttypes.h>
#include <stddef.h>

#define TELL_NS (10 * NS_PER_S)

bool admission_take(struct admission *admission)
{
    if (admission == NULL || atomic_fetch_add(&admission->open, 1) < admission->max)
        return true;
    atomic_fetch_sub(&admission->open, 1);
    return false;
}

void admission_give_back(struct admission *admission)
{
    if (admission != NULL)
        atomic_fetch_sub(&admission->open, 1);
}

void admission_tell(struct admission *admission)
{
    uint64_t now = clock_now_ns();
    uint_fast64_t told = atomic_load(&admission->told_ns);

    if (told != 0 && now - told < TELL_NS)
        return;
    if (atomic_compare_exchange_strong(&admission->told_ns, &told, now))
        log_warn("connection refused: %" PRIu64 " are open, as many as --max-connections allows",
                 admission->max);
}
