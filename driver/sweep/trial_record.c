#include "driver/sweep/trial_record.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/run/schema.h"
#include "common/run/writer.h"
#include "driver/version.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- run.db ---- */

struct rows {
    int64_t server, client;         /* incarnations */
    int64_t server_row, client_row; /* components */
};

static bool put_meta(struct run_writer *w, const struct trial *trial, uint64_t seed,
                     const char *argv)
{
    uint64_t now = clock_now_ns();
    char host[256] = "";

    gethostname(host, sizeof host - 1);
    return run_writer_meta_text(w, "flatline_version", version_number()) &&
           run_writer_meta_text(w, "argv", argv) && run_writer_meta_text(w, "host", host) &&
           run_writer_meta_int(w, "cpus", sysconf(_SC_NPROCESSORS_ONLN)) &&
           run_writer_meta_int(w, "seed", (int64_t)seed) &&
           run_writer_meta_int(w, "duration_ns", (int64_t)(trial->ended_ns - trial->ready_ns)) &&
           run_writer_meta_int(w, "sample_interval_ns", 100000000) &&
           run_writer_meta_int(w, "checkpoints", 0) && run_writer_meta_int(w, "interrupted", 0) &&
           run_writer_meta_int(w, "start_wall_ns",
                               (int64_t)(clock_wall_ns() - (now - trial->started_ns))) &&
           run_writer_meta_int(w, "start_ns", (int64_t)trial->started_ns) &&
           run_writer_meta_int(w, "ready_ns", (int64_t)trial->ready_ns) &&
           run_writer_meta_int(w, "stop_ns", (int64_t)trial->ended_ns) &&
           run_writer_meta_int(w, "end_ns", (int64_t)trial->ended_ns);
}

static bool put_processes(struct run_writer *w, const struct trial_plan *plan,
                          const struct trial *trial, struct rows *rows)
{
    const struct run_component server = {.name = "server",
                                         .role = "server",
                                         .command = "",
                                         .port = trial->port,
                                         .stable = true,
                                         .secure = plan->server.secure,
                                         .heap_cap = plan->server.heap_cap,
                                         .coverage = plan->server.command != NULL ? "none" : NULL};
    struct run_component swarm = {.name = "swarm",
                                  .role = "client",
                                  .command = "",
                                  .port = trial->port,
                                  .stable = true,
                                  .secure = plan->server.secure};

    if (!run_writer_component(w, &server, &rows->server_row))
        return false;
    swarm.peer = rows->server_row;
    return run_writer_component(w, &swarm, &rows->client_row) &&
           run_writer_spawn(w, rows->server_row, 1, trial->server_pid, trial->started_ns,
                            "logs/server.1.log", &rows->server) &&
           run_writer_ready(w, rows->server, trial->ready_ns) &&
           run_writer_spawn(w, rows->client_row, 1, trial->client_pid, trial->swarm_ns,
                            "logs/swarm.1.log", &rows->client) &&
           run_writer_ready(w, rows->client, trial->swarm_ns);
}

static bool put_samples(struct run_writer *w, const struct trial *trial, const struct rows *rows)
{
    bool done = true;

    for (size_t i = 0; i < trial->sample_count && done; i++) {
        const struct trial_sample *s = &trial->samples[i];

        done = run_writer_sample(w, s->server ? rows->server : rows->client, s->time_ns, false,
                                 &s->values);
    }
    return done;
}

static bool bind_turn(sqlite3_stmt *row, const struct swarm_turn *t)
{
    const uint64_t numbers[] = {t->client,     t->open,          t->begun_ns,       t->ended_ns,
                                t->connect_ns, t->handshake_ns,  t->first_reply_ns, t->messages,
                                t->replies,    t->rtt_median_ns, t->rtt_p99_ns,     t->rtt_max_ns};
    int column = 1;
    bool done = sqlite3_bind_text(row, column++, swarm_phase_name(t->phase), -1, NULL) == SQLITE_OK;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && done; i++)
        done = sqlite3_bind_int64(row, column++, (sqlite3_int64)numbers[i]) == SQLITE_OK;
    done = done &&
           sqlite3_bind_text(row, column++, swarm_fault_name(t->fault), -1, NULL) == SQLITE_OK &&
           sqlite3_bind_int(row, column, t->detail) == SQLITE_OK;
    done = done && sqlite3_step(row) == SQLITE_DONE;
    sqlite3_reset(row);
    return done;
}

static bool put_turns(sqlite3 *db, const struct trial *trial)
{
    sqlite3_stmt *row = NULL;
    bool done = sqlite3_exec(db,
                             "BEGIN; CREATE TABLE turn (phase TEXT, client INTEGER, open INTEGER,"
                             " begun_ns INTEGER, ended_ns INTEGER, connect_ns INTEGER,"
                             " handshake_ns INTEGER, first_reply_ns INTEGER, messages INTEGER,"
                             " replies INTEGER, rtt_median_ns INTEGER, rtt_p99_ns INTEGER,"
                             " rtt_max_ns INTEGER, fault TEXT, detail INTEGER)",
                             NULL, NULL, NULL) == SQLITE_OK &&
                sqlite3_prepare_v2(
                    db, "INSERT INTO turn VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", -1,
                    &row, NULL) == SQLITE_OK;

    for (size_t i = 0; i < trial->turn_count && done; i++)
        done = bind_turn(row, &trial->turns[i]);
    sqlite3_finalize(row);
    return done && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
}

static bool add_turns(const struct trial_plan *plan, const struct trial *trial, char *error,
                      size_t cap)
{
    char path[PATH_MAX + 16];
    sqlite3 *db = NULL;
    bool done;

    snprintf(path, sizeof path, "%s/" RUN_DB_NAME, plan->dir);
    done = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
           put_turns(db, trial);
    if (!done)
        snprintf(error, cap, "%s: cannot keep the turns: %s", path, sqlite3_errmsg(db));
    sqlite3_close(db);
    return done;
}

static void describe_end(const struct trial *trial, struct run_exit *end)
{
    end->code = trial->server_code;
    if (!trial->server_died) {
        end->reason = REASON_STOPPED;
        end->ordered_ns = trial->ended_ns;
        end->ordered_signal = SIGTERM;
        return;
    }
    end->obituary = trial->death;
    end->reason = trial->server_code == STATUS_HEAP_OVERFLOW ? REASON_HEAP_CAP
                  : trial->server_code < 0                   ? REASON_SIGNAL
                                                             : REASON_ERROR_EXIT;
}

bool trial_record_run(const struct trial_plan *plan, const struct trial *trial, uint64_t seed,
                      const char *argv, char *error, size_t cap)
{
    struct run_writer *w = run_writer_new(plan->dir, error, cap);
    struct run_exit server = {.time_ns = trial->ended_ns};
    /* It came to its end as it was meant to: faults are turns. */
    const struct run_exit client = {.time_ns = trial->ended_ns,
                                    .ordered_ns = trial->ended_ns,
                                    .code = trial->client_code,
                                    .reason = REASON_STOPPED};
    struct rows rows;
    bool done;

    if (w == NULL)
        return false;
    done = put_meta(w, trial, seed, argv) && put_processes(w, plan, trial, &rows) &&
           put_samples(w, trial, &rows);
    describe_end(trial, &server);
    done = done && run_writer_exit(w, rows.client, &client) &&
           run_writer_exit(w, rows.server, &server);
    if (!done) {
        snprintf(error, cap, "%s", run_writer_error(w));
        run_writer_free(w);
        return false;
    }
    return run_writer_finish(w, error, cap) && add_turns(plan, trial, error, cap);
}

/* ---- analysis.csv ---- */

/* The last look at the server before the turn's end; NULL: none. */
static const struct trial_sample *server_at(const struct trial *trial, uint64_t time_ns)
{
    const struct trial_sample *found = NULL;

    for (size_t i = 0; i < trial->sample_count && trial->samples[i].time_ns <= time_ns; i++) {
        if (trial->samples[i].server)
            found = &trial->samples[i];
    }
    return found;
}

static void put_metric(FILE *out, const struct trial_sample *sample, enum metric metric)
{
    if (sample != NULL && metric_has(&sample->values, metric))
        fprintf(out, ",%" PRId64, sample->values.value[metric]);
    else
        putc(',', out);
}

static void put_row(FILE *out, const struct swarm_turn *t, const struct trial *trial)
{
    const struct trial_sample *server = server_at(trial, t->ended_ns);

    fprintf(out, "%s,%" PRIu32 ",%" PRIu32 ",%.3f", swarm_phase_name(t->phase), t->client, t->open,
            (double)(t->begun_ns - trial->ready_ns) / 1e9);
    fprintf(out, ",%.3f,%.3f,%.3f", (double)t->connect_ns / 1e3, (double)t->handshake_ns / 1e3,
            (double)t->first_reply_ns / 1e3);
    fprintf(out, ",%.3f,%.3f,%.3f", (double)t->rtt_median_ns / 1e3, (double)t->rtt_p99_ns / 1e3,
            (double)t->rtt_max_ns / 1e3);
    fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%s,%d", t->messages, t->replies,
            swarm_fault_name(t->fault), t->detail);
    put_metric(out, server, METRIC_LIVE);
    put_metric(out, server, METRIC_RSS);
    put_metric(out, server, METRIC_FDS);
    putc('\n', out);
}

bool trial_record_analysis(const struct trial_plan *plan, const struct trial *trial, char *error,
                           size_t cap)
{
    char path[PATH_MAX + 16];
    FILE *out;
    bool done;

    snprintf(path, sizeof path, "%s/analysis.csv", plan->dir);
    out = fopen(path, "we");
    if (out == NULL) {
        snprintf(error, cap, "cannot write %s: %m", path);
        return false;
    }
    fputs("phase,client,open_connections,begun_s,connect_us,handshake_us,first_reply_us,"
          "rtt_median_us,rtt_p99_us,rtt_max_us,messages,replies,fault,detail,server_live_bytes,"
          "server_rss_bytes,server_fds\n",
          out);
    for (size_t i = 0; i < trial->turn_count; i++)
        put_row(out, &trial->turns[i], trial);
    done = ferror(out) == 0;
    if (fclose(out) != 0 || !done) {
        snprintf(error, cap, "%s could not be written: %m", path);
        return false;
    }
    return true;
}
