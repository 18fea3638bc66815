/*
 * What the server says of itself, as Prometheus reads it (text format 0.0.4,
 * prometheus.io/docs/instrumenting/exposition_formats): a table of families, and a writer.
 */
#ifndef FLATLINE_RESULTS_SERVER_PROMETHEUS_H
#define FLATLINE_RESULTS_SERVER_PROMETHEUS_H

#include "common/base/histogram.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Columns: identifier, name (behind "flatline_results_"), type, help. */
#define PROMETHEUS_TABLE(X)                                                                   \
    X(INFO, "info", GAUGE, "1; the version of the server")                                    \
    X(UPTIME, "uptime_seconds", GAUGE, "since the server was started")                        \
    X(RSS, "resident_memory_bytes", GAUGE, "resident memory of the server")                   \
    X(CPU, "cpu_seconds_total", COUNTER, "CPU time of the server, user and system")           \
    X(ANSWERS, "answers_total", COUNTER, "requests answered, by route and HTTP status")       \
    X(CONNECTIONS, "connections", GAUGE, "connections open now")                              \
    X(ACCEPTED, "connections_total", COUNTER, "connections accepted")                         \
    X(WAITING, "requests_waiting", GAUGE, "requests that wait for their answer, and streams") \
    X(RECEIVED, "received_bytes_total", COUNTER, "bytes of bodies received")                  \
    X(REFUSED, "refused_total", COUNTER,                                                      \
      "requests refused before any route: malformed, too large, without token")               \
    X(TIMED_OUT, "timed_out_total", COUNTER, "connections closed because they were too slow") \
    X(BATCHES, "batches_total", COUNTER, "batches stored, each once")                         \
    X(POINTS, "points_total", COUNTER, "points and rows of tables in them")                   \
    X(COMMITS, "commit_seconds", HISTOGRAM, "transactions of the store, its fsync included")  \
    X(JOBS, "jobs_total", COUNTER, "requests written by these transactions")                  \
    X(FAILURES, "failures_total", COUNTER, "transactions that failed")                        \
    X(QUEUE_JOBS, "queue_jobs", GAUGE, "requests that wait to be written")                    \
    X(QUEUE_BYTES, "queue_bytes", GAUGE, "what they hold")                                    \
    X(STORE, "store_bytes", GAUGE, "the files of the store")                                  \
    X(TESTS, "tests", GAUGE, "tests by state")                                                \
    X(HOSTS, "hosts", GAUGE, "hosts of tests that are not finished, by state")                \
    X(INFLUX_POINTS, "influx_points_total", COUNTER, "lines that InfluxDB has taken")         \
    X(INFLUX_DROPPED, "influx_dropped_total", COUNTER, "lines that InfluxDB has refused")     \
    X(INFLUX_OUTAGES, "influx_outages_total", COUNTER, "times that InfluxDB went away")       \
    X(INFLUX_UP, "influx_up", GAUGE, "0: it is away")                                         \
    X(INFLUX_BEHIND, "influx_batches_behind", GAUGE, "batches stored and not pushed yet")

enum prometheus_family {
#define PROMETHEUS_ENUM(ident, name, type, help) PROMETHEUS_##ident,
    PROMETHEUS_TABLE(PROMETHEUS_ENUM)
#undef PROMETHEUS_ENUM
        PROMETHEUS_FAMILIES
};

/* All zero is empty. */
struct prometheus_text {
    char *bytes;
    size_t size, cap;
    bool failed; /* there was no memory: nothing can be added any more */
    int family;  /* begun last, from 1 */
};

void prometheus_free(struct prometheus_text *text);

/* A sample; families in the order of the table, all samples of one together. */
void prometheus_put(struct prometheus_text *text, enum prometheus_family family, double value);

struct prometheus_label {
    const char *name, *value;
};
/* The same with labels, the last one with the name NULL. */
void prometheus_put_labelled(struct prometheus_text *text, enum prometheus_family family,
                             const struct prometheus_label *labels, double value);

/* All that a histogram of ns says, in seconds. */
void prometheus_put_histogram(struct prometheus_text *text, enum prometheus_family family,
                              const struct histogram *histogram);

#endif
