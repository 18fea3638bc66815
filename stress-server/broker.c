#include "stress-server/broker.h"

#include "common/base/log.h"
#include "common/engine/mem.h"

#include <inttypes.h>
#include <stdio.h>

struct broker {
    struct relay *relay;
    struct event_db *db; /* NULL: none */
};

struct broker *broker_new(const struct relay_config *config)
{
    struct broker *broker = mem_calloc(MEM_APP, 1, sizeof *broker);

    if (broker == NULL)
        return NULL;
    broker->relay = relay_new(config);
    if (broker->relay != NULL)
        return broker;
    mem_free(MEM_APP, broker);
    return NULL;
}

bool broker_open_db(struct broker *broker, const struct event_db_config *config, char *error,
                    size_t cap)
{
    broker->db = event_db_new(config, error, cap);
    return broker->db != NULL;
}

struct relay *broker_relay(struct broker *broker)
{
    return broker->relay;
}

void broker_record(struct broker *broker, const struct event_row *row)
{
    if (broker->db != NULL)
        event_db_put(broker->db, row);
}

const char *broker_failure(struct broker *broker)
{
    return broker->db != NULL ? event_db_failure(broker->db) : NULL;
}

void broker_add_metrics(struct broker *broker, struct metric_values *metrics)
{
    struct relay_counts counts;

    relay_get_counts(broker->relay, &counts);
    if (counts.accepted == 0)
        return;
    metric_set(metrics, METRIC_EVENTS_ACCEPTED, (int64_t)counts.accepted);
    metric_set(metrics, METRIC_EVENTS_DELIVERED, (int64_t)counts.delivered);
    metric_set(metrics, METRIC_EVENTS_DROPPED, (int64_t)counts.dropped);
    metric_set(metrics, METRIC_EVENTS_BLOCKED, (int64_t)counts.blocked);
}

static void tell(const struct relay_counts *counts)
{
    char line[512];
    int used = 0;

#define COUNT_TEXT(name)                                                               \
    used += snprintf(line + used, sizeof line - (size_t)used, "%s %" PRIu64 " " #name, \
                     used > 0 ? "," : "events:", counts->name);
    RELAY_COUNT_TABLE(COUNT_TEXT)
#undef COUNT_TEXT
    log_info("%s", line);
}

static bool close_db(struct event_db *db, const struct relay_counts *counts, char *error,
                     size_t cap)
{
    const struct event_count rows[] = {
#define COUNT_ROW(name) {#name, counts->name},
        RELAY_COUNT_TABLE(COUNT_ROW)
#undef COUNT_ROW
    };

    return event_db_close(db, rows, sizeof rows / sizeof *rows, error, cap);
}

bool broker_free(struct broker *broker, char *error, size_t cap)
{
    struct relay_counts counts;
    bool whole;

    if (broker == NULL)
        return true;
    relay_get_counts(broker->relay, &counts);
    if (counts.accepted > 0)
        tell(&counts);
    whole = broker->db == NULL || close_db(broker->db, &counts, error, cap);
    relay_free(broker->relay);
    mem_free(MEM_APP, broker);
    return whole;
}
