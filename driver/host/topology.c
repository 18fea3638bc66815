#include "driver/host/topology.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct refusal {
    char *error;
    size_t cap;
};

__attribute__((format(printf, 2, 3))) static bool refuse(const struct refusal *r,
                                                         const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(r->error, r->cap, format, args);
    va_end(args);
    return false;
}

static bool take_host(struct topology *t, const json_t *entry, const struct refusal *r)
{
    const json_t *rank = json_object_get(entry, "rank");
    json_int_t at = json_integer_value(rank);
    unsigned char bytes[sizeof(struct in_addr)];
    struct topology_host host = {
        .name = json_string_value(json_object_get(entry, "name")),
        .address = json_string_value(json_object_get(entry, "address")),
        .ca = json_string_value(json_object_get(entry, "ca")),
        .components = json_object_get(entry, "components"),
    };

    if (!json_is_integer(rank) || at < 0 || (size_t)at >= t->count)
        return refuse(r, "a host has no rank from 0 to %zu", t->count - 1);
    if (host.name == NULL || host.address == NULL || !json_is_array(host.components))
        return refuse(r, "the host of rank %lld lacks name, address or components", (long long)at);
    if (inet_pton(AF_INET, host.address, bytes) != 1)
        return refuse(r, "the address of host %s is '%.64s', which is not IPv4", host.name,
                      host.address);
    if (t->hosts[at].name != NULL)
        return refuse(r, "hosts %s and %s both have rank %lld", t->hosts[at].name, host.name,
                      (long long)at);
    t->hosts[at] = host;
    return true;
}

static bool take_all(struct topology *t, const struct refusal *r)
{
    const json_t *entries = json_object_get(t->root, "hosts"), *entry;
    size_t i;

    json_array_foreach(entries, i, entry)
    {
        if (!take_host(t, entry, r))
            return false;
    }
    for (i = 0; i < t->count; i++) {
        if (t->hosts[i].name == NULL)
            return refuse(r, "there is no host of rank %zu", i);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(t->hosts[k].name, t->hosts[i].name) == 0)
                return refuse(r,
                              "two hosts, of ranks %zu and %zu, are called %s: give each its "
                              "--host-name",
                              k, i, t->hosts[i].name);
        }
    }
    return true;
}

struct topology *topology_new(const char *json, size_t size, char *error, size_t cap)
{
    struct topology *t = calloc(1, sizeof *t + size * sizeof *t->hosts);
    json_error_t where;

    if (t == NULL) {
        snprintf(error, cap, "no memory");
        return NULL;
    }
    t->count = size;
    t->root = json_loads(json, 0, &where);
    if (t->root == NULL)
        snprintf(error, cap, "the list of hosts is no JSON: %s", where.text);
    else if (take_all(t, &(struct refusal){error, cap}))
        return t;
    topology_free(t);
    return NULL;
}

void topology_free(struct topology *t)
{
    if (t == NULL)
        return;
    json_decref(t->root);
    free(t);
}

const char *topology_component(const struct topology *t, size_t rank, size_t i)
{
    return json_string_value(json_array_get(t->hosts[rank].components, i));
}

char *topology_describe(const char *const *components, size_t count, const char *ca)
{
    json_t *names = json_array(), *host;
    char *text;

    for (size_t i = 0; i < count; i++)
        json_array_append_new(names, json_string(components[i]));
    host = json_pack("{s:o, s:s?}", "components", names, "ca", ca);
    text = host == NULL ? NULL : json_dumps(host, JSON_COMPACT);
    json_decref(host);
    return text;
}
