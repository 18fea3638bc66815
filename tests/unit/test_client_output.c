/* Reconnect policy, tally, JSON and summary. */
#include "common/base/exit_status.h"
#include "stress-client/json.h"
#include "stress-client/reconnect.h"
#include "stress-client/summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void delays_lie_around_100_ms_and_differ(void **unused)
{
    struct reconnect reconnect = {.limit = RECONNECT_FOR_EVER};
    struct rng rng = {.seed = 3};
    uint64_t delay, low = UINT64_MAX, high = 0;

    (void)unused;
    for (int i = 0; i < 10000; i++) {
        assert_true(reconnect_again(&reconnect, &rng, &delay));
        low = delay < low ? delay : low;
        high = delay > high ? delay : high;
    }
    assert_in_range(low, 80000000, 81000000);
    assert_in_range(high, 119000000, 120000000);
}

static void attempts_in_a_row_are_limited(void **unused)
{
    struct reconnect reconnect = {.limit = 3};
    struct rng rng = {.seed = 3};
    uint64_t delay;

    (void)unused;
    for (int i = 0; i < 3; i++)
        assert_true(reconnect_again(&reconnect, &rng, &delay));
    assert_false(reconnect_again(&reconnect, &rng, &delay));
    reconnect.attempts = 0;
    assert_true(reconnect_again(&reconnect, &rng, &delay));
}

static void ends_are_losses_or_errors(void **unused)
{
    static const enum client_end wrong[] = {CLIENT_TLS_FAILED, CLIENT_PROTOCOL};
    static const enum client_end lost[] = {CLIENT_REFUSED, CLIENT_RESET,   CLIENT_PEER_CLOSED,
                                           CLIENT_GOAWAY,  CLIENT_TIMEOUT, CLIENT_OTHER};

    (void)unused;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_true(page_event_is_error(reconnect_event(wrong[i])));
        assert_false(reconnect_may_heal(wrong[i]));
    }
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
        assert_true(page_event_is_loss(reconnect_event(lost[i])));
        assert_true(reconnect_may_heal(lost[i]));
    }
    assert_int_equal(reconnect_event(CLIENT_NO_MEMORY), PAGE_ERROR_MEMORY);
    assert_true(reconnect_may_heal(CLIENT_NO_MEMORY));
}

static void a_snapshot_gets_what_was_counted(void **unused)
{
    static struct tally tally;
    static struct page_snapshot snapshot;

    (void)unused;
    tally_event(&tally, PAGE_LOSS_RESET, 1, 0);
    tally_event(&tally, PAGE_LOSS_REFUSED, 1, 0);
    tally_event(&tally, PAGE_RECOVERED, 1, 0);
    tally_event(&tally, PAGE_ERROR_STATUS, 1, 0);
    tally.reconnects = 4;
    tally.first_alive_ns = 77;
    histogram_record(&tally.rtt[CALL_NON_STREAMING], 1000);
    histogram_record(&tally.rtt[CALL_BIDI_STREAMING], 3000);
    histogram_record(&tally.connect, 500);
    /* Filling twice must not add up. */
    for (int i = 0; i < 2; i++)
        tally_fill(&tally, &snapshot);
    assert_int_equal(snapshot.metrics.value[METRIC_LOSSES], 2);
    assert_int_equal(snapshot.metrics.value[METRIC_ERRORS], 1);
    assert_int_equal(snapshot.metrics.value[METRIC_RECONNECTS], 4);
    assert_int_equal(snapshot.metrics.value[METRIC_FIRST_MESSAGE], 77);
    assert_int_equal(snapshot.rtt.count, 2);
    assert_int_equal(snapshot.rtt.sum, 4000);
    assert_int_equal(snapshot.connect.count, 1);
    /* The engine's own time of the first message is the better one. */
    metric_set(&snapshot.metrics, METRIC_FIRST_MESSAGE, 55);
    tally_fill(&tally, &snapshot);
    assert_int_equal(snapshot.metrics.value[METRIC_FIRST_MESSAGE], 55);
}

/* What a function writes, as a string to free. */
static char *written(void (*print)(const void *what, FILE *out), const void *what)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    print(what, out);
    fclose(out);
    return text;
}

static void print_json_sample(const void *what, FILE *out)
{
    struct json json;

    json_start(&json, out);
    json_text(&json, "text", what);
    json_text(&json, "nothing", NULL);
    json_begin(&json, "inner");
    json_number(&json, "most", UINT64_MAX);
    json_begin(&json, "empty");
    json_end(&json);
    json_end(&json);
    json_bool(&json, "flag", true);
    json_end(&json);
}

static void json_is_well_formed(void **unused)
{
    char *text =
        written(print_json_sample, "a\"b\\c\n\x01\xc3\xa4\xff\xed\xa0\x80 \xf0\x9f\x98\x80");

    (void)unused;
    assert_string_equal(text, "{\n"
                              "  \"text\": \"a\\\"b\\\\c\\u000a\\u0001\xc3\xa4\\ufffd\\ufffd\\ufffd"
                              "\\ufffd \xf0\x9f\x98\x80\",\n"
                              "  \"nothing\": null,\n"
                              "  \"inner\": {\n"
                              "    \"most\": 18446744073709551615,\n"
                              "    \"empty\": {}\n"
                              "  },\n"
                              "  \"flag\": true\n"
                              "}\n");
    free(text);
}

static void print_summary_text(const void *what, FILE *out)
{
    summary_print_text(what, out);
}

static void a_summary_names_kinds_that_occurred(void **unused)
{
    static struct tally tally;
    struct engine_stats stats = {.calls_started = 5, .messages_sent = 7, .messages_received = 6};
    struct summary summary = {
        .address = "127.0.0.1:1",
        .status = STATUS_FAILED,
        .wall_ns = 2000000,
        .cpu_ns = 1000000,
        .stats = &stats,
        .tally = &tally,
    };
    char *text;

    (void)unused;
    tally.calls[CALL_BIDI_STREAMING] = 4;
    tally.events[PAGE_LOSS_RESET] = 2;
    tally.events[PAGE_LOSS_REFUSED] = 3;
    text = written(print_summary_text, &summary);
    assert_string_equal(text, "127.0.0.1:1 insecure: failed\n"
                              "  calls        4 done (bidi-streaming 4), 1 cut short\n"
                              "  messages     7 sent, 6 received\n"
                              "  bytes        0 B sent, 0 B received\n"
                              "  connections  0, reconnects 0\n"
                              "  losses       5 (loss-refused 3, loss-reset 2)\n"
                              "  errors       0\n"
                              "  time         2 ms wall, 1 ms CPU, 250 us CPU per call\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_lie_around_100_ms_and_differ),
        cmocka_unit_test(attempts_in_a_row_are_limited),
        cmocka_unit_test(ends_are_losses_or_errors),
        cmocka_unit_test(a_snapshot_gets_what_was_counted),
        cmocka_unit_test(json_is_well_formed),
        cmocka_unit_test(a_summary_names_kinds_that_occurred),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
