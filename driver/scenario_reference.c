#include "driver/scenario_reference.h"

#include "common/base/units.h"
#include "driver/limits.h"
#include "driver/scenario_keys.h"

#include <stdint.h>
#include <string.h>

#define KIB 1024.0

struct key {
    const char *name, *value, *without;
};

#define KEY(name, required, take, value, without) {name, value, without},
static const struct key run_keys[] = {SCENARIO_KEY_TABLE(KEY)};
static const struct key server_keys[] = {SERVER_KEY_TABLE(KEY)};
static const struct key client_keys[] = {CLIENT_KEY_TABLE(KEY)};
static const struct key ready_keys[] = {READY_KEY_TABLE(KEY)};
static const struct key cap_keys[] = {CAP_KEY_TABLE(KEY)};
#undef KEY

static void put_head(FILE *out, const char *heading)
{
    fprintf(out, "## %s\n\n| key | value | without it |\n|---|---|---|\n", heading);
}

static void put_keys(FILE *out, const char *heading, const struct key *keys, size_t count)
{
    put_head(out, heading);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "| `%s` | %s |%s%s |\n", keys[i].name, keys[i].value,
                *keys[i].without != '\0' ? " " : "", keys[i].without);
    fputc('\n', out);
}

/* As one would write it: 2s, 16K, 0.9. */
static void put_limit(FILE *out, const char *name, const char *unit, double value, const char *text)
{
    const char *kind = strcmp(unit, "ns") == 0    ? "time"
                       : strcmp(unit, "B") == 0   ? "size"
                       : strcmp(unit, "B/s") == 0 ? "size a second"
                                                  : "number";
    char written[32];

    if (strcmp(unit, "ns") == 0)
        units_format_duration((uint64_t)value, written, sizeof written);
    else if (*unit == 'B' && value >= KIB)
        snprintf(written, sizeof written, "%gK", value / KIB);
    else
        snprintf(written, sizeof written, "%g", value);
    for (char *blank = strchr(written, ' '); blank != NULL; blank = strchr(written, ' '))
        memmove(blank, blank + 1, strlen(blank));
    fprintf(out, "| `%s` | %s: %s | %s |\n", name, kind, text, written);
}

void scenario_reference_print(FILE *out)
{
    put_keys(out, "The run", run_keys, sizeof run_keys / sizeof *run_keys);
    put_keys(out, "A server", server_keys, sizeof server_keys / sizeof *server_keys);
    put_keys(out, "A client", client_keys, sizeof client_keys / sizeof *client_keys);
    put_keys(out, "ready", ready_keys, sizeof ready_keys / sizeof *ready_keys);
    put_keys(out, "cap", cap_keys, sizeof cap_keys / sizeof *cap_keys);
    put_head(out, "limits");
#define LIMIT(type, field, name, unit, value, text) \
    put_limit(out, name, unit, (double)(value), text);
    LIMIT_TABLE(LIMIT)
#undef LIMIT
}
