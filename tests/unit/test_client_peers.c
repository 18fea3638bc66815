/* Routines: the schedule, the reader of their files, who was heard, what is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/engine/mem.h"
#include "stress-client/peer_clock.h"
#include "stress-client/peer_counts.h"
#include "stress-client/peer_options.h"
#include "stress-client/peer_room.h"
#include "stress-client/peer_stats.h"
#include "stress-client/schedule.h"
#include "stress-client/script.h"

#define MS NS_PER_MS

/* --- the schedule ----------------------------------------------------------------------------- */

static void events_are_due_whatever_became_of_those_before(void **state)
{
    const struct schedule plain = {100 * MS, 0, 1};

    (void)state;
    assert_true(schedule_due(&plain, 7, 0) == 0);
    assert_true(schedule_due(&plain, 7, 1) == 100 * MS);
    assert_true(schedule_due(&plain, 8, 36000) == 3600 * NS_PER_S);
    /* A hundred years at the highest rate do not wrap. */
    assert_true(schedule_due(&(struct schedule){MS, 0, 1}, 7, UINT64_C(3155760000000)) ==
                UINT64_C(3155760000000) * MS);
}

static void bursts_are_due_at_once(void **state)
{
    const struct schedule bursts = {NS_PER_S, 0, 5};

    (void)state;
    for (uint64_t i = 0; i < 15; i++)
        assert_true(schedule_due(&bursts, 1, i) == i / 5 * NS_PER_S);
}

static void jitter_keeps_to_its_bounds_and_the_order(void **state)
{
    const struct schedule s = {10 * MS, 10 * MS, 3};
    uint64_t low = UINT64_MAX, high = 0, before = 0, same = 0;

    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t due = schedule_due(&s, 42, i), jitter = due - i / 3 * s.every_ns;

        assert_in_range(jitter, 0, 10 * MS);
        assert_true(due >= before);
        assert_true(i % 3 == 0 || due == before); /* a burst stays together */
        assert_true(due == schedule_due(&s, 42, i));
        same += due == schedule_due(&s, 43, i);
        low = jitter < low ? jitter : low;
        high = jitter > high ? jitter : high;
        before = due;
    }
    assert_in_range(low, 0, MS / 10);
    assert_in_range(high, 99 * MS / 10, 10 * MS);
    assert_in_range(same, 0, 3); /* another seed, other times */
}

static void a_duration_holds_a_certain_number(void **state)
{
    const struct schedule plain = {100 * MS, 50 * MS, 1}, bursts = {NS_PER_S, 0, 5};

    (void)state;
    assert_true(schedule_count(&plain, 10 * NS_PER_S) == 100);
    assert_true(schedule_count(&plain, 10 * NS_PER_S + 1) == 101);
    assert_true(schedule_count(&plain, 1) == 1);
    assert_true(schedule_count(&bursts, 3 * NS_PER_S) == 15);
    assert_true(schedule_count(&bursts, 2500 * MS) == 15);
}

/* --- files ------------------------------------------------------------------------------------ */

#define KIND "kinds:\n  - name: k\n    every: 1s\n    size: 1\n"

static bool read_text(const char *text, struct script *script, char *error, size_t cap)
{
    return script_read("f", text, strlen(text), script, error, cap);
}

static void a_routine_is_read(void **state)
{
    static const char text[] = "room: lobby\npeers: 12\nroom-size: 4\nstart-jitter: 0s\nheard: 2s\n"
                               "kinds:\n"
                               "  - {name: a, every: 20ms, jitter: 20ms, burst: 3, size: [1, 2K]}\n"
                               "  - {name: b-2, every: 24h, size: 63K, expires: 500ms}\n";
    struct script s;
    char error[256];

    (void)state;
    assert_true(read_text(text, &s, error, sizeof error));
    assert_string_equal(s.room, "lobby");
    assert_true(s.peers == 12 && s.room_size == 4 && s.start_jitter_ns == 0);
    assert_true(s.heard_ns == 2 * NS_PER_S);
    assert_int_equal(s.kind_count, 2);
    assert_string_equal(s.kinds[0].name, "a");
    assert_true(s.kinds[0].schedule.every_ns == 20 * MS && s.kinds[0].schedule.burst == 3);
    assert_true(s.kinds[0].schedule.jitter_ns == 20 * MS && s.kinds[0].expires_ns == 0);
    assert_true(s.kinds[0].size_least == 1 && s.kinds[0].size_most == 2048);
    assert_true(s.kinds[1].size_least == 63 << 10 && s.kinds[1].size_most == 63 << 10);
    assert_true(s.kinds[1].schedule.burst == 1 && s.kinds[1].expires_ns == 500 * MS);
}

static void what_is_not_said_has_defaults(void **state)
{
    struct script s;
    char error[256];

    (void)state;
    assert_true(read_text(KIND, &s, error, sizeof error));
    assert_string_equal(s.room, "room");
    assert_true(s.peers == 1 && s.room_size == 0 && s.start_jitter_ns == 3 * NS_PER_S);
    assert_true(s.heard_ns == 3 * NS_PER_S); /* three of its shortest intervals */
    assert_true(script_load("peer", &s, error, sizeof error));
    assert_int_equal(s.kind_count, 3);
    assert_string_equal(s.kinds[0].name, "position");
    assert_true(s.kinds[0].schedule.every_ns == 100 * MS);
    assert_string_equal(s.kinds[1].name, "profile");
    assert_true(s.kinds[1].schedule.every_ns == NS_PER_S);
    assert_string_equal(s.kinds[2].name, "chat");
    assert_true(s.kinds[2].schedule.every_ns == 10 * NS_PER_S);
}

static const struct {
    const char *text, *error;
} wrong[] = {
    {"", "f: empty"},
    {"- a\n", "f:1:1: this is a list; a mapping (KEY: VALUE) belongs here"},
    {"peers: 3\n", "f:1:1: the key 'kinds' is missing"},
    {"kind: []\n", "f:1:1: unknown key 'kind'; the nearest that belongs here is 'kinds'"},
    {"kinds: []\n", "f:1:8: the list is empty"},
    {"peers: 0\n" KIND, "f:1:8: '0' is not a whole number from 1 to 60000"},
    {"heard: 0s\n" KIND, "f:1:8: nobody is heard within no time"},
    {"start-jitter: soon\n" KIND, "f:1:15: 'soon' is not a duration (such as 500ms, 60s, 5m)"},
    {"kinds:\n  - every: 1s\n    size: 1\n", "f:2:5: the key 'name' is missing"},
    {"kinds:\n  - name: k\n    size: 1\n", "f:2:5: the key 'every' is missing"},
    {"kinds:\n  - name: k\n    every: 1s\n", "f:2:5: the key 'size' is missing"},
    {"kinds: [{name: K, every: 1s, size: 1}]\n",
     "f:1:16: a kind's name has 1 to 23 of a-z, 0-9, '_' and '-', a letter first"},
    {"kinds: [{name: other, every: 1s, size: 1}]\n",
     "f:1:16: 'other' stands for the kinds of other routines"},
    {"kinds: [{name: k, every: 0s, size: 1}]\n",
     "f:1:26: from 1ms to 24h; for more at once use burst"},
    {"kinds: [{name: k, every: 1s, jitter: 2s, size: 1}]\n",
     "f:1:38: jitter is at most 'every', so that events keep their order"},
    {"kinds: [{name: k, every: 1s, burst: 0, size: 1}]\n",
     "f:1:37: '0' is not a whole number from 1 to 10000"},
    {"kinds: [{name: k, every: 1s, size: 64K}]\n", "f:1:36: an event's body has at most 63K"},
    {"kinds: [{name: k, every: 1s, size: [2, 1]}]\n", "f:1:36: a range is [LEAST, MOST]"},
    {"kinds: [{name: k, every: 1s, size: [1, 2, 3]}]\n", "f:1:43: a range is [LEAST, MOST]"},
    {"kinds: [{name: k, every: 1s, size: 1, expires: 0s}]\n",
     "f:1:48: longer than 0; without the key it does not expire"},
    {"kinds: [{name: k, every: 1s, size: 1}, {name: k, every: 2s, size: 1}]\n",
     "f:1:40: there are two kinds 'k'"},
};

static void wrong_files_are_refused_with_their_place(void **state)
{
    struct script s;
    char error[512];

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(read_text(wrong[i].text, &s, error, sizeof error));
        assert_string_equal(error, wrong[i].error);
    }
}

static void too_much_is_refused(void **state)
{
    char text[2048] = "kinds:\n", error[512];
    struct script s;

    (void)state;
    for (int i = 0; i <= SCRIPT_KINDS; i++) {
        size_t n = strlen(text);

        snprintf(text + n, sizeof text - n, "  - {name: k%d, every: 1s, size: 1}\n", i);
    }
    assert_false(read_text(text, &s, error, sizeof error));
    assert_string_equal(error, "f:18:5: more than 16 kinds");
    snprintf(text, sizeof text, "room: %0256d\n" KIND, 0);
    assert_false(read_text(text, &s, error, sizeof error));
    assert_string_equal(error, "f:1:7: a room's name has at most 255 bytes");
    assert_false(script_load("pear", &s, error, sizeof error));
    assert_string_equal(error, "'pear' is neither a file nor the built-in routine 'peer'");
    assert_false(script_load("./pear", &s, error, sizeof error));
    assert_string_equal(error, "./pear: No such file or directory");
}

static void the_command_line_goes_before_the_file(void **state)
{
    struct peer_options o;
    struct script s;
    char error[256];

    (void)state;
    assert_true(read_text("peers: 5\nroom-size: 5\nroom: r\n" KIND, &s, error, sizeof error));
    peer_options_init(&o);
    peer_options_apply(&o, &s);
    assert_true(s.peers == 5 && s.room_size == 5 && s.start_jitter_ns == 3 * NS_PER_S);
    o.peers = 6;
    o.room_size = 2;
    o.start_jitter_ns = 0;
    o.room = "other";
    peer_options_apply(&o, &s);
    assert_true(s.peers == 6 && s.room_size == 2 && s.start_jitter_ns == 0);
    assert_string_equal(s.room, "other");
}

/* --- who was heard ---------------------------------------------------------------------------- */

static void each_event_is_news_once(void **state)
{
    struct peer_heard heard = {.windows = NULL};

    (void)state;
    assert_int_equal(peer_heard_take(&heard, 0, 9, 100), PEER_NEW);
    assert_int_equal(peer_heard_take(&heard, 0, 9, 100), PEER_OLD);
    assert_int_equal(peer_heard_take(&heard, 0, 9, 103), PEER_NEW);
    assert_int_equal(peer_heard_take(&heard, 0, 9, 101), PEER_NEW); /* overtaken, and not lost */
    assert_int_equal(peer_heard_take(&heard, 0, 9, 101), PEER_OLD);
    assert_int_equal(peer_heard_take(&heard, 0, 9, 100), PEER_OLD);
    assert_int_equal(peer_heard_take(&heard, 0, 9, 166), PEER_NEW);
    assert_int_equal(peer_heard_take(&heard, 0, 9, 103), PEER_OLD); /* 63 behind: known */
    assert_int_equal(peer_heard_take(&heard, 0, 9, 104), PEER_NEW);
    assert_int_equal(peer_heard_take(&heard, 0, 9, 102), PEER_OLD); /* 64 behind: nobody knows */
    assert_int_equal(peer_heard_take(&heard, 0, 9, 1000), PEER_NEW);
    assert_int_equal(peer_heard_take(&heard, 0, 9, 999), PEER_NEW);
    assert_true(peer_heard_highest(&heard, 0, 9) == 1000);
    assert_true(peer_heard_highest(&heard, 0, 8) == 0);
    assert_true(peer_heard_highest(&heard, 500, 9) == 0);
    /* Its place went to another. */
    assert_int_equal(peer_heard_take(&heard, 0, 8, 3), PEER_NEW);
    assert_int_equal(peer_heard_take(&heard, 0, 8, 3), PEER_OLD);
    assert_int_equal(peer_heard_take(&heard, 700, 7, 1), PEER_NEW);
    peer_heard_free(&heard);
}

static void speakers_are_found_again(void **state)
{
    struct peer_room *room = peer_room_new("room");

    (void)state;
    assert_string_equal(peer_room_name(room), "room");
    assert_true(peer_room_find(room, 5) == PEER_NO_SPEAKER);
    for (uint64_t author = 1; author <= 5000; author++)
        assert_int_equal(peer_room_hear(room, author, 10 + author), author - 1);
    for (uint64_t author = 1; author <= 5000; author++)
        assert_int_equal(peer_room_find(room, author), author - 1);
    assert_int_equal(peer_room_known(room), 5000);
    assert_int_equal(peer_room_connected(room, 10 + 4001), 1000);
    assert_int_equal(peer_room_hear(room, 1, 6000), 0);
    assert_int_equal(peer_room_known(room), 5000);
    assert_int_equal(peer_room_connected(room, 10 + 4001), 1001);
    peer_room_free(room);
}

/* Newcomers take the places of those that fell silent, so a room does not grow by coming and going.
 */
static void the_silent_are_forgotten(void **state)
{
    struct peer_room *room = peer_room_new("room");
    uint64_t now = NS_PER_S;
    size_t highest = 0;

    (void)state;
    for (uint64_t author = 1; author <= 1000; author++) {
        size_t place = peer_room_hear(room, author, now);

        highest = place > highest ? place : highest;
        now += PEER_FORGET_NS / 8;
    }
    assert_in_range(highest, 7, 15);
    assert_int_equal(peer_room_known(room), 1000);
    assert_true(peer_room_find(room, 1) == PEER_NO_SPEAKER);
    for (uint64_t author = 994; author <= 1000; author++)
        assert_true(peer_room_find(room, author) != PEER_NO_SPEAKER);
    peer_room_free(room);
}

static void a_room_without_memory_stays_as_it_was(void **state)
{
    struct peer_room *room = peer_room_new("room");
    struct peer_heard heard = {.windows = NULL};

    (void)state;
    for (uint64_t author = 1; author <= 8; author++)
        assert_int_equal(peer_room_hear(room, author, 1), author - 1);
    for (int64_t pass = 0; pass < 2; pass++) {
        mem_fail(pass, 1);
        assert_true(peer_room_hear(room, 9, 1) == PEER_NO_SPEAKER);
        mem_fail(0, 0);
        assert_int_equal(peer_room_known(room), 8);
        assert_int_equal(peer_room_find(room, 8), 7);
    }
    assert_int_equal(peer_room_hear(room, 9, 1), 8);
    mem_fail(0, 1);
    assert_int_equal(peer_heard_take(&heard, 3, 9, 1), PEER_NO_MEMORY);
    mem_fail(0, 0);
    assert_int_equal(peer_heard_take(&heard, 3, 9, 1), PEER_NEW);
    peer_heard_free(&heard);
    peer_room_free(room);
}

/* --- alarms ----------------------------------------------------------------------------------- */

static struct {
    struct ev_loop *ev;
    struct peer_clock *clock;
    struct peer_alarm alarms[4];
    uint64_t rang_ns[4];
    int order[8], rings;
} house;

static void note_ring(struct peer_alarm *alarm)
{
    int i = (int)(alarm - house.alarms);

    house.rang_ns[i] = clock_now_ns();
    house.order[house.rings++] = i;
    if (house.rings == 1)
        peer_clock_set(house.clock, &house.alarms[3], 0); /* long past: at once */
    if (house.rings == 4)
        ev_break(house.ev, EVBREAK_ALL);
}

static void alarms_ring_in_order_and_never_early(void **state)
{
    uint64_t now = clock_now_ns();

    (void)state;
    memset(&house, 0, sizeof house);
    house.ev = ev_loop_new(EVFLAG_AUTO);
    house.clock = peer_clock_new(house.ev, 4);
    assert_non_null(house.clock);
    for (int i = 0; i < 4; i++)
        house.alarms[i].ring = note_ring;
    peer_clock_set(house.clock, &house.alarms[0], now + 30 * MS);
    peer_clock_set(house.clock, &house.alarms[1], now + 900 * NS_PER_S);
    peer_clock_set(house.clock, &house.alarms[2], now + 1);
    peer_clock_set(house.clock, &house.alarms[3], now + 900 * NS_PER_S);
    peer_clock_set(house.clock, &house.alarms[1], now + 20 * MS); /* sooner than it was set to */
    ev_run(house.ev, 0);
    assert_int_equal(house.order[0], 2);
    assert_int_equal(house.order[1], 3);
    assert_int_equal(house.order[2], 1);
    assert_int_equal(house.order[3], 0);
    assert_true(house.rang_ns[1] >= now + 20 * MS && house.rang_ns[0] >= now + 30 * MS);
    peer_clock_cancel(house.clock, &house.alarms[0]); /* not set */
    peer_clock_set(house.clock, &house.alarms[0], now + 1);
    peer_clock_cancel(house.clock, &house.alarms[0]);
    ev_run(house.ev, EVRUN_NOWAIT);
    assert_int_equal(house.rings, 4);
    peer_clock_free(house.clock);
    ev_loop_destroy(house.ev);
}

/* --- what is counted -------------------------------------------------------------------------- */

static void latency_counts_from_when_it_was_due(void **state)
{
    static struct peer_kind_counts kind;

    (void)state;
    peer_received(&kind, 10, 5 * NS_PER_S, 7 * NS_PER_S);
    assert_true(kind.latency.max == 2 * NS_PER_S);
    peer_received(&kind, 10, 8 * NS_PER_S, 7 * NS_PER_S); /* another host's clock */
    assert_true(kind.latency.min == 0 && kind.latency.count == 2);
    peer_received(&kind, 10, 0, 7 * NS_PER_S); /* by no schedule */
    assert_true(kind.latency.count == 2);
    assert_true(kind.amounts[PEER_RECEIVED].count == 3 && kind.amounts[PEER_RECEIVED].bytes == 30);
}

static void kinds_are_found_by_name(void **state)
{
    struct script s;
    char error[256];

    (void)state;
    assert_true(script_load("peer", &s, error, sizeof error));
    assert_int_equal(peer_kind_find(&s, "position", 8), 0);
    assert_int_equal(peer_kind_find(&s, "chat", 4), 2);
    assert_int_equal(peer_kind_find(&s, "cha", 3), PEER_KINDS - 1);
    assert_int_equal(peer_kind_find(&s, "", 0), PEER_KINDS - 1);
}

static char *values_of(const struct peer_stats *stats, uint64_t interval_ns)
{
    static char text[32768];
    FILE *out = fmemopen(text, sizeof text, "w");
    struct json json;

    json_start_line(&json, out);
    peer_stats_put_values(stats, interval_ns, &json);
    json_end(&json);
    fclose(out);
    return text;
}

static void a_point_has_totals_and_the_interval(void **state)
{
    static struct peer_stats stats;
    struct peer_kind_counts *position = &stats.recent.kinds[0], *other;
    struct script s;
    char error[256];
    const char *text;

    (void)state;
    assert_true(script_load("peer", &s, error, sizeof error));
    stats.script = &s;
    other = &stats.recent.kinds[PEER_KINDS - 1];
    peer_amount_add(&position->amounts[PEER_SENT], 20, 960);
    peer_received(position, 48, NS_PER_S, NS_PER_S + 5);
    peer_stats_fold(&stats, 2 * NS_PER_S);
    peer_amount_add(&position->amounts[PEER_SENT], 3, 144);
    peer_received(position, 48, NS_PER_S, NS_PER_S + 7);
    text = values_of(&stats, 2 * NS_PER_S);
    assert_non_null(strstr(text, "\"position.sent.count\":23,\"position.sent.bytes\":1104,"
                                 "\"position.sent.per_s\":1.500"));
    assert_non_null(strstr(text, "{\"sent.count\":23,"));
    assert_non_null(strstr(text, "\"position.latency.p50\":7,"));
    assert_non_null(strstr(text, ",\"latency.max\":7,"));
    assert_null(strstr(text, "chat.latency")); /* nothing came */
    assert_null(strstr(text, "other"));
    assert_null(strchr(text, ' '));
    peer_amount_add(&other->amounts[PEER_DUPLICATE], 1, 1);
    text = values_of(&stats, 2 * NS_PER_S);
    assert_non_null(strstr(text, "\"other.duplicate.count\":1"));
    peer_stats_fold(&stats, NS_PER_S);
    assert_true(stats.wall_ns == 3 * NS_PER_S);
    assert_true(stats.earlier.kinds[0].amounts[PEER_SENT].count == 23);
    assert_true(stats.earlier.kinds[0].latency.count == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_due_whatever_became_of_those_before),
        cmocka_unit_test(bursts_are_due_at_once),
        cmocka_unit_test(jitter_keeps_to_its_bounds_and_the_order),
        cmocka_unit_test(a_duration_holds_a_certain_number),
        cmocka_unit_test(a_routine_is_read),
        cmocka_unit_test(what_is_not_said_has_defaults),
        cmocka_unit_test(wrong_files_are_refused_with_their_place),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(the_command_line_goes_before_the_file),
        cmocka_unit_test(each_event_is_news_once),
        cmocka_unit_test(speakers_are_found_again),
        cmocka_unit_test(the_silent_are_forgotten),
        cmocka_unit_test(a_room_without_memory_stays_as_it_was),
        cmocka_unit_test(alarms_ring_in_order_and_never_early),
        cmocka_unit_test(latency_counts_from_when_it_was_due),
        cmocka_unit_test(kinds_are_found_by_name),
        cmocka_unit_test(a_point_has_totals_and_the_interval),
    };

    return cmocka_run_group_tests_name("peers of a routine", tests, NULL, NULL);
}
