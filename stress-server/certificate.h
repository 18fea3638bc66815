/*
 * The certificates that we make ourselves: ECDSA P-256, self-signed, for localhost, 127.0.0.1 and
 * ::1, so a client that trusts cert.pem alone can validate chain and name. Errors are one line that
 * names the file.
 */
#ifndef FLATLINE_STRESS_SERVER_CERTIFICATE_H
#define FLATLINE_STRESS_SERVER_CERTIFICATE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Writes cert.pem and key.pem (mode 0600 from its creation on) into dir, which is made if missing.
 * Each file appears whole or not at all; the certificate last. It is also for `address`, IPv4 or
 * IPv6, unless that is NULL.
 */
bool certificate_make(const char *dir, const char *address, char *error, size_t cap);

/* Whether dir holds a certificate and the key to it, and it stays valid for another day. */
bool certificate_usable(const char *dir);

struct certificate_files {
    char cert[PATH_MAX];
    char key[PATH_MAX];
};

/*
 * The pair of the per-user state folder, made once and made anew when it is not usable. Servers
 * started at the same moment agree on one pair: a lock file serialises them.
 */
bool certificate_default(struct certificate_files *out, char *error, size_t cap);

#endif
