#include "config.h"

#include "stress-server/arena.h"

#ifdef HAVE_JEMALLOC
#include "common/base/log.h"

#include <jemalloc/jemalloc.h>
#include <string.h>

/* By hand, because jemalloc's own choice (narenas) crashes when there is no memory for an arena. */
void arena_take_own(void)
{
    unsigned arena;
    size_t size = sizeof arena;
    int failed = mallctl("arenas.create", &arena, &size, NULL, 0);

    if (failed == 0)
        failed = mallctl("thread.arena", NULL, NULL, &arena, sizeof arena);
    if (failed != 0)
        log_warn("no arena of its own for a thread: %s", strerrordesc_np(failed));
}
#else
void arena_take_own(void)
{
}
#endif
