#include "tests/fuzz/cli.h"

#include "common/base/exit_status.h"
#include "tests/fuzz/require.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 1000
#define MOST_WORDS 100

void __real_exit(int status) __attribute__((noreturn));
void __wrap_exit(int status) __attribute__((noreturn)); /* the linker's --wrap */

static jmp_buf at_exit;
static bool running; /* an input; libFuzzer itself ends by exit too */
static int exit_code;

/* The program ends; here it only ends the input. */
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
    char *rest = text, *word;
    int count = 1;

    while (count < MOST_WORDS && (word = strsep(&rest, "\n")) != NULL)
        words[count++] = word;
    words[count] = NULL;
    return count;
}

void cli_run(const char *program, const uint8_t *data, size_t size, cli_read_fn read)
{
    static char text[LONGEST + 1], name[64];
    static char *words[MOST_WORDS + 1];
    int count;

    if (size > LONGEST)
        return;
    memcpy(text, data, size);
    text[size] = '\0';
    snprintf(name, sizeof name, "%s", program);
    words[0] = name;
    count = split(text, words);
    running = true;
    if (setjmp(at_exit) == 0)
        read(count, words);
    else
        require(exit_code == STATUS_USAGE || exit_code == STATUS_PASSED);
    running = false;
}
