#include "stress-client/reconnect.h"

static const struct {
    enum page_event_kind event;
    bool may_heal;
} table[] = {
    [CLIENT_CLOSED] = {PAGE_LOSS_CLOSED, true},
    [CLIENT_REFUSED] = {PAGE_LOSS_REFUSED, true},
    [CLIENT_RESET] = {PAGE_LOSS_RESET, true},
    [CLIENT_PEER_CLOSED] = {PAGE_LOSS_CLOSED, true},
    [CLIENT_GOAWAY] = {PAGE_LOSS_GOAWAY, true},
    [CLIENT_TIMEOUT] = {PAGE_LOSS_TIMEOUT, true},
    [CLIENT_TLS_FAILED] = {PAGE_ERROR_TLS, false},
    [CLIENT_PROTOCOL] = {PAGE_ERROR_PROTOCOL, false},
    [CLIENT_NO_MEMORY] = {PAGE_ERROR_MEMORY, true},
    [CLIENT_OTHER] = {PAGE_LOSS_OTHER, true},
};

enum page_event_kind reconnect_event(enum client_end end)
{
    return table[end].event;
}

bool reconnect_may_heal(enum client_end end)
{
    return table[end].may_heal;
}

bool reconnect_again(struct reconnect *reconnect, struct rng *rng, uint64_t *delay_ns)
{
    if (reconnect->limit != RECONNECT_FOR_EVER && reconnect->attempts >= reconnect->limit)
        return false;
    reconnect->attempts++;
    *delay_ns = rng_range(rng, RECONNECT_DELAY_MIN_NS, RECONNECT_DELAY_MAX_NS);
    return true;
}
