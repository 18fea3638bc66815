#include "common/contract/swarm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct swarm_turn example = {
    .phase = SWARM_DOWN,
    .client = 250,
    .open = 249,
    .begun_ns = UINT64_C(123456789012),
    .ended_ns = UINT64_C(123556789012),
    .connect_ns = 120000,
    .handshake_ns = 90000,
    .first_reply_ns = 210000,
    .messages = 100,
    .replies = 99,
    .rtt_median_ns = 70001,
    .rtt_p99_ns = 90002,
    .rtt_max_ns = 100003,
    .fault = SWARM_FAULT_UNANSWERED,
    .detail = -7,
};

/* Header and row as the writer has them; the caller frees. */
static char *write_one(const struct swarm_turn *turn)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    swarm_turn_write_header(out);
    swarm_turn_write(turn, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void test_what_is_written_is_read(void **state)
{
    char *text = write_one(&example);
    struct swarm_turn turn = {.phase = SWARM_UP};

    (void)state;
    assert_true(swarm_turn_read(strchr(text, '\n') + 1, &turn));
    assert_int_equal(turn.phase, example.phase);
    assert_int_equal(turn.client, example.client);
    assert_int_equal(turn.open, example.open);
    assert_true(turn.begun_ns == example.begun_ns && turn.ended_ns == example.ended_ns);
    assert_true(turn.connect_ns == example.connect_ns);
    assert_true(turn.handshake_ns == example.handshake_ns);
    assert_true(turn.first_reply_ns == example.first_reply_ns);
    assert_true(turn.messages == 100 && turn.replies == 99);
    assert_true(turn.rtt_median_ns == 70001 && turn.rtt_p99_ns == 90002);
    assert_true(turn.rtt_max_ns == 100003);
    assert_int_equal(turn.fault, SWARM_FAULT_UNANSWERED);
    assert_int_equal(turn.detail, -7);
    free(text);
}

static size_t commas(const char *line)
{
    size_t count = 0;

    for (; *line != '\0' && *line != '\n'; line++)
        count += *line == ',';
    return count;
}

static void test_the_header_names_every_column(void **state)
{
    char *text = write_one(&example);

    (void)state;
    assert_int_equal(commas(text), commas(strchr(text, '\n') + 1));
    free(text);
}

static void test_what_is_no_row_is_refused(void **state)
{
    char *text = write_one(&example), *row = strchr(text, '\n') + 1, *spoilt;
    struct swarm_turn turn;

    (void)state;
    assert_false(swarm_turn_read(text, &turn)); /* the header */
    assert_false(swarm_turn_read("", &turn));
    spoilt = strdup(row);
    spoilt[strlen(spoilt) - 4] = '\0'; /* cut, as by a full disk */
    assert_false(swarm_turn_read(spoilt, &turn));
    memcpy(spoilt, "side", 4); /* no such phase */
    assert_false(swarm_turn_read(spoilt, &turn));
    free(spoilt);
    free(text);
}

static void test_every_word_is_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < SWARM_FAULTS; i++) {
        for (int k = 0; k < i; k++)
            assert_string_not_equal(swarm_fault_name((enum swarm_fault)i),
                                    swarm_fault_name((enum swarm_fault)k));
    }
    assert_string_equal(swarm_phase_name(SWARM_HELD), "held");
    assert_non_null(strstr(swarm_fault_remedy(SWARM_FAULT_PORTS), "ip_local_port_range"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_the_header_names_every_column),
        cmocka_unit_test(test_what_is_no_row_is_refused),
        cmocka_unit_test(test_every_word_is_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
