/*
 * Routine files: whatever the bytes are, they become a routine within its limits, whose events are
 * due in order, or one line that names a place.
 */
#include "stress-client/script.h"
#include "tests/fuzz/require.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST 4000
#define EVENTS 50

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_times(const struct schedule *schedule)
{
    uint64_t before = 0;

    require(schedule->every_ns >= SCRIPT_EVERY_MIN_NS && schedule->every_ns <= SCRIPT_EVERY_MAX_NS);
    require(schedule->burst >= 1 && schedule->burst <= SCRIPT_BURST_MAX);
    require(schedule->jitter_ns <= schedule->every_ns);
    for (uint64_t i = 0; i < EVENTS; i++) {
        uint64_t due = schedule_due(schedule, 4711, i);

        require(due >= before);
        before = due;
    }
}

static void check(const struct script *script)
{
    require(script->peers >= 1 && script->peers <= SCRIPT_PEERS_MAX);
    require(strlen(script->room) <= EVENT_TOPIC_MAX && script->room_size <= SCRIPT_PEERS_MAX);
    require(script->kind_count >= 1 && script->kind_count <= SCRIPT_KINDS);
    for (size_t i = 0; i < script->kind_count; i++) {
        const struct script_kind *kind = &script->kinds[i];

        require(kind->name[0] != '\0' && strlen(kind->name) < SCRIPT_KIND_NAME);
        require(strcmp(kind->name, SCRIPT_OTHER) != 0);
        for (size_t other = 0; other < i; other++)
            require(strcmp(kind->name, script->kinds[other].name) != 0);
        require(kind->size_least <= kind->size_most && kind->size_most <= EVENT_BODY_MAX);
        check_times(&kind->schedule);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {0};
    char error[512] = "";

    if (size > LONGEST)
        return 0;
    if (script_read("f", (const char *)data, size, &script, error, sizeof error))
        check(&script);
    else
        require(strncmp(error, "f:", 2) == 0 && strchr(error, '\n') == NULL);
    return 0;
}
