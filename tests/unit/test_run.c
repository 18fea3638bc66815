/* Writer and reader of run.db: what is written is read again, and what is not a run says so. */
#include "common/run/reader.h"
#include "common/run/schema.h"
#include "common/run/writer.h"
#include "tests/fixtures/synthetic_run.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ERROR_CAP 512

static struct run_writer *begin_run(void)
{
    char error[ERROR_CAP] = "";
    struct run_writer *w = run_writer_new(scratch, error, sizeof error);

    assert_string_equal(error, "");
    assert_non_null(w);
    return w;
}

/* A server that is killed once, and its client. */
static void write_run(struct run_writer *w)
{
    struct run_component server = {.name = "server-unstable-secure",
                                   .role = "server",
                                   .command = "stress-server --port 50002",
                                   .port = 50002,
                                   .secure = true,
                                   .heap_cap = 24 << 20};
    struct run_component client = {.name = "client-50002-stable-secure-bidi-stream",
                                   .role = "client",
                                   .pattern = "bidi-stream",
                                   .command = "stress-client --port 50002",
                                   .port = 50002,
                                   .peer = 1,
                                   .stable = true,
                                   .secure = true,
                                   .heap_cap = 16 << 20};
    struct run_exit exit = {.time_ns = 900,
                            .ordered_ns = 800,
                            .ordered_signal = SIGKILL,
                            .code = -1,
                            .signal = SIGKILL,
                            .reason = REASON_CHAOS,
                            .obituary = "last words"};
    struct page_event loss = {
        .time_ns = 850, .kind = PAGE_LOSS_RESET, .connection = 3, .detail = 104};
    struct page_event scribble = {.time_ns = 860, .kind = 4711};
    struct histogram rtt = {0};
    struct metric_values values = {0};
    int64_t id;

    assert_true(run_writer_meta_int(w, "seed", -2)); /* all 64 bits survive */
    assert_true(run_writer_meta_text(w, "argv", "driver --seed 1"));
    assert_true(run_writer_meta_int(w, "start_ns", 100));
    assert_true(run_writer_meta_int(w, "checkpoints", 10));
    assert_true(run_writer_component(w, &server, &id));
    assert_int_equal(id, 1);
    assert_true(run_writer_component(w, &client, &id));
    assert_int_equal(id, 2);
    assert_true(run_writer_plan(w, 1, 1, 700, SIGKILL, 250));
    assert_true(run_writer_spawn(w, 1, 1, 1001, 110, "logs/server.1.log", &id));
    assert_true(run_writer_spawn(w, 2, 1, 1002, 120, NULL, &id));
    assert_int_equal(id, 2);
    assert_true(run_writer_ready(w, 1, 130));
    assert_true(run_writer_exit(w, 1, &exit));
    assert_true(run_writer_spawn(w, 1, 2, 1003, 1150, "logs/server.2.log", &id));
    assert_true(run_writer_event(w, 2, &loss));
    assert_true(run_writer_event(w, 2, &scribble));
    assert_true(run_writer_note(w, 2, 840, "events-lost", 7));
    metric_set(&values, METRIC_LIVE, INT64_C(1) << 40);
    metric_set(&values, METRIC_DATA, 0);
    assert_true(run_writer_sample(w, 3, 1200, true, &values));
    assert_true(run_writer_sample(w, 1, 200, false, &values));
    assert_true(run_writer_sample(w, 1, 150, false, &values));
    assert_true(run_writer_sample(w, 2, 160, false, &values));
    histogram_record(&rtt, 5000);
    assert_true(run_writer_histogram(w, 1, "rtt", &rtt));
    histogram_record(&rtt, 1000000);
    assert_true(run_writer_histogram(w, 1, "rtt", &rtt)); /* in place of the first */
    assert_true(run_writer_histogram(w, 3, "rtt", &rtt));
}

/* Two checkpoints, readings of one and of the other kind, and what else version 2 brought. */
static void write_checkpoints(struct run_writer *w)
{
    struct run_checkpoint rest = {
        .frozen_ns = 250, .start_ns = 300, .end_ns = 400, .held = "connections"};
    struct run_checkpoint closed = {.closed = true, .start_ns = 1700, .end_ns = 1800};
    struct metric_values values = {0};
    struct run_reading good = {.incarnation = 1, .time_ns = 390, .values = &values};
    struct run_reading bad = {.incarnation = 2, .why = "did not fall quiet", .values = &values};
    struct run_fault fault = {.kind = "freeze", .component = 2, .ordered_ns = 500};
    int64_t id;

    metric_set(&values, METRIC_LIVE, 4711);
    assert_true(run_writer_checkpoint(w, &rest, &id));
    assert_int_equal(id, 1);
    assert_true(run_writer_reading(w, id, &good));
    assert_true(run_writer_reading(w, id, &bad));
    assert_true(run_writer_checkpoint(w, &closed, &id));
    assert_int_equal(id, 2);
    good.time_ns = 1790;
    good.incarnation = 3;
    assert_true(run_writer_reading(w, id, &good));
    assert_true(run_writer_hold(w, 2, 200, 300));
    assert_true(run_writer_fault(w, &fault, &id));
    assert_int_equal(id, 1);
    assert_true(run_writer_fault_effect(w, id, 520, "no publication for 2 s"));
    fault.incarnation = 2;
    assert_true(run_writer_fault(w, &fault, &id));
    assert_true(run_writer_limit(w, "recovery", 2e9));
    assert_true(run_writer_limit(w, "heap-share", 0.8));
    assert_true(run_writer_limit(w, "heap-share", 0.9)); /* in place of the first */
}

static void finish_run(struct run_writer *w)
{
    char error[ERROR_CAP] = "";

    assert_true(run_writer_meta_int(w, "end_ns", 2000));
    assert_true(run_writer_finish(w, error, sizeof error));
    assert_string_equal(error, "");
}

static struct run_reader *read_run(void)
{
    char error[ERROR_CAP] = "";
    struct run_reader *r = run_reader_new(scratch, error, sizeof error);

    assert_string_equal(error, "");
    assert_non_null(r);
    return r;
}

struct seen {
    size_t count, stop_at;
    struct run_sample_row samples[8];
    struct run_event_row events[8];
    char kinds[8][32];
};

static bool see_sample(void *arg, const struct run_sample_row *row)
{
    struct seen *seen = arg;

    seen->samples[seen->count++] = *row;
    return seen->count != seen->stop_at;
}

struct seen_readings {
    size_t count;
    struct run_reading_row rows[4];
    char why[4][32];
};

static bool see_reading(void *arg, const struct run_reading_row *row)
{
    struct seen_readings *seen = arg;

    snprintf(seen->why[seen->count], sizeof seen->why[0], "%s", row->why == NULL ? "" : row->why);
    seen->rows[seen->count++] = *row;
    return true;
}

static bool see_event(void *arg, const struct run_event_row *row)
{
    struct seen *seen = arg;

    strcpy(seen->kinds[seen->count], row->kind);
    seen->events[seen->count++] = *row;
    return seen->count != seen->stop_at;
}

static void test_round_trip(void **state)
{
    const struct run_component_row *c;
    const struct run_incarnation_row *inc;
    const struct run_plan_row *plan;
    struct run_reader *r;
    size_t count;

    (void)state;
    struct run_writer *w = begin_run();
    write_run(w);
    finish_run(w);
    r = read_run();
    assert_int_equal(run_reader_info(r)->schema_version, RUN_SCHEMA_VERSION);
    assert_true(run_reader_info(r)->seed == (uint64_t)-2);
    assert_string_equal(run_reader_info(r)->argv, "driver --seed 1");
    assert_true(run_reader_info(r)->finished);
    assert_int_equal(run_reader_info(r)->checkpoints, 10);
    c = run_reader_components(r, &count);
    assert_int_equal(count, 2);
    assert_string_equal(c[0].name, "server-unstable-secure");
    assert_true(c[0].server && !c[0].stable && c[0].secure && c[0].pattern == NULL);
    assert_true(!c[1].server && c[1].stable && c[1].peer == 1 && c[1].heap_cap == 16 << 20);
    assert_string_equal(c[1].pattern, "bidi-stream");
    inc = run_reader_incarnations(r, &count);
    assert_int_equal(count, 3);
    assert_int_equal(inc[0].reason, REASON_CHAOS);
    assert_int_equal(inc[0].exit_signal, SIGKILL);
    assert_int_equal(inc[0].exit_code, -1);
    assert_int_equal(inc[0].ordered_ns, 800);
    assert_string_equal(inc[0].obituary, "last words");
    assert_true(inc[1].log == NULL && inc[1].ready_ns == 0 && inc[1].reason == -1);
    assert_true(inc[2].component == 1 && inc[2].number == 2 && inc[2].pid == 1003);
    plan = run_reader_plan(r, &count);
    assert_int_equal(count, 1);
    assert_int_equal(plan[0].restart_delay_ns, 250);
    run_reader_free(r);
}

static void test_streams(void **state)
{
    struct histogram h;
    struct run_reader *r;
    struct seen seen = {0};

    (void)state;
    struct run_writer *w = begin_run();
    write_run(w);
    finish_run(w);
    r = read_run();
    assert_true(run_reader_samples(r, 0, see_sample, &seen));
    assert_int_equal(seen.count, 4);
    for (size_t i = 1; i < seen.count; i++)
        assert_true(seen.samples[i - 1].time_ns <= seen.samples[i].time_ns);
    assert_true(metric_has(&seen.samples[0].values, METRIC_LIVE));
    assert_true(seen.samples[0].values.value[METRIC_LIVE] == INT64_C(1) << 40);
    assert_true(metric_has(&seen.samples[0].values, METRIC_DATA)); /* 0 is a value */
    assert_false(metric_has(&seen.samples[0].values, METRIC_RSS));
    seen = (struct seen){0};
    assert_true(run_reader_samples(r, 1, see_sample, &seen));
    assert_int_equal(seen.count, 3);
    assert_true(seen.samples[0].time_ns == 150 && seen.samples[2].stale);
    seen = (struct seen){.stop_at = 1};
    assert_true(run_reader_samples(r, 1, see_sample, &seen));
    assert_int_equal(seen.count, 1);
    seen = (struct seen){0};
    assert_true(run_reader_events(r, see_event, &seen));
    assert_int_equal(seen.count, 3);
    assert_string_equal(seen.kinds[0], "events-lost");
    assert_string_equal(seen.kinds[1], "loss-reset");
    assert_int_equal(seen.events[1].detail, 104);
    assert_string_equal(seen.kinds[2], "unknown");
    assert_true(run_reader_histogram(r, 1, "rtt", &h));
    assert_int_equal(h.count, 4); /* two of each incarnation */
    assert_int_equal(h.max, 1000000);
    assert_int_equal(histogram_percentile(&h, 100), 1000000);
    assert_true(run_reader_histogram(r, 2, "rtt", &h));
    assert_int_equal(h.count, 0);
    run_reader_free(r);
}

static void test_checkpoints(void **state)
{
    const struct run_checkpoint_row *checkpoints;
    struct seen_readings seen = {0};
    struct run_reader *r;
    size_t count;

    (void)state;
    struct run_writer *w = begin_run();
    write_run(w);
    write_checkpoints(w);
    finish_run(w);
    r = read_run();
    checkpoints = run_reader_checkpoints(r, &count);
    assert_int_equal(count, 2);
    assert_true(!checkpoints[0].closed && checkpoints[0].start_ns == 300);
    assert_true(checkpoints[0].frozen_ns == 250 && checkpoints[1].frozen_ns == 0);
    assert_string_equal(checkpoints[0].held, "connections");
    assert_true(checkpoints[1].closed && checkpoints[1].held == NULL);
    assert_true(run_reader_readings(r, 0, see_reading, &seen));
    assert_int_equal(seen.count, 3);
    assert_true(seen.rows[0].valid && seen.rows[0].values.value[METRIC_LIVE] == 4711);
    assert_false(metric_has(&seen.rows[0].values, METRIC_FDS));
    assert_true(!seen.rows[1].valid && seen.rows[1].incarnation == 2);
    assert_string_equal(seen.why[1], "did not fall quiet");
    seen = (struct seen_readings){0};
    assert_true(run_reader_readings(r, 1, see_reading, &seen));
    assert_int_equal(seen.count, 2); /* of both incarnations of component 1 */
    assert_true(seen.rows[0].checkpoint == 1 && seen.rows[1].checkpoint == 2);
    assert_int_equal(seen.rows[1].time_ns, 1790);
    run_reader_free(r);
}

static void test_later_tables(void **state)
{
    const struct run_component_row *components;
    const struct run_hold_row *holds;
    const struct run_fault_row *faults;
    const struct run_limit_row *limits;
    struct run_reader *r;
    size_t count;

    (void)state;
    struct run_writer *w = begin_run();
    write_run(w);
    write_checkpoints(w);
    finish_run(w);
    synthetic_run_bend(scratch, "UPDATE component SET coverage = 'none' WHERE id = 2");
    r = read_run();
    holds = run_reader_holds(r, &count);
    assert_int_equal(count, 1);
    assert_true(holds[0].component == 2 && holds[0].from_ns == 200 && holds[0].to_ns == 300);
    faults = run_reader_faults(r, &count);
    assert_int_equal(count, 2);
    assert_true(faults[0].observed && faults[0].effect_ns == 520 && faults[0].incarnation == 0);
    assert_string_equal(faults[0].effect, "no publication for 2 s");
    assert_true(!faults[1].observed && faults[1].effect == NULL && faults[1].incarnation == 2);
    assert_string_equal(faults[1].kind, "freeze");
    limits = run_reader_limits(r, &count);
    assert_int_equal(count, 2);
    assert_string_equal(limits[0].name, "heap-share");
    assert_true(limits[0].value == 0.9 && limits[1].value == 2e9);
    components = run_reader_components(r, &count);
    assert_string_equal(components[0].coverage, "exact"); /* what NULL stands for */
    assert_string_equal(components[0].service, "flatline");
    assert_string_equal(components[0].cap_kind, "data");
    assert_string_equal(components[1].coverage, "none");
    run_reader_free(r);
}

/* A run as version 1 wrote it. */
static void test_first_version(void **state)
{
    const struct run_component_row *components;
    struct seen_readings readings = {0};
    struct seen samples = {0};
    struct run_reader *r;
    size_t count;

    (void)state;
    struct run_writer *w = begin_run();
    write_run(w);
    finish_run(w);
    synthetic_run_bend(scratch, "DROP TABLE checkpoint; DROP TABLE reading; DROP TABLE hold;"
                                "DROP TABLE fault; DROP TABLE limit_used;"
                                "ALTER TABLE component DROP COLUMN coverage;"
                                "ALTER TABLE component DROP COLUMN service;"
                                "ALTER TABLE component DROP COLUMN cap_kind;"
                                "ALTER TABLE component DROP COLUMN host; DROP TABLE host;"
                                "ALTER TABLE sample DROP COLUMN live_boot;"
                                "UPDATE meta SET value = 1 WHERE key = 'schema_version'");
    r = read_run();
    assert_int_equal(run_reader_info(r)->schema_version, 1);
    components = run_reader_components(r, &count);
    assert_int_equal(count, 2);
    assert_string_equal(components[1].coverage, "exact");
    run_reader_checkpoints(r, &count);
    assert_int_equal(count, 0);
    run_reader_holds(r, &count);
    assert_int_equal(count, 0);
    run_reader_faults(r, &count);
    assert_int_equal(count, 0);
    run_reader_limits(r, &count);
    assert_int_equal(count, 0);
    run_reader_hosts(r, &count);
    assert_int_equal(count, 0);
    assert_int_equal(components[1].host, -1);
    assert_true(run_reader_readings(r, 1, see_reading, &readings));
    assert_int_equal(readings.count, 0);
    assert_true(run_reader_samples(r, 1, see_sample, &samples));
    assert_int_equal(samples.count, 3);
    run_reader_free(r);
}

/* A run as version 2 wrote it. */
static void test_second_version(void **state)
{
    const struct run_checkpoint_row *checkpoints;
    struct run_reader *r;
    size_t count;

    (void)state;
    struct run_writer *w = begin_run();
    write_run(w);
    write_checkpoints(w);
    finish_run(w);
    synthetic_run_bend(scratch, "ALTER TABLE component DROP COLUMN host; DROP TABLE host;"
                                "ALTER TABLE checkpoint DROP COLUMN host;"
                                "UPDATE meta SET value = 2 WHERE key = 'schema_version'");
    r = read_run();
    assert_int_equal(run_reader_info(r)->hosts, 0);
    assert_int_equal(run_reader_info(r)->rank, -1);
    assert_string_equal(run_reader_info(r)->place, "");
    checkpoints = run_reader_checkpoints(r, &count);
    assert_int_equal(count, 2);
    assert_int_equal(checkpoints[0].host, -1);
    run_reader_hosts(r, &count);
    assert_int_equal(count, 0);
    run_reader_free(r);
}

static void check_hosts(const struct run_reader *r)
{
    size_t count;
    const struct run_host_row *hosts = run_reader_hosts(r, &count);

    assert_int_equal(count, 2);
    assert_int_equal(hosts[0].rank, 0);
    assert_string_equal(hosts[0].name, "n0");
    assert_string_equal(hosts[0].address, "127.0.0.2");
    assert_int_equal(hosts[0].offset_ns, -7);
    assert_int_equal(hosts[0].offset_error_ns, 3);
    assert_false(hosts[0].lost);
    assert_int_equal(hosts[0].first_ns, 100);
    assert_int_equal(hosts[0].last_ns, 900);
    assert_int_equal(hosts[0].phase.stop_ns, 800);
    assert_false(run_phase_unjudged(&hosts[0].phase, 809));
    assert_true(run_phase_unjudged(&hosts[0].phase, 810));
    assert_false(run_phase_unjudged(&hosts[1].phase, 810));
    assert_int_equal(hosts[0].status, 1);
    assert_string_equal(hosts[0].verdict, "fail");
    assert_string_equal(hosts[0].reason, "why");
    assert_true(hosts[1].lost);
    assert_int_equal(hosts[1].last_ns, 0);
    assert_int_equal(hosts[1].status, -1);
    assert_string_equal(hosts[1].verdict, "");
    assert_null(hosts[1].reason);
}

static void test_hosts(void **state)
{
    struct run_component there = {
        .name = "n1.a", .role = "server", .command = "a", .placed = true, .host = 1};
    const struct run_component_row *components;
    struct run_writer *w = begin_run();
    struct run_reader *r;
    size_t count;
    int64_t id;

    (void)state;
    write_run(w);
    write_checkpoints(w);
    assert_true(run_writer_component(w, &there, &id));
    assert_true(run_writer_meta_int(w, "hosts", 2));
    assert_true(run_writer_meta_int(w, "rank", 1));
    assert_true(run_writer_meta_text(w, "place", "spread"));
    finish_run(w);
    synthetic_run_bend(
        scratch, "INSERT INTO host VALUES (1, 'n1', '', 0, 0, 'lost', NULL, NULL,"
                 " NULL, NULL, NULL, NULL, NULL, NULL), (0, 'n0', '127.0.0.2', -7, 3, 'done', 100,"
                 " 900, 800, 810, 0, 1, 'fail', 'why'); UPDATE checkpoint SET host = id - 1");
    r = read_run();
    check_hosts(r);
    assert_int_equal(run_reader_info(r)->hosts, 2);
    assert_int_equal(run_reader_info(r)->rank, 1);
    assert_string_equal(run_reader_info(r)->place, "spread");
    components = run_reader_components(r, &count);
    assert_int_equal(components[0].host, -1);
    assert_int_equal(components[2].host, 1);
    assert_int_equal(run_reader_checkpoints(r, &count)[1].host, 1);
    assert_null(run_reader_host(r, 1));
    assert_string_equal(run_reader_host(r, 3)->name, "n1");
    assert_int_equal(run_reader_phase(r, 3).stop_ns, 0);
    run_reader_free(r);
}

static void test_single_file(void **state)
{
    struct stat st;

    (void)state;
    struct run_writer *w = begin_run();
    write_run(w);
    finish_run(w);
    assert_int_equal(stat(scratch_path("run.db-wal"), &st), -1);
    assert_int_equal(stat(scratch_path("run.db-shm"), &st), -1);
    run_reader_free(read_run());
    /* Reading leaves nothing beside it either. */
    assert_int_equal(stat(scratch_path("run.db-wal"), &st), -1);
    assert_int_equal(stat(scratch_path("run.db-shm"), &st), -1);
}

static void test_files(void **state)
{
    static const char sql[] = "SELECT group_concat(path || ' ' || kind || ' ' || bytes || ' ' || "
                              "sha256, ',') FROM file";
    sqlite3_stmt *s;
    sqlite3 *db;

    (void)state;
    assert_int_equal(mkdir(scratch_path("logs"), 0755), 0);
    assert_int_equal(mkdir(scratch_path("tls"), 0755), 0);
    scratch_put("logs/a.1.log", "abc", 3);
    scratch_put("tls/key.pem", "secret", 6);
    finish_run(begin_run());
    assert_int_equal(sqlite3_open(scratch_path(RUN_DB_NAME), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(s, 0),
                        "logs/a.1.log log 3 "
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sqlite3_finalize(s);
    sqlite3_close(db);
}

/* What one version writes another reads: columns come and go. */
static void test_other_columns(void **state)
{
    struct run_reader *r;
    struct seen seen = {0};

    (void)state;
    struct run_writer *w = begin_run();
    write_run(w);
    finish_run(w);
    synthetic_run_bend(scratch, "ALTER TABLE sample ADD COLUMN novelty INTEGER DEFAULT 5");
    synthetic_run_bend(scratch, "ALTER TABLE sample DROP COLUMN live");
    r = read_run();
    assert_true(run_reader_samples(r, 2, see_sample, &seen));
    assert_int_equal(seen.count, 1);
    assert_false(metric_has(&seen.samples[0].values, METRIC_LIVE));
    assert_true(metric_has(&seen.samples[0].values, METRIC_DATA));
    run_reader_free(r);
}

static void test_killed_driver(void **state)
{
    struct run_reader *r;
    struct seen seen = {0};
    size_t count;
    int status;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        struct run_writer *w = begin_run();

        write_run(w);
        if (!run_writer_commit(w) || !run_writer_note(w, 1, 990, "uncommitted", 0))
            _exit(1);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    r = read_run();
    assert_false(run_reader_info(r)->finished);
    run_reader_incarnations(r, &count);
    assert_int_equal(count, 3);
    assert_true(run_reader_events(r, see_event, &seen));
    assert_int_equal(seen.count, 3);
    run_reader_free(r);
}

static void test_live_run(void **state)
{
    char error[ERROR_CAP] = "";
    struct run_writer *w = begin_run();
    struct run_reader *r;
    size_t count;

    (void)state;
    write_run(w);
    assert_true(run_writer_commit(w));
    r = read_run();
    run_reader_components(r, &count);
    assert_int_equal(count, 2);
    /* A reader neither stops the writer nor spoils its end. */
    assert_true(run_writer_note(w, 1, 991, "later", 0));
    assert_true(run_writer_meta_int(w, "end_ns", 2000));
    assert_true(run_writer_finish(w, error, sizeof error));
    run_reader_free(r);
    r = read_run();
    assert_true(run_reader_info(r)->finished);
    run_reader_free(r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_set_up, scratch_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),    TEST(test_streams),        TEST(test_single_file),
        TEST(test_files),         TEST(test_other_columns),  TEST(test_killed_driver),
        TEST(test_live_run),      TEST(test_checkpoints),    TEST(test_later_tables),
        TEST(test_first_version), TEST(test_second_version), TEST(test_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
