/* The small tables of run.db, loaded whole. Internal: users see them through reader.h. */
#ifndef FLATLINE_RUN_TABLES_H
#define FLATLINE_RUN_TABLES_H

#include "common/run/db.h"
#include "common/run/reader.h"

struct run_text;

struct run_tables {
    struct run_info info;
    struct run_component_row *components;
    struct run_incarnation_row *incarnations;
    struct run_plan_row *plan;
    struct run_checkpoint_row *checkpoints;
    struct run_hold_row *holds;
    struct run_fault_row *faults;
    struct run_limit_row *limits;
    struct run_host_row *hosts;
    size_t component_count, incarnation_count, plan_count;
    size_t checkpoint_count, hold_count, fault_count, limit_count, host_count;
    struct run_text *texts; /* all their strings */
};

/* Fills *t, all zero before; checked so that ids can be trusted as indices. Free it in any case. */
bool run_tables_load(struct run_tables *t, const struct run_db *db);
void run_tables_free(struct run_tables *t);

#endif
