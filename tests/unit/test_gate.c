/* The gate on a healthy run and on the same run bent: each rule passes, fails and doubts. */
#include "driver/rules.h"
#include "tests/fixtures/synthetic_run.h"
#include "tests/unit/judging.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define P OUTCOME_PASS
#define F OUTCOME_FAIL
#define I OUTCOME_INCONCLUSIVE

/* One bend of the healthy run, and what one rule makes of it; the others' worst in `run`. */
struct bend {
    const char *name, *sql;
    int64_t component;
    const char *rule;
    enum outcome outcome;
    const char *text; /* part of the verdict's line */
    enum outcome run; /* the outcome of all rules together */
};

#define KILL(incarnation, at)                                               \
    "UPDATE incarnation SET reason='chaos', ordered_ns=" at ", exit_ns=" at \
    " WHERE id=" incarnation ";"
/* A checkpoint, with chaos frozen from a second before. */
#define PAUSE(from, to)                                                                       \
    "INSERT INTO checkpoint (id, kind, frozen_ns, start_ns, end_ns) VALUES (1, 'rest', " from \
    " - 1e9, " from ", " to ");"
#define GONE(incarnation)                               \
    "DELETE FROM sample WHERE incarnation=" incarnation \
    "; DELETE FROM incarnation WHERE id=" incarnation ";"

/* What nobody may be blamed for in an evidence phase: a process that was started for it and died at
 * its cap, one that died by itself, memory beyond every limit, errors. */
#define EVIDENCE                                                                               \
    "INSERT INTO incarnation (id, component, number, pid, spawn_ns, ready_ns, exit_ns,"        \
    " exit_code, reason, obituary) VALUES (8, 1, 2, 4008, 1021e9, 1021.2e9, 1025e9, 251,"      \
    " 'heap-cap', 'heap overflow');"                                                           \
    "INSERT INTO sample (incarnation, time_ns, stale, data, live, refused) VALUES"             \
    " (8, 1024e9, 0, 90e6, 90e6, 3), (1, 1020.5e9, 0, 90e6, 90e6, 0);"                         \
    "UPDATE incarnation SET reason='signal', ordered_ns=NULL, exit_code=NULL, exit_signal=11," \
    " exit_ns=1024e9 WHERE id=3; UPDATE incarnation SET reason='heap-cap', ordered_ns=NULL,"   \
    " exit_code=251, exit_ns=1025e9 WHERE id=4;"                                               \
    "INSERT INTO event VALUES (1023e9, 3, 'error-payload', 1, 0), (1023e9, 8, 'error-tls', 1, 0);"
#define EVIDENCE_PHASE \
    "INSERT INTO meta VALUES ('evidence_ns', 1020e9), ('evidence_end_ns', 1030e9)"

static const struct bend bends[] = {
    {"evidence: its phase is not judged", EVIDENCE EVIDENCE_PHASE, 1, "heap-cap", P, "", P},
    {"evidence: without its phase it is: caps", EVIDENCE, 4, "heap-cap", F, "", F},
    {"evidence: without its phase it is: peaks", EVIDENCE, 1, "heap-limit", F, "", F},
    {"evidence: without its phase it is: deaths", EVIDENCE, 3, "unexpected-exit", F, "4001", F},
    {"evidence: without its phase it is: errors", EVIDENCE, 3, "errors", F, "error-payload", F},
    {"heap-cap: by its reason",
     "UPDATE incarnation SET reason='heap-cap', ordered_ns=NULL, exit_code=251, exit_ns=1012e9,"
     " obituary='heap overflow: 4096 bytes refused to app' WHERE id=1",
     1, "heap-cap", F, "hit its cap of 24 MB at 12.0 s: heap overflow: 4096 bytes refused", F},
    {"heap-cap: by its reason alone",
     "UPDATE incarnation SET reason='heap-cap', ordered_ns=NULL, exit_code=NULL, exit_signal=6,"
     " exit_ns=1012e9 WHERE id=1",
     1, "heap-cap", F, "died at its cap of 24 MB at 12.0 s, see logs/it.log", F},
    {"heap-cap: by its exit status alone",
     "UPDATE incarnation SET reason='error-exit', ordered_ns=NULL, exit_code=251 WHERE id=1", 1,
     "heap-cap", F, "died at its cap", F},
    {"heap-cap: by its obituary alone",
     "UPDATE incarnation SET obituary='heap overflow: 1 byte refused to ev' WHERE id=2", 2,
     "heap-cap", F, "heap overflow: 1 byte", F},
    {"heap-cap: refused, yet alive", "UPDATE sample SET refused=3 WHERE incarnation=3", 3,
     "heap-cap", F, "3 allocations refused under its cap of 24 MB", F},
    {"heap-cap: a refusal counts on a stale page too",
     "UPDATE sample SET refused=1, stale=1 WHERE incarnation=3 AND time_ns > 1019.8e9", 3,
     "heap-cap", F, "refused", F},
    {"heap-cap: not sampled", "DELETE FROM sample WHERE incarnation=3", 3, "heap-cap", I,
     "never sampled", I},
    {"heap-cap: others are unharmed",
     "UPDATE incarnation SET reason='heap-cap', ordered_ns=NULL, exit_ns=1012e9 WHERE id=1", 3,
     "heap-cap", P, "no allocation refused", F},

    {"heap-limit: data at 91 %",
     "UPDATE sample SET data=22900000 WHERE incarnation=3 AND time_ns BETWEEN 1005e9 AND 1005.2e9",
     3, "heap-limit", F, "data bytes peaked at 21.8 MB, 91 % of its cap", F},
    {"heap-limit: data at 89 %", "UPDATE sample SET data=22400000 WHERE incarnation=3", 3,
     "heap-limit", P, "89 % of its cap", P},
    {"heap-limit: live", "UPDATE sample SET live=22900000 WHERE incarnation=3", 3, "heap-limit", F,
     "live bytes peaked", F},
    {"heap-limit: stale live bytes are not judged",
     "UPDATE sample SET live=22900000, stale=1 WHERE incarnation=3 AND time_ns > 1019.5e9", 3,
     "heap-limit", P, "data bytes", P},
    {"heap-limit: what the kernel says is judged, however stale the page",
     "UPDATE sample SET data=22900000, stale=1 WHERE incarnation=3 AND time_ns > 1019.5e9", 3,
     "heap-limit", F, "data bytes", F},
    {"heap-limit: no such columns",
     "ALTER TABLE sample DROP COLUMN data; ALTER TABLE sample DROP COLUMN live", 3, "heap-limit", I,
     "never sampled", I},
    {"heap-limit: no cap", "UPDATE component SET heap_cap=NULL WHERE id=3", 3, "heap-limit", I,
     "no cap", I},

    {"unexpected-exit: a signal",
     "UPDATE incarnation SET reason='signal', ordered_ns=NULL, exit_code=NULL, exit_signal=9,"
     " exit_ns=1012.5e9 WHERE id=3",
     3, "unexpected-exit", F, "pid 4001 died at 12.5 s, signal 9: killed by a signal", F},
    {"unexpected-exit: a clean exit",
     "UPDATE incarnation SET reason='clean-exit', ordered_ns=NULL WHERE id=3", 3, "unexpected-exit",
     F, "exit status 0: exited with status 0 though it runs for ever; see logs/it.log", F},
    {"unexpected-exit: of an incarnation that came later",
     "UPDATE incarnation SET reason='error-exit', ordered_ns=NULL, exit_code=1,"
     " obituary='last words' WHERE id=7",
     5, "unexpected-exit", F, "see logs/it.log: last words", F},
    {"unexpected-exit: chaos without an order", "UPDATE incarnation SET ordered_ns=NULL WHERE id=2",
     2, "unexpected-exit", F, "pid 4001", F},
    {"unexpected-exit: no process could be made, which is no death",
     "UPDATE incarnation SET reason='spawn-failed', ordered_ns=NULL, exit_code=NULL,"
     " exit_ns=1012.5e9, obituary='it: cannot make a process' WHERE id=3",
     3, "unexpected-exit", I, "at 12.5 s it could not be started: it: cannot make a process", I},
    {"unexpected-exit: a reason from the future",
     "UPDATE incarnation SET reason='melted' WHERE id=3", 3, "unexpected-exit", F, "reason unknown",
     F},

    {"errors: an event", "INSERT INTO event VALUES (1005e9, 3, 'error-payload', 1, 0)", 3, "errors",
     F, "1 error, the first error-payload at 5.0 s", F},
    {"errors: a count without an event", "UPDATE sample SET errors=2 WHERE incarnation=1", 1,
     "errors", F, "2 errors counted", F},
    {"errors: a loss that nobody ordered",
     "INSERT INTO event VALUES (1005e9, 3, 'loss-reset', 1, 0)", 3, "errors", F,
     "1 loss that chaos did not order, the first loss-reset at 5.0 s", F},
    {"errors: chaos on another server forgives nothing",
     "INSERT INTO event VALUES (1008.1e9, 3, 'loss-reset', 1, 0)", 3, "errors", F, "loss-reset", F},
    {"errors: a loss just before the order",
     "INSERT INTO event VALUES (1007.9e9, 4, 'loss-reset', 1, 0)", 4, "errors", F, "at 7.9 s", F},
    {"errors: a loss within the grace",
     "INSERT INTO event VALUES (1010.3e9, 4, 'loss-closed', 1, 0)", 4, "errors", P,
     "losses by chaos: 5", P},
    {"errors: a loss after the grace",
     "INSERT INTO event VALUES (1010.5e9, 4, 'loss-closed', 1, 0)", 4, "errors", F,
     "loss-closed at 10.5 s", F},
    {"errors: its own order forgives",
     "INSERT INTO event VALUES (1010.1e9, 6, 'loss-goaway', 1, 0)", 5, "errors", P,
     "losses by chaos: 1", P},
    {"errors: a server forgives the loss of a client that was killed",
     "INSERT INTO event VALUES (1010.1e9, 1, 'loss-reset', 1, 0)", 1, "errors", P,
     "losses by chaos: 1", P},
    {"errors: a server and a client that nobody killed",
     "INSERT INTO event VALUES (1006e9, 1, 'loss-reset', 1, 0)", 1, "errors", F, "loss-reset", F},
    {"errors: a server and a killed client of another",
     "INSERT INTO event VALUES (1011e9, 5, 'loss-reset', 1, 0)", 2, "errors", F, "at 11.0 s", F},
    {"errors: after the orderly stop",
     "UPDATE incarnation SET ordered_ns=1020.1e9 WHERE id IN (1, 3);"
     "INSERT INTO event VALUES (1020.02e9, 3, 'loss-goaway', 1, 0)",
     3, "errors", P, "losses by chaos: 1", P},
    {"errors: a server that died by itself is no excuse",
     "UPDATE incarnation SET reason='signal', ordered_ns=NULL WHERE id=2", 4, "errors", F,
     "loss-reset at 8.0 s", F},
    {"errors: events overrun", "INSERT INTO event VALUES (1005e9, 3, 'events-lost', 0, 12)", 3,
     "errors", I, "12 events", I},

    {"no-traffic: none",
     "UPDATE sample SET messages_sent=0, messages_received=0,"
     " first_message=NULL WHERE incarnation=3",
     3, "no-traffic", F, "not one message in 20.4 s", F},
    {"no-traffic: sending alone is traffic",
     "UPDATE sample SET messages_received=0, first_message=NULL WHERE incarnation=3", 3,
     "no-traffic", P, "messages, to the end", P},
    {"no-traffic: stands still from 1014 s on",
     "UPDATE sample SET messages_sent=1000, messages_received=1000 WHERE incarnation=3 AND"
     " time_ns > 1014e9",
     3, "no-traffic", F, "pid 4001 moved no message in the last", F},
    {"no-traffic: stands still before it is killed",
     "UPDATE sample SET messages_sent=99, messages_received=99 WHERE incarnation=6 AND"
     " time_ns > 1003e9",
     5, "no-traffic", F, "moved no message in the last", F},
    {"no-traffic: its page stops",
     "UPDATE sample SET stale=1 WHERE incarnation=3 AND time_ns > 1014e9", 3, "no-traffic", F,
     "moved no message in the last", F},
    {"no-traffic: a short silence",
     "UPDATE sample SET messages_sent=1000, messages_received=1000 WHERE incarnation=3 AND"
     " time_ns > 1016e9",
     3, "no-traffic", P, "to the end", P},
    {"no-traffic: a drain is no silence",
     "UPDATE incarnation SET ordered_ns=1004e9 WHERE id=6;"
     "UPDATE sample SET messages_sent=99, messages_received=99 WHERE incarnation=6 AND"
     " time_ns > 1004e9",
     5, "no-traffic", P, "to the end", P},
    {"no-traffic: none, but hardly a life",
     "UPDATE incarnation SET ready_ns=1018.7e9 WHERE id=3;"
     "UPDATE sample SET messages_sent=0, messages_received=0 WHERE incarnation=3",
     3, "no-traffic", I, "too short", I},
    {"no-traffic: it was held back",
     "UPDATE sample SET messages_sent=450, messages_received=450 WHERE incarnation=3 AND"
     " time_ns > 1010e9; INSERT INTO hold VALUES (3, 1010e9, 1020e9)",
     3, "no-traffic", P, "to the end", P},
    {"no-traffic: it was held back, and paused before the hold was over",
     "UPDATE sample SET messages_sent=450, messages_received=450 WHERE incarnation=3 AND"
     " time_ns > 1010e9; INSERT INTO hold VALUES (3, 1009.9e9, 1015.2e9);"
     "INSERT INTO checkpoint VALUES (1, 'rest', 1014e9, 1015e9, 1020e9, NULL, NULL)",
     3, "no-traffic", P, "to the end", P},
    {"no-traffic: another was held back",
     "UPDATE sample SET messages_sent=450, messages_received=450 WHERE incarnation=3 AND"
     " time_ns > 1010e9; INSERT INTO hold VALUES (4, 1010e9, 1020e9)",
     3, "no-traffic", F, "moved no message", F},
    {"no-traffic: not seen", "DELETE FROM sample WHERE incarnation=3", 3, "no-traffic", I,
     "too short", I},

    {"recovery: a server that is not started again", GONE("7") KILL("6", "1010e9"), 5, "recovery",
     F,
     "killed at 10.0 s (pid 4001), it was not "
     "started again",
     F},
    {"recovery: never ready", "UPDATE incarnation SET ready_ns=NULL WHERE id=7", 5, "recovery", F,
     "was not ready again", F},
    {"recovery: ready without a message",
     "UPDATE sample SET messages_sent=0, messages_received=0, first_message=NULL WHERE"
     " incarnation=7",
     5, "recovery", F, "had no message in time", F},
    {"recovery: too slow", "UPDATE sample SET first_message=1012.7e9 WHERE incarnation=7", 5,
     "recovery", F, "had no message in time (limit 2 s)", F},
    {"recovery: just in time", "UPDATE sample SET first_message=1012.5e9 WHERE incarnation=7", 5,
     "recovery", P, "the slowest in 1.90 s", P},
    {"recovery: too slow, but nobody ran, not even the driver",
     "UPDATE sample SET first_message=1012.7e9 WHERE incarnation=7;"
     "UPDATE sample SET messages_sent=0, messages_received=0, first_message=NULL"
     " WHERE incarnation=7 AND time_ns < 1012.7e9;"
     "DELETE FROM sample WHERE incarnation=7 AND time_ns BETWEEN 1011e9 AND 1012.45e9;"
     "UPDATE sample SET lateness=1.4e9 WHERE incarnation=7 AND"
     " time_ns BETWEEN 1012.45e9 AND 1012.55e9",
     5, "recovery", P, "the slowest in 700 ms", P},
    {"recovery: known from samples only", "UPDATE sample SET first_message=NULL", 5, "recovery", P,
     "back from its own kills: 1", P},
    {"recovery: the run ended before the start", GONE("7") KILL("6", "1019.5e9"), 5, "recovery", I,
     "ended before 1 recovery", I},
    {"recovery: the run ended before the first message",
     KILL("6", "1018e9") "UPDATE incarnation SET spawn_ns=1018.4e9, ready_ns=1018.5e9 WHERE id=7;"
                         "DELETE FROM sample WHERE incarnation=7 AND time_ns < 1018.4e9;"
                         "UPDATE sample SET messages_sent=0, messages_received=0, "
                         "first_message=NULL WHERE"
                         " incarnation=7",
     5, "recovery", I, "ended before 1 recovery", I},
    {"recovery: its server was down then, and counts from its ready",
     "UPDATE component SET peer=2 WHERE id=5;" KILL(
         "6", "1007.5e9") "UPDATE incarnation SET spawn_ns=1007.8e9, ready_ns=1007.9e9 WHERE id=7;"
                          "UPDATE incarnation SET ready_ns=1011e9 WHERE id=5;"
                          "UPDATE sample SET first_message=1012.9e9 WHERE incarnation=7",
     5, "recovery", P, "the slowest in 1.90 s", I},
    {"recovery: a server that goes down much later is no excuse",
     "UPDATE component SET peer=2 WHERE id=5;" KILL(
         "6", "1002e9") "UPDATE incarnation SET spawn_ns=1002.3e9, ready_ns=1002.5e9 WHERE id=7;"
                        "UPDATE sample SET first_message=1009e9 WHERE incarnation=7",
     5, "recovery", F, "had no message in time", F},
    {"recovery: a client that does not come back to its server",
     "UPDATE sample SET messages_sent=450, messages_received=450 WHERE incarnation=4 AND"
     " time_ns > 1008e9",
     4, "recovery", F, "its server was back at 8.4 s, but no message", F},
    {"recovery: a client that comes back late",
     "UPDATE sample SET messages_sent=450, messages_received=450 WHERE incarnation=4 AND"
     " time_ns BETWEEN 1008e9 AND 1011e9",
     4, "recovery", F, "its server was back at 8.4 s", F},
    {"recovery: a client that comes back late, but nobody ran",
     "UPDATE sample SET messages_sent=450, messages_received=450 WHERE incarnation=4 AND"
     " time_ns BETWEEN 1008e9 AND 1011e9;"
     "DELETE FROM sample WHERE incarnation=4 AND time_ns BETWEEN 1009e9 AND 1010.95e9;"
     "UPDATE sample SET lateness=1.9e9 WHERE incarnation=4 AND"
     " time_ns BETWEEN 1010.95e9 AND 1011.05e9",
     4, "recovery", P, "its own kills: 0, from its server's: 1", P},
    {"recovery: a client that comes back", "UPDATE meta SET value=value", 4, "recovery", P,
     "its own kills: 0, from its server's: 1", P},
    {"recovery: a client whose comeback could not be seen",
     "UPDATE incarnation SET ordered_ns=1018e9, exit_ns=1018.1e9 WHERE id=2;"
     "UPDATE incarnation SET spawn_ns=1019e9, ready_ns=1019.5e9 WHERE id=5;"
     "UPDATE sample SET messages_sent=450, messages_received=450 WHERE incarnation=4 AND"
     " time_ns > 1018e9",
     4, "recovery", I, "ended before 1 recovery", F},

    {"recovery: a checkpoint took some of the time",
     "UPDATE sample SET first_message=1012.7e9 WHERE incarnation=7;" PAUSE("1011e9", "1011.5e9"), 5,
     "recovery", P, "the slowest in 1.60 s", P},
    {"recovery: a checkpoint took some of a client's time to come back",
     "UPDATE sample SET messages_sent=450, messages_received=450 WHERE incarnation=4 AND"
     " time_ns BETWEEN 1008e9 AND 1010.8e9;" PAUSE("1009e9", "1009.6e9"),
     4, "recovery", P, "from its server's: 1", P},
    {"chaos: a kill that a checkpoint put off to the end",
     "UPDATE plan SET after_ready_ns=5e9 WHERE component=2 AND incarnation=2;" PAUSE("1014e9",
                                                                                     "1017e9"),
     2, "chaos", P, "kills, as planned: 1", P},
    {"chaos: a kill that came due after the checkpoint",
     "UPDATE plan SET after_ready_ns=5e9 WHERE component=2 AND incarnation=2;" PAUSE("1010e9",
                                                                                     "1013e9"),
     2, "chaos", F, "was never ordered", F},
    {"chaos: a kill that was forgotten",
     "UPDATE plan SET after_ready_ns=5e9 WHERE component=2 AND incarnation=2", 2, "chaos", F,
     "the kill of pid 4002 that was due at 13.4 s was never ordered", F},
    {"chaos: none is due earlier for having been ready long before the others",
     "UPDATE incarnation SET spawn_ns=980e9, ready_ns=990e9 WHERE id=2; UPDATE incarnation SET"
     " reason='stopped', exit_ns=1020.4e9, ordered_ns=1020.2e9 WHERE id=2;"
     "UPDATE plan SET after_ready_ns=18e9 WHERE component=2 AND incarnation=1",
     2, "chaos", P, "kills, as planned: 0", F},
    {"chaos: none is due in the last seconds",
     "UPDATE plan SET after_ready_ns=9.5e9 WHERE component=2 AND incarnation=2", 2, "chaos", P,
     "kills, as planned: 1", P},

    {"chaos: none is due to the dead",
     "UPDATE plan SET after_ready_ns=3e9 WHERE component=5 AND incarnation=2;"
     "UPDATE incarnation SET reason='signal', ordered_ns=NULL, exit_ns=1012e9 WHERE id=7",
     5, "chaos", P, "kills, as planned: 1", F},
    {"zombies: an end that was not seen",
     "UPDATE incarnation SET exit_ns=NULL, reason=NULL, exit_code=NULL WHERE id=3", 3, "zombies", F,
     "the end of pid 4001 was never seen", F},
    {"zombies: a driver that was killed",
     "UPDATE incarnation SET exit_ns=NULL, reason=NULL, exit_code=NULL WHERE id=3;"
     "DELETE FROM meta WHERE key IN ('end_ns', 'stop_ns')",
     3, "zombies", I, "alive when the record broke off", I},

    {"sampling: every other sample",
     "DELETE FROM sample WHERE incarnation=3 AND time_ns / 100000000 % 2", 3, "sampling", I,
     "fresh samples of", I},
    {"sampling: half of them stale",
     "UPDATE sample SET stale=1 WHERE incarnation=3 AND time_ns / 100000000 % 2", 3, "sampling", I,
     "stale)", I},
    {"sampling: late", "UPDATE sample SET lateness=120000000 WHERE incarnation=3", 3, "sampling", I,
     "late by", I},
    {"sampling: a little late", "UPDATE sample SET lateness=30000000 WHERE incarnation=3", 3,
     "sampling", P, "late by", P},
    {"sampling: the interval is not known", "DELETE FROM meta WHERE key='sample_interval_ns'", 3,
     "sampling", I, "too few", I},

    {"complete: killed", "DELETE FROM meta WHERE key='end_ns'", 0, "complete", I,
     "breaks off after 20.0 of 20.0 s", I},
    {"complete: interrupted", "UPDATE meta SET value=1 WHERE key='interrupted'", 0, "complete", I,
     "interrupted after 20.0 of 20.0 s", I},
    {"complete: stopped early", "UPDATE meta SET value=1015e9 WHERE key='stop_ns'", 0, "complete",
     I, "stopped after 15.0 of 20.0 s", I},
    {"complete: never ready", "DELETE FROM meta WHERE key='ready_ns'", 0, "complete", I,
     "not every process became ready", I},
    {"complete: empty",
     "DELETE FROM component; DELETE FROM incarnation; DELETE FROM sample; DELETE FROM plan;"
     "DELETE FROM event",
     0, "complete", I, "no components", I},
};

static void test_bend(void **state)
{
    const struct bend *bend = *state;
    struct verdict_list list;
    const struct verdict *v;
    enum outcome worst;

    scratch_set_up_run(NULL);
    synthetic_run_bend(scratch, bend->sql);
    list = judging_judge();
    worst = verdict_list_worst(&list, 0, NULL);
    v = judging_find(&list, bend->component, bend->rule);
    if (v->outcome != bend->outcome || strstr(v->text, bend->text) == NULL)
        fail_msg("%s: %s", outcome_name(v->outcome), v->text);
    if (worst != bend->run) {
        verdict_list_worst(&list, 0, &v);
        fail_msg("the run: %s: %lld %s: %s", outcome_name(worst), (long long)v->component, v->rule,
                 v->text);
    }
    verdict_list_free(&list);
    scratch_tear_down(NULL);
}

static void test_healthy(void **state)
{
    struct verdict_list list = judging_judge();

    (void)state;
    /* Every rule of scope EACH on five components, and the two on the run. */
    assert_int_equal(list.count, (RULE_COUNT - 2) * 5 + 2);
    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i].outcome != OUTCOME_PASS)
            fail_msg("%s on %lld: %s", list.items[i].rule, (long long)list.items[i].component,
                     list.items[i].text);
    }
    assert_int_equal(gate_exit_status(&list), STATUS_PASSED);
    assert_true(judging_find(&list, 1, "heap-cap")->value == 10 << 20);
    assert_true(judging_find(&list, 1, "heap-cap")->limit == 24 << 20);
    verdict_list_free(&list);
}

/* Of many doubts the first is that the record breaks off. */
static void test_broken_off(void **state)
{
    const struct verdict *first;
    struct verdict_list list;

    (void)state;
    synthetic_run_bend(scratch,
                       "UPDATE incarnation SET exit_ns=NULL, reason=NULL WHERE id NOT IN (2, 6);"
                       "DELETE FROM meta WHERE key IN ('end_ns', 'stop_ns')");
    list = judging_judge();
    assert_int_equal(verdict_list_worst(&list, 0, &first), OUTCOME_INCONCLUSIVE);
    assert_string_equal(first->rule, "complete");
    assert_int_equal(gate_exit_status(&list), STATUS_INCONCLUSIVE);
    verdict_list_free(&list);
}

/* Of many findings the first names the cause: the server at its cap, not the clients that lost it.
 */
static void test_blame(void **state)
{
    const struct verdict *first;
    struct verdict_list list;

    (void)state;
    synthetic_run_bend(scratch, "UPDATE incarnation SET reason='heap-cap', ordered_ns=NULL,"
                                " exit_code=251, exit_ns=1012e9 WHERE id=5;"
                                "INSERT INTO event VALUES (1012e9, 4, 'loss-reset', 1, 0)");
    list = judging_judge();
    assert_int_equal(verdict_list_worst(&list, 0, &first), OUTCOME_FAIL);
    assert_int_equal(first->component, 2);
    assert_string_equal(first->rule, "heap-cap");
    assert_int_equal(verdict_list_worst(&list, 4, &first), OUTCOME_FAIL);
    assert_string_equal(first->rule, "errors");
    assert_int_equal(verdict_list_worst(&list, 3, NULL), OUTCOME_PASS);
    assert_int_equal(gate_exit_status(&list), STATUS_FAILED);
    verdict_list_free(&list);
}

static void test_never_started(void **state)
{
    struct verdict_list list;

    (void)state;
    synthetic_run_bend(scratch, "INSERT INTO component (id, name, role) VALUES (6, 'c', 'client')");
    list = judging_judge();
    assert_int_equal(judging_find(&list, 6, "heap-cap")->outcome, OUTCOME_INCONCLUSIVE);
    assert_string_equal(judging_find(&list, 6, "no-traffic")->text, "it was never started");
    assert_int_equal(gate_exit_status(&list), STATUS_INCONCLUSIVE);
    verdict_list_free(&list);
}

static void test_nothing_is_no_pass(void **state)
{
    const struct verdict_list empty = {0};

    (void)state;
    assert_int_equal(gate_exit_status(&empty), STATUS_INCONCLUSIVE);
}

static void test_damaged(void **state)
{
    struct verdict_list list = {0};
    char error[256] = "";
    struct run_reader *run;

    (void)state;
    synthetic_run_bend(scratch, "DROP TABLE sample");
    run = run_reader_new(scratch, error, sizeof error);
    assert_non_null(run);
    assert_false(gate_judge(run, NULL, &list, error, sizeof error));
    assert_non_null(strstr(error, "cannot read samples: no such table: sample"));
    verdict_list_free(&list);
    run_reader_free(run);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_set_up_run, scratch_tear_down)
#define WHOLE 6
#define BENDS (sizeof bends / sizeof *bends)

int main(void)
{
    static const struct CMUnitTest whole[WHOLE] = {
        TEST(test_healthy),
        TEST(test_blame),
        TEST(test_broken_off),
        TEST(test_never_started),
        TEST(test_nothing_is_no_pass),
        TEST(test_damaged),
    };
    struct CMUnitTest tests[WHOLE + BENDS];

    memcpy(tests, whole, sizeof whole);
    for (size_t i = 0; i < BENDS; i++)
        tests[WHOLE + i] =
            (struct CMUnitTest){bends[i].name, test_bend, NULL, NULL, (void *)&bends[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
