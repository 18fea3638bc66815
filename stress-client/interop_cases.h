/* The interop cases, as functions. */
#ifndef FLATLINE_CLIENT_INTEROP_CASES_H
#define FLATLINE_CLIENT_INTEROP_CASES_H

#include "stress-client/interop_check.h"

/* The connection is there; true: passed. */
#define INTEROP_CASE_DECLARE(name) bool interop_case_##name(struct interop *t);
INTEROP_CASE_TABLE(INTEROP_CASE_DECLARE)
#undef INTEROP_CASE_DECLARE

#endif
