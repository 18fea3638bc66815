/*
 * A small fleet of fake children (tests/fixtures/fake_child.c) under a real supervisor, for unit
 * tests of what watches them: declared member by member, run to its end, read back from run.db.
 */
#ifndef FLATLINE_TESTS_SMALL_FLEET_H
#define FLATLINE_TESTS_SMALL_FLEET_H

#include "common/run/reader.h"
#include "driver/supervisor.h"

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#define SMALL_FLEET_MEMBERS 32

struct small_fleet {
    struct scenario scenario;
    struct fleet fleet;
    struct fleet_command commands[SMALL_FLEET_MEMBERS];
    int64_t rows[SMALL_FLEET_MEMBERS];
    struct supervisor_settings settings; /* a test may change them until small_fleet_make */
    struct ev_loop *loop;
    struct guardian *guardian;
    struct run_writer *writer;
    struct supervisor *supervisor;
    struct run_reader *reader; /* after small_fleet_run */
    char dir[64];
    ev_timer watchdog;
};

/* An empty one; 0, or -1 as cmocka wants it. */
int small_fleet_open(struct small_fleet *f);

/* 0, or the status of what could not be removed. */
int small_fleet_close(struct small_fleet *f);

/* A member whose command is the fake child with these words; all clients are of the first member.
 */
void small_fleet_add(struct small_fleet *f, const char *name, bool server, bool stable,
                     const char *orders);

/* The run folder and the supervisor, of all members; hooks outlive it. */
void small_fleet_make(struct small_fleet *f, const struct supervisor_hooks *hooks);

/* Runs the loop until somebody breaks it, which is asserted to come, and opens what was recorded.
 */
void small_fleet_run(struct small_fleet *f);

#endif
