/* Makes the empty tables of run.db. Internal to those that write one. */
#ifndef FLATLINE_RUN_CREATE_H
#define FLATLINE_RUN_CREATE_H

#include "common/run/db.h"

/* In a database that has none yet: what it is, and all tables of schema.h. False: db->error. */
bool run_create(const struct run_db *db);

#endif
