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

struct certificates_maker {
    const char *server; /* our program, which makes them */
    char *const *environment;
    const char *run_dir; /* has a folder logs/ */
    const char *address; /* that they are for besides loopback, or NULL */
    bool both;           /* or the pair in use alone, which is all there is to trust then */
};

/* False: *error holds one line. */
bool certificates_make(struct certificates *c, const struct certificates_maker *maker, char *error,
                       size_t cap);

/* What is to be trusted besides, PEM: of another host's servers. False: *error holds one line. */
bool certificates_trust(struct certificates *c, const char *pem, char *error, size_t cap);

/* The certificate in use, PEM, for the caller to free. NULL: *error holds one line. */
char *certificates_own(const struct certificates *c, char *error, size_t cap);

/* Exchanges the pairs. False, with a line in the log: they are as they were, or half exchanged if
 * even going back failed. */
bool certificates_swap(const struct certificates *c);

#endif
