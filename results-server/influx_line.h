/*
 * Writes InfluxDB's line protocol
 * (docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference):
 *
 *   measurement,tag=value,... field=value,... time
 *
 * A line is begun, gets its tags, then its fields, and is ended. Names and texts may be any: what
 * the protocol gives a meaning is escaped, and a control character becomes a blank, so that a line
 * ends where it ends. What a tag cannot say: a backslash at its end, which would escape what
 * follows, becomes a slash; an empty tag is left out.
 */
#ifndef FLATLINE_RESULTS_SERVER_INFLUX_LINE_H
#define FLATLINE_RESULTS_SERVER_INFLUX_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lines so far. All zero is none. */
struct influx_lines {
    char *bytes;
    size_t size;
    size_t cap;
    size_t begun; /* where the line under way begins, */
    bool fields;  /* and whether it has one yet */
    size_t count; /* lines ended */
    bool failed;  /* there was no memory: nothing can be added any more */
};

void influx_lines_free(struct influx_lines *lines);
/* Forgets the lines and the failure, keeps the room. */
void influx_lines_clear(struct influx_lines *lines);

void influx_line_begin(struct influx_lines *lines, const char *measurement);
void influx_line_tag(struct influx_lines *lines, const char *key, const char *value);
/* A field has one type in all lines of a measurement: InfluxDB refuses any other. */
void influx_line_integer(struct influx_lines *lines, const char *key, int64_t value);
/* What is not finite is left out. */
void influx_line_real(struct influx_lines *lines, const char *key, double value);
void influx_line_text(struct influx_lines *lines, const char *key, const char *value);
/* time in ns since the epoch. A line without any field says nothing, and is taken back. */
void influx_line_end(struct influx_lines *lines, int64_t time_ns);

#endif
