#include "stress-client/author.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/engine/mem.h"
#include "proto/event.h"
#include "proto/relay.pb-c.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct author {
    struct member member;
    struct authors *all;
    uint64_t due;        /* events of its share */
    uint64_t made;       /* of them */
    uint64_t ended;      /* of them, and logged */
    uint64_t started_ns; /* monotonic, of the call */
    uint64_t sent_ns;    /* wall clock, of the event under way; streams keep all of theirs */
    uint64_t *stream_sent_ns;
    uint64_t receipt;
    uint8_t *wire; /* of the event under way */
    size_t wire_size, wire_sent;
};

struct authors {
    struct party party;
    const struct author_config *config;
    struct author *each;
    FILE *log;
    uint64_t acknowledged, refused;
};

static struct author *author_of(struct member *member)
{
    return (struct author *)member;
}

static struct author *author_of_call(struct call *call)
{
    return call_user(call);
}

/* ---- events ---- */

static void make_event(struct author *a)
{
    const struct author_config *config = a->all->config;
    struct event_view view = {.topic = config->topic,
                              .topic_size = strlen(config->topic),
                              .author = a->member.number,
                              .sequence = ++a->made,
                              .sent_ns = clock_wall_ns(),
                              .body_size = config->body};
    size_t n = GRPC_PREFIX + event_put_head(a->wire + GRPC_PREFIX, &view);
    uint32_t length = (uint32_t)(n + config->body - GRPC_PREFIX);

    a->wire[0] = 0;
    for (int i = 0; i < 4; i++)
        a->wire[1 + i] = (uint8_t)(length >> (24 - 8 * i));
    for (uint64_t i = 0; i < config->body; i += 8) {
        uint64_t word = rng_next(&a->all->party.rng);

        memcpy(a->wire + n + i, &word, config->body - i < 8 ? config->body - i : 8);
    }
    a->wire_size = GRPC_PREFIX + length;
    a->wire_sent = 0;
    a->sent_ns = view.sent_ns;
    if (a->stream_sent_ns != NULL)
        a->stream_sent_ns[a->made - 1] = view.sent_ns;
}

static void log_event(const struct author *a, uint64_t sequence, uint64_t acked_ns, int code)
{
    uint64_t sent_ns = a->stream_sent_ns != NULL ? a->stream_sent_ns[sequence - 1] : a->sent_ns;

    if (a->all->log != NULL)
        fprintf(a->all->log, "%" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n",
                a->member.number, sequence, sent_ns, acked_ns, grpc_code_name(code));
}

/* ---- calls ---- */

static size_t produce(struct call *call, uint8_t *out, size_t cap)
{
    struct author *a = author_of_call(call);
    size_t left, n;

    if (a->wire_sent == a->wire_size && a->all->config->stream && a->made < a->due)
        make_event(a);
    left = a->wire_size - a->wire_sent;
    n = left < cap ? left : cap;
    memcpy(out, a->wire + a->wire_sent, n);
    a->wire_sent += n;
    if (n == 0)
        call_half_close(call);
    return n;
}

static int take_receipt(struct call *call, const uint8_t *data, size_t size)
{
    struct author *a = author_of_call(call);
    Flatline__V1__Receipt *receipt = flatline__v1__receipt__unpack(NULL, size, data);

    if (receipt == NULL)
        return GRPC_INTERNAL;
    a->receipt += receipt->count;
    flatline__v1__receipt__free_unpacked(receipt, NULL);
    return 0;
}

/* All events of the call share its end. */
static void settle(struct author *a, const struct grpc_status *status)
{
    struct party *party = &a->all->party;
    uint64_t count = a->made - a->ended, acked_ns = clock_wall_ns();
    int code = status->code;

    if (code == GRPC_OK && a->receipt != count) {
        party_fail(party, STATUS_FAILED,
                   "%s: author %" PRIu32 ": the receipt says %" PRIu64 " events, not %" PRIu64,
                   party->config.address, a->member.number, a->receipt, count);
        code = GRPC_DATA_LOSS;
    } else if (code != GRPC_OK && !party->stopping) {
        party_fail(party, STATUS_FAILED, "%s: author %" PRIu32 ": status %d %s: %s",
                   party->config.address, a->member.number, code, grpc_code_name(code),
                   status->message);
    }
    while (a->ended < a->made)
        log_event(a, ++a->ended, acked_ns, code);
    *(code == GRPC_OK ? &a->all->acknowledged : &a->all->refused) += count;
}

static void start_call(struct author *a);

static void on_done(struct call *call, const struct grpc_status *status)
{
    struct author *a = author_of_call(call);
    struct tally *tally = a->all->party.config.tally;
    enum call_kind kind = a->all->config->stream ? CALL_CLIENT_STREAMING : CALL_NON_STREAMING;

    a->member.call = NULL;
    settle(a, status);
    if (status->code == GRPC_OK) {
        tally->calls[kind]++;
        histogram_record(&tally->rtt[kind], clock_now_ns() - a->started_ns);
        member_alive(&a->member);
    }
    if (a->member.state != MEMBER_OPEN)
        return;
    if (a->ended == a->due || a->all->config->connection_per_event || a->all->party.stopping)
        member_close(&a->member);
    else
        start_call(a);
}

static const struct call_ops publish = {
    .on_whole = take_receipt,
    .produce = produce,
    .on_done = on_done,
};

static void start_call(struct author *a)
{
    bool stream = a->all->config->stream;

    a->receipt = 0;
    a->started_ns = clock_now_ns();
    a->member.call = client_call(
        a->member.client,
        stream ? "/flatline.v1.Relay/PublishStream" : "/flatline.v1.Relay/Publish", &publish, NULL);
    if (a->member.call == NULL)
        member_refused(&a->member);
    else if (!stream)
        make_event(a);
}

static void on_open(struct member *member)
{
    start_call(author_of(member));
}

static bool is_done(const struct member *member)
{
    const struct author *a = (const struct author *)member;

    return a->ended == a->due;
}

static const struct party_ops ops = {.on_open = on_open, .is_done = is_done};

/* ---- the whole ---- */

static struct member *member_at(struct party *party, size_t index)
{
    return &((struct authors *)party)->each[index].member;
}

static bool open_log(struct authors *all)
{
    const char *path = all->config->log;

    if (path == NULL)
        return true;
    all->log = fopen(path, "we");
    if (all->log == NULL) {
        party_fail(&all->party, STATUS_ENVIRONMENT, "cannot write %s: %s", path,
                   strerrordesc_np(errno));
        return false;
    }
    fputs("# author sequence sent_ns acked_ns status\n", all->log);
    return true;
}

static void close_log(struct authors *all)
{
    bool written;

    if (all->log == NULL)
        return;
    errno = 0;
    written = fflush(all->log) == 0 && !ferror(all->log);
    if (fclose(all->log) != 0 || !written) {
        all->party.failure[0] = '\0';
        party_fail(&all->party, STATUS_ENVIRONMENT, "%s: not all events are in it: %s",
                   all->config->log, errno != 0 ? strerrordesc_np(errno) : "a write failed");
    }
}

static bool make_author(struct authors *all, uint64_t index)
{
    const struct author_config *config = all->config;
    struct author *a = &all->each[index];

    a->all = all;
    a->due = config->events / config->authors + (index < config->events % config->authors);
    a->wire = mem_alloc(MEM_APP, GRPC_PREFIX + EVENT_HEAD_MAX + config->body);
    if (config->stream && a->wire != NULL)
        a->stream_sent_ns = mem_calloc(MEM_APP, a->due, sizeof *a->stream_sent_ns);
    return a->wire != NULL && (!config->stream || a->stream_sent_ns != NULL);
}

static bool make_authors(struct authors *all)
{
    uint64_t count = all->config->authors;
    bool made;

    all->each = mem_calloc(MEM_APP, count, sizeof *all->each);
    made = all->each != NULL;
    for (uint64_t i = 0; i < count && made; i++)
        made = make_author(all, i);
    if (!made)
        party_fail(&all->party, STATUS_ENVIRONMENT, "no memory for %" PRIu64 " authors", count);
    return made;
}

static void free_authors(struct authors *all)
{
    for (uint64_t i = 0; i < all->config->authors && all->each != NULL; i++) {
        mem_free(MEM_APP, all->each[i].wire);
        mem_free(MEM_APP, all->each[i].stream_sent_ns);
    }
    mem_free(MEM_APP, all->each);
}

static void tell(const struct authors *all)
{
    uint64_t unsent = all->config->events - all->acknowledged - all->refused;

    log_info("events on %s: %" PRIu64 " acknowledged, %" PRIu64 " not, %" PRIu64 " unsent",
             all->config->topic, all->acknowledged, all->refused, unsent);
}

int authors_run(const struct author_config *config, char *failure, size_t cap)
{
    struct authors all = {.config = config};

    party_init(&all.party, &config->party, &ops, member_at, (size_t)config->authors);
    if (make_authors(&all) && open_log(&all)) {
        party_run(&all.party);
        tell(&all);
    }
    close_log(&all);
    snprintf(failure, cap, "%s", all.party.failure);
    /* After a second signal connections are still open; the kernel ends them. */
    if (!party_is_idle(&all.party))
        _exit(all.party.status);
    free_authors(&all);
    return all.party.status;
}
