#include "driver/rest.h"

#include "driver/checkpoint_subject.h"

#include <stdlib.h>

struct rest {
    struct supervisor *supervisor;
    size_t count;
    struct subject subjects[]; /* beside the components */
};

static struct process *ready_process(const struct rest *rest, size_t i)
{
    struct process *process =
        supervisor_is_up(rest->supervisor, i) ? supervisor_process(rest->supervisor, i) : NULL;

    return process == NULL || process->page == NULL ? NULL : process;
}

struct rest *rest_new(struct supervisor *supervisor, size_t count)
{
    struct rest *rest = calloc(1, sizeof *rest + count * sizeof *rest->subjects);

    if (rest == NULL)
        return NULL;
    rest->supervisor = supervisor;
    rest->count = count;
    return rest;
}

void rest_free(struct rest *rest)
{
    free(rest);
}

void rest_begin(struct rest *rest)
{
    for (size_t i = 0; i < rest->count; i++)
        subject_tell(&rest->subjects[i], ready_process(rest, i), PAGE_COMMAND_PAUSE);
}

bool rest_is_quiet(struct rest *rest)
{
    bool quiet = true;

    for (size_t i = 0; i < rest->count; i++)
        quiet = subject_is_quiet(&rest->subjects[i], ready_process(rest, i)) && quiet;
    return quiet;
}

void rest_end(struct rest *rest)
{
    for (size_t i = 0; i < rest->count; i++)
        subject_resume(&rest->subjects[i], ready_process(rest, i));
}
