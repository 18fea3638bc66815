/* TLS contexts for both ends: TLS 1.2 and up, ALPN h2, buffers released at rest. */
#ifndef FLATLINE_ENGINE_TLS_H
#define FLATLINE_ENGINE_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct tls_context;

/*
 * Server: a leaf certificate, further chain files (each PEM), a private key. NULL: *error holds one
 * line that names the file.
 */
struct tls_context *tls_server_new(const char *cert, const char *const *chain, size_t chain_count,
                                   const char *key, char *error, size_t cap);

struct tls_client_options {
    bool no_validation;     /* accept any certificate */
    bool system_store;      /* trust the system's CA store */
    const char *store_path; /* a PEM file or a hashed folder to trust as well; NULL: none */
};
struct tls_context *tls_client_new(const struct tls_client_options *options, char *error,
                                   size_t cap);

void tls_context_free(struct tls_context *tls);

#endif
