/*
 * The gate on a run of two hosts, whole and with one of them lost: the finding is the host, not
 * what its end did to others. On host 1 are server 2 and the clients 3 and 5, which talk to server
 * 1; on host 0 that server and client 4, which talks to server 2.
 */
#include "driver/rules.h"
#include "tests/fixtures/synthetic_run.h"
#include "tests/unit/judging.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define P OUTCOME_PASS
#define F OUTCOME_FAIL
#define I OUTCOME_INCONCLUSIVE

#define TWO_HOSTS                                                                                \
    "UPDATE component SET host = id IN (2, 3, 5); UPDATE component SET name = 'n' || host || "   \
    "'.' || name; INSERT INTO meta VALUES ('hosts', 2), ('place', 'spread');"                    \
    "INSERT INTO host (rank, name, address, state, first_ns, last_ns, stop_ns, status, verdict)" \
    " VALUES (0, 'n0', '127.0.0.2', 'done', 998e9, 1021e9, 1020e9, 0, 'pass'),"                  \
    " (1, 'n1', '127.0.0.3', 'done', 998e9, 1021e9, 1020e9, 0, 'pass');"

/* Host 1 is heard last at 1012.4 s. Whoever talked to it loses that, and is silent from then on. */
#define ON_1 "(2, 3, 5, 6, 7)"
#define LAST_WORD                                                                            \
    "DELETE FROM sample WHERE incarnation IN " ON_1 " AND time_ns > 1012.4e9;"               \
    "UPDATE incarnation SET exit_ns = NULL, exit_code = NULL, exit_signal = NULL, reason = " \
    "NULL, ordered_ns = NULL WHERE id IN " ON_1 " AND exit_ns > 1012.4e9;"                   \
    "UPDATE sample SET messages_sent = 600, messages_received = 600 WHERE incarnation IN "   \
    "(1, 4) AND time_ns > 1012.4e9;"                                                         \
    "INSERT INTO event VALUES (1012.5e9, 1, 'loss-reset', 1, 0),"                            \
    " (1012.5e9, 4, 'loss-reset', 1, 0), (1019e9, 4, 'loss-refused', 1, 0);"
#define LOST                                                                                  \
    LAST_WORD "UPDATE host SET state = 'lost', last_ns = 1012.4e9, stop_ns = NULL, status = " \
              "NULL, verdict = NULL WHERE rank = 1;"
#define GAVE_UP                                                                            \
    LAST_WORD "UPDATE host SET last_ns = 1012.4e9, stop_ns = NULL, status = 3, verdict = " \
              "'error', reason = 'driver gone' WHERE rank = 1;"

/* Client 4 says nothing more from 1010 s on; a pause of each host. */
#define SILENT                                                                              \
    "UPDATE sample SET messages_sent = 500, messages_received = 500 WHERE incarnation = 4 " \
    "AND time_ns > 1010e9;"
#define PAUSED(from_0, to_0, from_1, to_1)                                                 \
    "INSERT INTO checkpoint VALUES (1, 'rest', NULL, " from_0 ", " to_0 ", NULL, 0), (2, " \
    "'rest', NULL, " from_1 ", " to_1 ", NULL, 1)"

/* What one rule makes of a component, 0 the run; and how many verdicts fail and are open in all. */
static const struct bend {
    const char *name, *sql;
    int64_t component;
    const char *rule;
    enum outcome outcome;
    const char *text;
    size_t failed, open;
} bends[] = {
    {"two hosts, heard to the end", TWO_HOSTS, 0, "hosts", P, "2 hosts, heard to the end", 0, 0},
    {"one host", "", 0, "hosts", P, "one host", 0, 0},
    {"lost: the finding is the host", TWO_HOSTS LOST, 0, "hosts", F,
     "host n1 was lost at 12.4 s (heard last then; 3 processes)", 1, 0},
    {"lost: it has no zombies", TWO_HOSTS LOST, 3, "zombies", P, "not judged: host n1 was lost", 1,
     0},
    {"lost: what was seen of it is judged", TWO_HOSTS LOST, 3, "no-traffic", P, "to the end", 1, 0},
    {"lost: its victims are not waited for", TWO_HOSTS LOST, 5, "recovery", P, "", 1, 0},
    {"lost: its planned kills are not missed",
     TWO_HOSTS LOST "UPDATE plan SET after_ready_ns = 5e9 WHERE component = 5 AND incarnation = 2",
     5, "chaos", P, "", 1, 0},
    {"lost: a client of its server", TWO_HOSTS LOST, 4, "errors", P, "losses by chaos", 1, 0},
    {"lost: a server of its clients", TWO_HOSTS LOST, 1, "no-traffic", P, "to the end", 1, 0},
    {"lost: a finding from before is one",
     TWO_HOSTS LOST "UPDATE sample SET data = 24e6 WHERE incarnation = 3 AND time_ns < 1005e9;", 3,
     "heap-limit", F, "", 2, 0},
    {"lost: a loss from before is one",
     TWO_HOSTS LOST "INSERT INTO event VALUES (1012.2e9, 4, 'loss-reset', 1, 0)", 4, "errors", F,
     "1 loss", 2, 0},
    {"lost: a death elsewhere is one, later too",
     TWO_HOSTS LOST "UPDATE incarnation SET reason='signal', ordered_ns=NULL, exit_signal=11,"
                    " exit_code=NULL, exit_ns=1013e9 WHERE id=4",
     4, "unexpected-exit", F, "signal 11", 2, 0},
    {"lost: before it said a word",
     TWO_HOSTS LOST "DELETE FROM sample WHERE incarnation IN " ON_1
                    "; DELETE FROM event WHERE incarnation IN " ON_1
                    "; UPDATE host SET last_ns = NULL, first_ns = NULL WHERE rank = 1;",
     0, "hosts", F, "host n1 was never heard (3 processes)", 1, 0},
    {"not lost: what the same would be", TWO_HOSTS LAST_WORD, 4, "errors", F, "losses", 6, 3},
    {"gave up: with its reason", TWO_HOSTS GAVE_UP, 0, "hosts", F,
     "host n1 gave up at 12.4 s: driver gone (3 processes)", 1, 0},
    {"both lost",
     TWO_HOSTS "UPDATE host SET state = 'lost', last_ns = 1020.5e9; UPDATE host SET reason = 'x'",
     0, "hosts", F,
     "host n0 was lost at 20.5 s (heard last then; 2 processes); host n1 was lost at 20.5 s", 1, 0},
    {"one that never came", TWO_HOSTS "UPDATE meta SET value = 4 WHERE key = 'hosts'", 0, "hosts",
     F, "2 of 4 hosts never came", 1, 0},
    {"the share of one of them: others run elsewhere",
     "UPDATE component SET host = id IN (2, 4); INSERT INTO meta VALUES ('hosts', 2), ('rank', 0);"
     "INSERT INTO component (id, name, role, host) VALUES (6, 'c', 'client', 1)",
     6, "growth", P, "not judged: it runs on another host", 0, 0},
    {"the share of one of them: its own must have run",
     "UPDATE component SET host = id IN (2, 4); INSERT INTO meta VALUES ('hosts', 2), ('rank', 0);"
     "INSERT INTO component (id, name, role, host) VALUES (6, 'c', 'client', 0)",
     6, "growth", I, "never started", 0, RULE_COUNT - 2},
    {"the share of one of them: a loss of who runs elsewhere",
     "UPDATE component SET host = id IN (2, 3, 5); INSERT INTO meta VALUES ('hosts', 2), ('rank',"
     " 0); INSERT INTO event VALUES (1012.2e9, 4, 'loss-reset', 1, 0)",
     4, "errors", P, "", 0, 0},
    {"the share of one of them: an error of one's own",
     "UPDATE component SET host = id IN (2, 3, 5); INSERT INTO meta VALUES ('hosts', 2), ('rank',"
     " 0); INSERT INTO event VALUES (1012.2e9, 4, 'error-payload', 1, 0)",
     4, "errors", F, "error-payload", 1, 0},
    {"the share of one of them: a loss of who runs here",
     "UPDATE component SET host = id IN (2, 4); INSERT INTO meta VALUES ('hosts', 2), ('rank', 1);"
     "INSERT INTO event VALUES (1012.2e9, 4, 'loss-reset', 1, 0)",
     4, "errors", F, "1 loss", 1, 0},
    {"the share of one of them: the silence of who runs elsewhere",
     "UPDATE component SET host = id IN (2, 3, 5); INSERT INTO meta VALUES ('hosts', 2), ('rank',"
     " 0);" SILENT,
     4, "no-traffic", P, "another host knows why", 0, 0},
    {"ends: a share that ends sooner takes its clients along",
     TWO_HOSTS "UPDATE host SET stop_ns = 1018e9 WHERE rank = 1;"
               "UPDATE sample SET messages_sent = 900, messages_received = 900 WHERE incarnation = "
               "4 AND time_ns > 1018e9; INSERT INTO event VALUES (1018.1e9, 4, 'loss-goaway', 1, "
               "0), (1018.1e9, 1, 'loss-closed', 1, 0)",
     4, "errors", P, "", 0, 0},
    {"evidence: the phase of one host is not that of another",
     TWO_HOSTS "UPDATE host SET evidence_ns = 1020e9, evidence_end_ns = 1030e9 WHERE rank = 1;"
               "UPDATE incarnation SET reason='signal', ordered_ns=NULL, exit_signal=11,"
               " exit_code=NULL, exit_ns=1020.1e9 WHERE id IN (3, 4)",
     4, "unexpected-exit", F, "signal 11", 1, 0},
    {"checkpoints: a kill that another host's pause does not put off",
     TWO_HOSTS "UPDATE plan SET after_ready_ns = 5e9 WHERE component = 5 AND incarnation = 2;"
               "INSERT INTO checkpoint VALUES (1, 'rest', 1014e9, 1015e9, 1018.9e9, NULL, 0)",
     5, "chaos", F, "was never ordered", 1, 0},
    {"checkpoints: a kill that its own host's puts off",
     TWO_HOSTS "UPDATE plan SET after_ready_ns = 5e9 WHERE component = 5 AND incarnation = 2;"
               "INSERT INTO checkpoint VALUES (1, 'rest', 1014e9, 1015e9, 1018.9e9, NULL, 1)",
     5, "chaos", P, "", 0, 0},
    {"checkpoints: a silence that two hosts ordered one after the other",
     TWO_HOSTS SILENT PAUSED("1010e9", "1016.5e9", "1016e9", "1020e9"), 4, "no-traffic", P, "", 0,
     0},
    {"checkpoints: a pause of both is one",
     TWO_HOSTS SILENT PAUSED("1010e9", "1013e9", "1010e9", "1013.1e9"), 4, "no-traffic", F,
     "moved no message in the last 6.9 s", 1, 0},
};

static size_t count(const struct verdict_list *list, enum outcome outcome)
{
    size_t n = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct verdict *v = &list->items[i];

        if (v->outcome != outcome)
            continue;
        n++;
        print_message("%s: %lld %s: %s\n", outcome_name(outcome), (long long)v->component, v->rule,
                      v->text);
    }
    return n;
}

static void test_bend(void **state)
{
    const struct bend *bend = *state;
    struct verdict_list list;
    const struct verdict *v;

    scratch_set_up_run(NULL);
    synthetic_run_bend(scratch, bend->sql);
    list = judging_judge();
    v = judging_find(&list, bend->component, bend->rule);
    if (v->outcome != bend->outcome || strstr(v->text, bend->text) == NULL)
        fail_msg("%s: %s", outcome_name(v->outcome), v->text);
    assert_int_equal(count(&list, OUTCOME_FAIL), bend->failed);
    assert_int_equal(count(&list, OUTCOME_INCONCLUSIVE), bend->open);
    verdict_list_free(&list);
    scratch_tear_down(NULL);
}

#define BENDS (sizeof bends / sizeof *bends)

int main(void)
{
    struct CMUnitTest tests[BENDS];

    for (size_t i = 0; i < BENDS; i++)
        tests[i] = (struct CMUnitTest){bends[i].name, test_bend, NULL, NULL, (void *)&bends[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
