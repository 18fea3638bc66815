#include "results-server/uploader/orders.h"

#include "common/base/units.h"

#include <string.h>

static void order_host(struct session *session, char *rest)
{
    json_error_t error;
    json_t *members = json_loads(rest, 0, &error);

    if (json_is_object(members))
        session_host(session, members);
    else
        session_fail(session, "'host' without a JSON object: column %d: %s", error.column,
                     members == NULL ? error.text : "something else");
    json_decref(members);
}

static void order_ready(struct session *session, char *rest)
{
    (void)rest;
    session_ready(session);
}

static void order_done(struct session *session, char *rest)
{
    char *status = strsep(&rest, " "), *verdict = rest == NULL ? NULL : strsep(&rest, " ");
    uint64_t value;

    if (verdict == NULL || !units_parse_u64(status, &value) || value > 255)
        session_fail(session, "'done' needs an exit status and a verdict");
    else
        session_done(session, (int)value, verdict, rest, NULL);
}

static void order_whole(struct session *session, char *rest)
{
    session_whole(session, rest);
}

static void order_finish(struct session *session, char *rest)
{
    session_finish(session, rest);
}

void orders_take(struct session *session, char *line)
{
    static const struct {
        const char *word;
        void (*carry_out)(struct session *session, char *rest);
    } orders[] = {{"host", order_host},
                  {"ready", order_ready},
                  {"done", order_done},
                  {"whole", order_whole},
                  {"finish", order_finish}};
    char *rest = line, *word = strsep(&rest, " ");

    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        if (strcmp(word, orders[i].word) == 0) {
            orders[i].carry_out(session, rest == NULL ? line + strlen(line) : rest);
            return;
        }
    }
    session_fail(session, "'%.40s' is no order of a driver", word);
}
