/* What a target says must hold: where it does not, a line says what, and that is a finding. */
#ifndef FLATLINE_TESTS_FUZZ_REQUIRE_H
#define FLATLINE_TESTS_FUZZ_REQUIRE_H

#include <stdio.h>
#include <stdlib.h>

#define require(truth)                                                                 \
    do {                                                                               \
        if (!(truth)) {                                                                \
            fprintf(stderr, "ERROR: %s:%d: not so: %s\n", __FILE__, __LINE__, #truth); \
            abort();                                                                   \
        }                                                                              \
    } while (0)

#endif
