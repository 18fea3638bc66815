/*
 * Numbers as people write them. Refused text leaves the result alone; taken text has the form that
 * units.h and leak_spec.h give, and means the same when it is read again in its plainest form.
 */
#include "common/base/units.h"
#include "common/contract/leak_spec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNTOUCHED UINT64_C(0x5ca1ab1e5ca1ab1e)
#define LONGEST 200

typedef bool (*parse_fn)(const char *text, uint64_t *out);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_number(const char *text, parse_fn parse, const char *plain_unit)
{
    uint64_t value = UNTOUCHED, again = UNTOUCHED;
    char plain[40];

    if (!parse(text, &value)) {
        if (value != UNTOUCHED)
            abort();
        return;
    }
    if (text[0] < '0' || text[0] > '9')
        abort();
    snprintf(plain, sizeof plain, "%" PRIu64 "%s", value, plain_unit);
    if (!parse(plain, &again) || again != value)
        abort();
}

static void check_leak(const char *text)
{
    struct leak_spec spec = {0}, again = {0};
    char why[300] = "", plain[100];
    size_t shape = strcspn(text, ":"), every = strcspn(text, "/");

    if (!leak_spec_parse(text, &spec, why, sizeof why)) {
        if (why[0] == '\0' || spec.bytes != 0)
            abort();
        return;
    }
    if (spec.bytes == 0 || spec.every == 0 || spec.shape >= LEAK_SHAPES || every < shape)
        abort();
    snprintf(plain, sizeof plain, "%s:%" PRIu64 "/%" PRIu64, leak_shape_name(spec.shape),
             spec.bytes, spec.every);
    if (!leak_spec_parse(plain, &again, why, sizeof why) || again.shape != spec.shape ||
        again.bytes != spec.bytes || again.every != spec.every)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[LONGEST + 1];

    if (size > LONGEST)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    check_number(text, units_parse_u64, "");
    check_number(text, units_parse_duration, "ns");
    check_number(text, units_parse_size, "");
    check_leak(text);
    return 0;
}
