#include "stress-client/peer_options.h"

#include "stress-client/relay_options.h"

#include <string.h>

void peer_options_init(struct peer_options *o)
{
    *o = (struct peer_options){.start_jitter_ns = UINT64_MAX};
}

bool peer_options_used(const struct peer_options *o)
{
    return o->routine != NULL;
}

/* Of hosts and of peers alike, as the results server takes it. */
static bool is_id(const char *text)
{
    size_t size = strlen(text);

    return size > 0 && size <= 64 && strchr("._-", *text) == NULL &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
               size;
}

static const char *check_report(const struct peer_options *o)
{
    if (o->report_to == NULL)
        return o->test != NULL || o->token != NULL || o->ca != NULL
                   ? "--test, --report-token and --report-ca need --report-to"
                   : NULL;
    if (o->test == NULL || o->name == NULL)
        return "--report-to needs --test ID and --peer NAME";
    return is_id(o->test) ? NULL : "--test: 1 to 64 letters, digits, '.', '_', '-'";
}

const char *peer_options_check(const struct peer_options *o)
{
    if (!peer_options_used(o))
        return o->peers != 0 || o->room_size != 0 || o->start_jitter_ns != UINT64_MAX ||
                       o->room != NULL || o->duration_ns != 0 || o->name != NULL ||
                       o->report_to != NULL || o->test != NULL || o->token != NULL || o->ca != NULL
                   ? "--peers, --room, --room-size, --start-jitter, --duration, --peer, --test and "
                     "--report-... need --routine"
                   : NULL;
    if (o->peers > SCRIPT_PEERS_MAX)
        return "--peers: 1 to 60000";
    if (o->room != NULL && !relay_topic_is_valid(o->room))
        return "--room: a room's name is 1 to 255 bytes of text";
    if (o->name != NULL && !is_id(o->name))
        return "--peer: 1 to 64 letters, digits, '.', '_', '-'";
    return check_report(o);
}

void peer_options_apply(const struct peer_options *o, struct script *script)
{
    if (o->peers != 0)
        script->peers = o->peers;
    if (o->room_size != 0)
        script->room_size = o->room_size;
    if (o->start_jitter_ns != UINT64_MAX)
        script->start_jitter_ns = o->start_jitter_ns;
    if (o->room != NULL)
        strcpy(script->room, o->room);
}
