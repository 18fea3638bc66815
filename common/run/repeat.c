#include "common/run/repeat.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Whether a word of the command is --seed, or what getopt takes for it. */
static bool has_seed(const char *command)
{
    const char *at = strstr(command, " --se");

    for (; at != NULL; at = strstr(at + 1, " --se")) {
        size_t length = strcspn(at + 3, " =");

        if (length >= 3 && strncmp(at + 3, "seed", length) == 0)
            return true;
    }
    return false;
}

char *run_repeat(const struct run_info *info)
{
    const char *command = info->argv == NULL || *info->argv == '\0' ? "driver" : info->argv;
    char *text = NULL;
    int length = has_seed(command) ? asprintf(&text, "%s", command)
                                   : asprintf(&text, "%s --seed %" PRIu64, command, info->seed);

    return length < 0 ? NULL : text;
}
