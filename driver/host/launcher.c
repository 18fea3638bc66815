#include "driver/host/launcher.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *rank, *size;
} launchers[] = {
#define LAUNCHER_ROW(name, rank, size) {name, rank, size},
    LAUNCHER_TABLE(LAUNCHER_ROW)
#undef LAUNCHER_ROW
};

#define LAUNCHERS (sizeof launchers / sizeof *launchers)

/* A whole number in decimal, low to high; false: *error says what it is instead. */
static bool take_number(const char *variable, int low, int high, int *out, char *error, size_t cap)
{
    const char *text = getenv(variable);
    char *end;
    long value;

    if (text == NULL) {
        snprintf(error, cap, "is not set");
        return false;
    }
    value = strtol(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end != '\0' || value < low || value > high) {
        snprintf(error, cap, "is '%.32s', not a number from %d to %d", text, low, high);
        return false;
    }
    *out = (int)value;
    return true;
}

static bool refuse(size_t i, const char *variable, const char *why, char *error, size_t cap)
{
    snprintf(error, cap, "%s in the environment, of %s, %s; --rank and --hosts overrule it",
             variable, launchers[i].name, why);
    return false;
}

static bool take_launcher(size_t i, int size, struct launched *out, char *error, size_t cap)
{
    char why[96];

    out->by = launchers[i].name;
    out->size = size;
    if (!take_number(launchers[i].rank, 0, LAUNCHER_SIZE_MAX - 1, &out->rank, why, sizeof why))
        return refuse(i, launchers[i].rank, why, error, cap);
    if (launchers[i].size != NULL &&
        !take_number(launchers[i].size, 1, LAUNCHER_SIZE_MAX, &out->size, why, sizeof why))
        return refuse(i, launchers[i].size, why, error, cap);
    if (out->size == 0) {
        snprintf(error, cap,
                 "%s gives each process its rank (%s), but not how many there are: say "
                 "--hosts N",
                 launchers[i].name, launchers[i].rank);
        return false;
    }
    if (size != 0 && out->size != size) {
        snprintf(error, cap, "--hosts is %d, but %s is %d, by %s", size, launchers[i].size,
                 out->size, launchers[i].name);
        return false;
    }
    if (out->rank < out->size)
        return true;
    snprintf(why, sizeof why, "is %d: there are %d hosts, from 0", out->rank, out->size);
    return refuse(i, launchers[i].rank, why, error, cap);
}

bool launcher_find(int rank, int size, struct launched *out, char *error, size_t cap)
{
    *out = (struct launched){NULL, rank < 0 ? 0 : rank, size == 0 ? 1 : size};
    if (rank >= 0) {
        if (size != 0 && rank < size)
            return true;
        if (size == 0)
            snprintf(error, cap, "--rank needs --hosts: of how many hosts is this number %d?",
                     rank);
        else
            snprintf(error, cap, "--rank %d: there are %d hosts, from 0", rank, size);
        return false;
    }
    for (size_t i = 0; i < LAUNCHERS; i++) {
        if (getenv(launchers[i].rank) != NULL)
            return take_launcher(i, size, out, error, cap);
    }
    if (size <= 1)
        return true;
    snprintf(error, cap,
             "--hosts %d, but which of them is this? Say --rank, or start it by a "
             "launcher that does (srun, mpirun)",
             size);
    return false;
}

bool launcher_is_name(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && length < LAUNCHER_NAME && isalnum((unsigned char)*name) &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
               length;
}

void launcher_host_name(char out[LAUNCHER_NAME])
{
    const char *node = getenv("SLURMD_NODENAME");

    if (node != NULL && launcher_is_name(node)) {
        strcpy(out, node);
        return;
    }
    out[LAUNCHER_NAME - 1] = '\0';
    if (gethostname(out, LAUNCHER_NAME - 1) < 0)
        *out = '\0';
    out[strcspn(out, ".")] = '\0';
    if (!launcher_is_name(out))
        strcpy(out, "host");
}
