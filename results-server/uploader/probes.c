#include "results-server/uploader/probes.h"

#include "common/base/clock.h"

#define ROUND_NS (10 * NS_PER_S)
#define PROBES_FIRST 8
#define PROBES_LATER 3
#define TIMEOUT_NS (5 * NS_PER_S)

static void ask(struct probes *probes);

static void on_answer(void *user, const struct remote_answer *answer)
{
    struct probes *probes = user;
    const json_t *server = json_object_get(answer->json, "server_ns");

    if (answer->status != 200 || !json_is_integer(server)) {
        probes->left = 0;
        probes->failed(probes->user, answer);
        return;
    }
    if (clock_offset_take(&probes->best, answer->sent_ns, (uint64_t)json_integer_value(server),
                          answer->answered_ns))
        probes->better = true;
    if (--probes->left > 0)
        ask(probes);
    else
        probes->measured(probes->user, probes->better);
}

static void ask(struct probes *probes)
{
    struct remote_request request = {.method = "GET",
                                     .path = "/status",
                                     .timeout_ns = TIMEOUT_NS,
                                     .answered = on_answer,
                                     .user = probes};

    remote_ask(probes->remote, REMOTE_CLOCK, &request);
}

uint64_t probes_turn(struct probes *probes, uint64_t now_ns)
{
    if (!remote_idle(probes->remote, REMOTE_CLOCK))
        return UINT64_MAX;
    if (now_ns < probes->next_ns)
        return probes->next_ns;
    probes->next_ns = now_ns + ROUND_NS;
    probes->left = probes->best.known ? PROBES_LATER : PROBES_FIRST;
    probes->better = false;
    ask(probes);
    return UINT64_MAX;
}
