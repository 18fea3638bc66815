#include "driver/cli/host_options.h"

#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/base/units.h"
#include "driver/host/launcher.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define BARRIER_NS (60 * NS_PER_S)
#define SEEDS 1000000 /* short enough to be typed again */

static struct host_orders *orders_of(void *into)
{
    return &((struct options *)into)->hosts;
}

bool host_options_set_report_to(void *into, const struct option_spec *spec, const char *value,
                                char *why, size_t cap)
{
    const char *host = strstr(value, "://");

    (void)spec;
    if (options_url_names_user(value, why, cap))
        return false;
    orders_of(into)->report_to = value;
    if (host != NULL && host[3] != '\0' && strchr(host + 3, '/') == NULL &&
        (strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0))
        return true;
    snprintf(why, cap, "'%.200s' is not http://HOST:PORT or https://HOST:PORT", value);
    return false;
}

bool host_options_set_test(void *into, const struct option_spec *spec, const char *value, char *why,
                           size_t cap)
{
    (void)spec;
    orders_of(into)->test = value;
    if (launcher_is_name(value))
        return true;
    snprintf(why, cap, "'%.80s' is no id: letters, digits, '.', '_' and '-', at most %d", value,
             LAUNCHER_NAME - 1);
    return false;
}

bool host_options_set_name(void *into, const struct option_spec *spec, const char *value, char *why,
                           size_t cap)
{
    (void)spec;
    orders_of(into)->name = value;
    if (launcher_is_name(value))
        return true;
    snprintf(why, cap, "'%.80s' is no name: letters, digits, '.', '_' and '-', at most %d", value,
             LAUNCHER_NAME - 1);
    return false;
}

bool host_options_set_place(void *into, const struct option_spec *spec, const char *value,
                            char *why, size_t cap)
{
    struct host_orders *orders = orders_of(into);

    (void)spec;
    orders->place = place_find(value);
    orders->place_given = true;
    if (orders->place != PLACES)
        return true;
    snprintf(why, cap, "'%s' is neither spread nor replicate", value);
    return false;
}

/* One that others can connect to. */
bool host_options_set_address(void *into, const struct option_spec *spec, const char *value,
                              char *why, size_t cap)
{
    struct in_addr address;

    (void)spec;
    orders_of(into)->address = value;
    if (inet_pton(AF_INET, value, &address) == 1 && address.s_addr != htonl(INADDR_ANY) &&
        !IN_MULTICAST(ntohl(address.s_addr)) && address.s_addr != htonl(INADDR_BROADCAST))
        return true;
    snprintf(why, cap, "'%s' is no IPv4 address of one host", value);
    return false;
}

static bool set_number(int *out, uint64_t least, uint64_t most, const char *value, char *why,
                       size_t cap)
{
    uint64_t number;

    if (units_parse_u64(value, &number) && number >= least && number <= most) {
        *out = (int)number;
        return true;
    }
    snprintf(why, cap, "'%s' is not a number from %d to %d", value, (int)least, (int)most);
    return false;
}

bool host_options_set_rank(void *into, const struct option_spec *spec, const char *value, char *why,
                           size_t cap)
{
    (void)spec;
    return set_number(&orders_of(into)->rank, 0, LAUNCHER_SIZE_MAX - 1, value, why, cap);
}

bool host_options_set_hosts(void *into, const struct option_spec *spec, const char *value,
                            char *why, size_t cap)
{
    (void)spec;
    return set_number(&orders_of(into)->size, 1, LAUNCHER_SIZE_MAX, value, why, cap);
}

/* The first that was given though there is nobody to report to, or NULL. */
static const char *find_vain(const struct host_orders *o)
{
    if (o->test != NULL)
        return "test";
    if (o->place_given)
        return "place";
    if (o->size != 0)
        return "hosts";
    if (o->rank >= 0)
        return "rank";
    if (o->name != NULL)
        return "host-name";
    if (o->address != NULL)
        return "host-address";
    if (o->token_file != NULL)
        return "report-token";
    if (o->ca_file != NULL)
        return "report-ca";
    return o->barrier_ns != 0 ? "barrier-timeout" : NULL;
}

bool host_options_settle(struct host_orders *o, char *error, size_t cap)
{
    static char name[LAUNCHER_NAME];
    const char *vain = o->report_to == NULL ? find_vain(o) : NULL;
    struct launched launched;

    if (vain != NULL) {
        snprintf(error, cap, "--%s needs --report-to: many hosts meet at a results server", vain);
        return false;
    }
    if (o->report_to == NULL) {
        o->rank = 0;
        o->size = 1;
        return true;
    }
    if (o->test == NULL) {
        snprintf(error, cap, "--report-to needs --test ID, the same for all hosts of a test");
        return false;
    }
    if (!launcher_find(o->rank, o->size, &launched, error, cap))
        return false;
    o->rank = launched.rank;
    o->size = launched.size;
    if (o->barrier_ns == 0)
        o->barrier_ns = BARRIER_NS;
    if (o->address == NULL)
        o->address = SCENARIO_LOOPBACK;
    if (o->name == NULL) {
        launcher_host_name(name);
        o->name = name;
    }
    return true;
}

uint64_t host_options_seed(const struct host_orders *orders)
{
    return rng_seed_named(0, orders->test) % SEEDS;
}

bool host_options_place(struct options *options, char *error, size_t cap)
{
    const struct host_orders *o = &options->hosts;
    struct scenario *s = &options->scenario;
    int idle;

    if (o->report_to == NULL)
        return true;
    place_components(s, o->place, o->rank, o->size);
    place_address(s, o->rank, o->address);
    if (o->place == PLACE_REPLICATE)
        options->seed += (uint64_t)o->rank;
    if (o->place == PLACE_SPREAD && o->size > 1 && options->nemeses != 0) {
        snprintf(error, cap,
                 "--nemesis needs both ends of a connection on one host: --place "
                 "replicate");
        return false;
    }
    idle = place_find_idle(s, o->place, o->size);
    if (idle >= 0)
        snprintf(error, cap,
                 "%d hosts are too many to spread %zu components over: host %d would have nothing "
                 "to run",
                 o->size, s->count, idle);
    return idle < 0;
}
