/*
 * The command line of stress-client: whatever it is given, it ends in a plan that holds together or
 * in exit status 2 (0 for --help and --version), never in anything else. Input: the words, one per
 * line.
 */
#include "common/base/exit_status.h"
#include "stress-client/options.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 1000
#define MOST_WORDS 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __real_exit(int status) __attribute__((noreturn));
void __wrap_exit(int status) __attribute__((noreturn)); /* the linker's --wrap */

static jmp_buf at_exit;
static bool running; /* an input; libFuzzer itself ends by exit too */
static int exit_code;
static struct options options;

/* options_read ends the process; here it only ends the input. */
void __wrap_exit(int status)
{
    if (!running)
        __real_exit(status);
    running = false;
    exit_code = status;
    longjmp(at_exit, 1);
}

static int split(char *text, char **words)
{
    static char program[] = "stress-client";
    char *rest = text, *word;
    int count = 0;

    words[count++] = program;
    while (count < MOST_WORDS && (word = strsep(&rest, "\n")) != NULL)
        words[count++] = word;
    words[count] = NULL;
    return count;
}

static void check_plan(const struct plan *plan)
{
    char error[256];

    if (!plan_check(plan, error, sizeof error) || plan_group_count(plan) == 0 ||
        plan_widest(plan) == 0)
        abort();
    for (size_t g = 0; g < plan_group_count(plan); g++) {
        const struct plan_group *group = plan_group(plan, g);

        if (group->call_count == 0)
            abort();
        for (size_t c = 0; c < group->call_count; c++) {
            if (plan_call(plan, group, c)->kind >= CALL_KINDS)
                abort();
        }
    }
}

static void check_relay(const struct relay_options *o)
{
    if ((o->publish == NULL) == (o->subscribe == NULL))
        abort();
    if (o->publish != NULL && (o->authors == 0 || o->events < o->authors))
        abort();
    if (o->subscribe != NULL && o->subscribers == 0)
        abort();
}

/* What takes the place of calls leaves no plan. */
static void check_taken(const struct options *o)
{
    if (peer_options_used(&o->peers) && plan_group_count(o->plan) > 0)
        abort();
    if (peer_options_used(&o->peers))
        return;
    if (relay_options_used(&o->relay))
        check_relay(&o->relay);
    else if (!o->probe && o->interop_case == NULL && o->swarm.clients == 0)
        check_plan(o->plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[LONGEST + 1];
    static char *words[MOST_WORDS + 1];
    int count;

    if (size > LONGEST)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    count = split(text, words);
    memset(&options, 0, sizeof options);
    running = true;
    if (setjmp(at_exit) == 0) {
        options_read(&options, count, words);
        check_taken(&options);
    } else if (exit_code != STATUS_USAGE && exit_code != STATUS_PASSED) {
        abort();
    }
    running = false;
    plan_free(options.plan);
    return 0;
}
