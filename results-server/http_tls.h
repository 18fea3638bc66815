/* The server's certificate and key, as GnuTLS wants them for libmicrohttpd. */
#ifndef FLATLINE_RESULTS_SERVER_HTTP_TLS_H
#define FLATLINE_RESULTS_SERVER_HTTP_TLS_H

#include <stdbool.h>
#include <stddef.h>

/* TLS 1.2 (RFC 5246) and 1.3, by the names of gnutls_priority_init(3). */
#define HTTP_TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/*
 * Reads both files (PEM) into *cert and *key, for the caller to free, and sees that they are what
 * they should be and fit each other. False with one line in why, and in *usage whether the content
 * is at fault rather than the environment.
 */
bool http_tls_read(const char *cert_path, const char *key_path, char **cert, char **key,
                   bool *usage, char *why, size_t cap);

#endif
