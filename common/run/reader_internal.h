/* What the reader's parts share: reader.c opens run.db, reader_samples.c streams what was measured.
 */
#ifndef FLATLINE_RUN_READER_INTERNAL_H
#define FLATLINE_RUN_READER_INTERNAL_H

#include "common/run/db.h"
#include "common/run/reader.h"
#include "common/run/schema.h"
#include "common/run/tables.h"

#include <limits.h>

struct run_reader {
    struct run_db db;
    struct run_tables tables;
    char dir[PATH_MAX];
    char path[PATH_MAX + sizeof RUN_DB_NAME];
    char error[PATH_MAX + 256];
};

#endif
