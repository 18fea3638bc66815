#include "common/engine/tls.h"

#include "common/engine/mem.h"
#include "common/engine/tls_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const unsigned char alpn_h2[] = {2, 'h', '2'};

/*
 * AES-128 with SHA-256 first, as Go and BoringSSL have it: OpenSSL would take SHA-384, with which a
 * handshake takes a seventh longer. Of TLS 1.2 what HTTP/2 allows (RFC 9113, appendix A).
 */
static const char suites_13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char suites_12[] = "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20";

static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return text != NULL ? text : "unknown TLS error";
}

/* A missing or unreadable file is said as such; only then OpenSSL's word for the content. */
static const char *file_reason(const char *path)
{
    if (access(path, R_OK) < 0) {
        ERR_clear_error();
        return strerrordesc_np(errno);
    }
    return reason();
}

static int select_h2(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                     const unsigned char *in, unsigned in_size, void *arg)
{
    (void)ssl, (void)arg;
    if (SSL_select_next_proto((unsigned char **)out, out_size, alpn_h2, sizeof alpn_h2, in,
                              in_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

static struct tls_context *context_new(const SSL_METHOD *method, char *error, size_t cap)
{
    struct tls_context *tls = mem_calloc(MEM_APP, 1, sizeof *tls);
    SSL_CTX *ssl = tls == NULL ? NULL : SSL_CTX_new(method);

    if (ssl == NULL || SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(ssl, suites_13) != 1 ||
        SSL_CTX_set_cipher_list(ssl, suites_12) != 1) {
        snprintf(error, cap, "cannot set up TLS: %s", tls == NULL ? "out of memory" : reason());
        SSL_CTX_free(ssl);
        mem_free(MEM_APP, tls);
        return NULL;
    }
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ssl, 1);
    tls->ssl = ssl;
    return tls;
}

static bool add_chain(SSL_CTX *ssl, const char *path)
{
    FILE *file = fopen(path, "re");
    X509 *cert;
    size_t added = 0;

    if (file == NULL)
        return false;
    while ((cert = PEM_read_X509(file, NULL, NULL, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(ssl, cert) != 1) {
            X509_free(cert);
            added = 0;
            break;
        }
        added++;
    }
    fclose(file);
    if (added > 0)
        ERR_clear_error(); /* the end of the file counts as an error */
    return added > 0;
}

static bool load_server_files(struct tls_context *tls, const char *cert, const char *const *chain,
                              size_t chain_count, const char *key, char *error, size_t cap)
{
    if (SSL_CTX_use_certificate_chain_file(tls->ssl, cert) != 1) {
        snprintf(error, cap, "cannot use certificate %s: %s", cert, file_reason(cert));
        return false;
    }
    for (size_t i = 0; i < chain_count; i++) {
        if (!add_chain(tls->ssl, chain[i])) {
            snprintf(error, cap, "cannot use chain certificate %s: %s", chain[i],
                     file_reason(chain[i]));
            return false;
        }
    }
    if (SSL_CTX_use_PrivateKey_file(tls->ssl, key, SSL_FILETYPE_PEM) != 1) {
        snprintf(error, cap, "cannot use private key %s: %s", key, file_reason(key));
        return false;
    }
    return true;
}

struct tls_context *tls_server_new(const char *cert, const char *const *chain, size_t chain_count,
                                   const char *key, char *error, size_t cap)
{
    struct tls_context *tls = context_new(TLS_server_method(), error, cap);

    if (tls == NULL)
        return NULL;
    if (!load_server_files(tls, cert, chain, chain_count, key, error, cap)) {
        tls_context_free(tls);
        return NULL;
    }
    SSL_CTX_set_alpn_select_cb(tls->ssl, select_h2, NULL);
    /* Ours, unless the client puts ChaCha20 first: that has no instructions for AES. */
    SSL_CTX_set_options(tls->ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /*
     * Resumption state lives in tickets, with the client: a server-side cache would grow with every
     * connection up to its 20,480 entries and look like a leak.
     */
    SSL_CTX_set_session_cache_mode(tls->ssl, SSL_SESS_CACHE_OFF);
    /* OpenSSL would make two for each handshake; a client that resumes gets a new one with it. */
    SSL_CTX_set_num_tickets(tls->ssl, 1);
    return tls;
}

static bool trust_path(SSL_CTX *ssl, const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return false;
    return SSL_CTX_load_verify_locations(ssl, S_ISDIR(st.st_mode) ? NULL : path,
                                         S_ISDIR(st.st_mode) ? path : NULL) == 1;
}

/* The last one is kept, in the place that the transport gave; where there is one. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **place = SSL_get_app_data(ssl);

    if (place == NULL)
        return 0;
    SSL_SESSION_free(*place);
    *place = session;
    return 1;
}

struct tls_context *tls_client_new(const struct tls_client_options *options, char *error,
                                   size_t cap)
{
    struct tls_context *tls = context_new(TLS_client_method(), error, cap);

    if (tls == NULL)
        return NULL;
    tls->validate = !options->no_validation;
    SSL_CTX_set_verify(tls->ssl, tls->validate ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(tls->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls->ssl, keep_session);
    SSL_CTX_set_alpn_protos(tls->ssl, alpn_h2, sizeof alpn_h2);
    if (options->system_store && SSL_CTX_set_default_verify_paths(tls->ssl) != 1) {
        snprintf(error, cap, "cannot load the system's certificate store: %s", reason());
        tls_context_free(tls);
        return NULL;
    }
    if (options->store_path != NULL && !trust_path(tls->ssl, options->store_path)) {
        snprintf(error, cap, "cannot load certificates from %s: %s", options->store_path,
                 file_reason(options->store_path));
        tls_context_free(tls);
        return NULL;
    }
    return tls;
}

void tls_context_free(struct tls_context *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ssl);
    mem_free(MEM_APP, tls);
}
