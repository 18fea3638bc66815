/* The heap profiler of jemalloc, on the driver's command. */
#ifndef FLATLINE_CHILD_PROFILE_H
#define FLATLINE_CHILD_PROFILE_H

#include "common/contract/page.h"

/*
 * Carries out one of the PROFILE commands for all threads of the process. `dir` takes the dumps and
 * must exist; NULL: a dump FAILS. In a build without jemalloc all are UNSUPPORTED.
 *
 * START forgets what an earlier one gathered; only what is allocated from then on is profiled, and
 * a dump shows what of that is still live.
 */
enum page_command_result profile_obey(const char *dir, enum page_command_op op, uint64_t argument);

#endif
