/* What the gate makes of recorded faults: losses explained, effects that were not seen. */
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

/* A healthy run (synthetic_run.h: client 3, incarnation 3, of server 1) bent, and one verdict. */
static const struct bend {
    const char *name, *sql;
    int64_t component;
    const char *rule;
    enum outcome outcome;
    const char *text;
} bends[] = {
#define FAULT(component, kind, at, effect_at) \
    "INSERT INTO fault VALUES (1," component ",1,'" kind "'," at "," effect_at ",'seen',1);"
#define UNSEEN(component, kind, at) \
    "INSERT INTO fault VALUES (1," component ",1,'" kind "'," at ",NULL,NULL,0);"
#define LATE                                                                              \
    "UPDATE sample SET messages_sent=450, messages_received=450 WHERE incarnation=4 AND " \
    "time_ns BETWEEN 1008e9 AND 1011e9;"
#define LOSS(kind, at) "INSERT INTO event VALUES (" at ",3,'" kind "',1,0);"
    {"a reset of the server explains its client's reset",
     FAULT("1", "reset", "1004e9", "1004.1e9") LOSS("loss-reset", "1004.2e9"), 3, "errors", P,
     "no error"},
    {"of its own, too", FAULT("3", "reset", "1004e9", "1004.1e9") LOSS("loss-reset", "1004.2e9"), 3,
     "errors", P, "no error"},
    {"and so does one whose effect was not seen",
     UNSEEN("1", "reset", "1004e9") LOSS("loss-reset", "1004.2e9"), 3, "errors", P, "no error"},
    {"but no other loss", FAULT("1", "reset", "1004e9", "1004.1e9") LOSS("loss-closed", "1004.2e9"),
     3, "errors", F, "1 loss that chaos did not order, the first loss-closed at 4.2 s"},
    {"not that of another server's client",
     FAULT("2", "reset", "1004e9", "1004.1e9") LOSS("loss-reset", "1004.2e9"), 3, "errors", F,
     "loss-reset at 4.2 s"},
    {"not before it", FAULT("1", "reset", "1004e9", "1004.1e9") LOSS("loss-reset", "1003.8e9"), 3,
     "errors", F, "loss-reset at 3.8 s"},
    {"not long after", FAULT("1", "reset", "1004e9", "1004.1e9") LOSS("loss-reset", "1006.2e9"), 3,
     "errors", F, "loss-reset at 6.2 s"},
    {"but while its effect was late",
     FAULT("1", "reset", "1004e9", "1005e9") LOSS("loss-reset", "1006.2e9"), 3, "errors", P, ""},
    {"a server that told all to go",
     FAULT("1", "goaway", "1004e9", "1004.6e9") LOSS("loss-goaway", "1004.6e9"), 3, "errors", P,
     ""},
    {"a freeze explains no loss",
     FAULT("1", "freeze", "1004e9", "1005.3e9") LOSS("loss-reset", "1004.2e9"), 3, "errors", F, ""},
    {"a connection that nothing comes through explains one given up",
     FAULT("1", "half-open", "1004e9", "1006.7e9") LOSS("loss-timeout", "1006.5e9"), 3, "errors", P,
     ""},
    {"but no end of it",
     FAULT("1", "half-open", "1004e9", "1006.7e9") LOSS("loss-closed", "1006.5e9"), 3, "errors", F,
     "loss-closed at 6.5 s"},
    {"a way that gets longer explains no loss",
     FAULT("1", "latency", "1004e9", "1005.7e9") LOSS("loss-timeout", "1004.5e9"), 3, "errors", F,
     "loss-timeout at 4.5 s"},
    {"who was not let through has so much longer to come back",
     LATE FAULT("2", "half-open", "1008.2e9", "1010.9e9"), 4, "recovery", P, ""},
    {"which a reset gives nobody", LATE FAULT("2", "reset", "1008.2e9", "1008.3e9"), 4, "recovery",
     F, "its server was back at 8.4 s"},
    {"effects seen are counted", FAULT("1", "freeze", "1004e9", "1005.3e9"), 1, "chaos", P,
     "kills, as planned: 0; other faults, seen to take effect: 1"},
    {"an effect not seen is a failure", UNSEEN("1", "freeze", "1004e9"), 1, "chaos", F,
     "freeze was ordered at 4.0 s, but no effect was seen"},
    {"of its victim alone", UNSEEN("1", "freeze", "1004e9"), 3, "chaos", P, ""},
    {"not if there was no time for it", UNSEEN("1", "freeze", "1014e9"), 1, "chaos", P, ""},
    {"not if its victim was killed", UNSEEN("2", "freeze", "1007e9"), 2, "chaos", P, ""},
    {"not if its victim's server was", UNSEEN("4", "cancel", "1007e9"), 4, "chaos", P, ""},
    {"but if another was", UNSEEN("3", "cancel", "1007e9"), 3, "chaos", F, "cancel"},
    {"a newer driver's fault, seen", FAULT("1", "earthquake", "1004e9", "1004e9"), 1, "chaos", P,
     "take effect: 1"},
    {"and not seen", UNSEEN("1", "earthquake", "1004e9"), 1, "chaos", F, "earthquake"},
};

static void judged(void **state)
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
    verdict_list_free(&list);
    scratch_tear_down(NULL);
}

#define BENDS (sizeof bends / sizeof *bends)

int main(void)
{
    struct CMUnitTest tests[BENDS];

    for (size_t i = 0; i < BENDS; i++)
        tests[i] = (struct CMUnitTest){bends[i].name, judged, NULL, NULL, (void *)&bends[i]};
    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
