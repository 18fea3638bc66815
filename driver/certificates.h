/*
 * A run's second pair of certificate and key, and what trusts both, for a change of certificates
 * under traffic: DIR/cert.pem and key.pem are what servers read, DIR/other/ has the pair that is
 * not in use, DIR/trust.pem both certificates.
 */
#ifndef FLATLINE_DRIVER_CERTIFICATES_H
#define FLATLINE_DRIVER_CERTIFICATES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct certificates {
    char dir[PATH_MAX], other[PATH_MAX + 16], trust[PATH_MAX + 16];
};

/* Only the names. */
void certificates_init(struct certificates *c, const char *dir);

/* Writes trust.pem, once both pairs are there. False: *error holds one line. */
bool certificates_trust_both(const struct certificates *c, char *error, size_t cap);

/* Exchanges the pairs. False, with a line in the log: they are as they were, or half exchanged if
 * even going back failed. */
bool certificates_swap(const struct certificates *c);

#endif
