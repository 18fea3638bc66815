#include "common/engine/tls_internal.h"
#include "common/engine/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>

/* Sorts out what an OpenSSL call meant; the error queue is left empty. */
static enum io_status outcome(struct transport *t, int rv)
{
    int saved = errno;
    int kind = SSL_get_error(t->ssl, rv);
    unsigned long code = ERR_peek_last_error();

    ERR_clear_error();
    switch (kind) {
    case SSL_ERROR_WANT_READ:
        t->want_write = false;
        return IO_RETRY;
    case SSL_ERROR_WANT_WRITE:
        t->want_write = true;
        return IO_RETRY;
    case SSL_ERROR_ZERO_RETURN:
        /* The peer went away in the middle: a loss, not a fault of its TLS. */
        t->error_number = ECONNRESET;
        return IO_ERROR;
    case SSL_ERROR_SYSCALL:
        t->error_number = saved != 0 ? saved : ECONNRESET;
        return IO_ERROR;
    default:
        if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) {
            t->error_number = ENOMEM;
            return IO_ERROR;
        }
        t->error_number = 0;
        t->error_text = ERR_reason_error_string(code);
        if (t->error_text == NULL)
            t->error_text = "unknown TLS error";
        return IO_ERROR;
    }
}

static void explain_certificate(struct transport *t)
{
    long verify = SSL_get_verify_result(t->ssl);

    if (!SSL_is_server(t->ssl) && verify != X509_V_OK &&
        SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE) {
        t->certificate_error = true;
        t->error_number = 0;
        t->error_text = X509_verify_cert_error_string(verify);
    }
}

/* The server refuses a handshake without h2 itself; a client must look at what it was given. */
static enum io_status check_alpn(struct transport *t)
{
    const unsigned char *name;
    unsigned size;

    SSL_get0_alpn_selected(t->ssl, &name, &size);
    if (size == 2 && memcmp(name, "h2", 2) == 0)
        return IO_OK;
    t->error_number = 0;
    t->error_text = "the peer does not speak HTTP/2 (no ALPN h2)";
    return IO_ERROR;
}

static enum io_status tls_handshake(struct transport *t)
{
    enum io_status status;
    int rv;

    ERR_clear_error();
    errno = 0;
    rv = SSL_do_handshake(t->ssl);
    if (rv == 1)
        return check_alpn(t);
    status = outcome(t, rv);
    if (status == IO_ERROR)
        explain_certificate(t);
    return status;
}

static enum io_status tls_read(struct transport *t, uint8_t *data, size_t cap, size_t *n)
{
    int rv;

    errno = 0;
    if (SSL_read_ex(t->ssl, data, cap, n) == 1)
        return IO_OK;
    rv = 0;
    if (SSL_get_error(t->ssl, rv) == SSL_ERROR_ZERO_RETURN) {
        ERR_clear_error();
        *n = 0;
        return IO_OK;
    }
    return outcome(t, rv);
}

/* OpenSSL reads ahead: a record that was not a full one, and nothing behind it. */
static bool tls_is_drained(const struct transport *t, size_t cap, size_t n)
{
    (void)cap;
    return n < SSL3_RT_MAX_PLAIN_LENGTH && SSL_has_pending(t->ssl) == 0;
}

static enum io_status tls_write(struct transport *t, const uint8_t *data, size_t size, size_t *n)
{
    errno = 0;
    if (SSL_write_ex(t->ssl, data, size, n) == 1)
        return IO_OK;
    return outcome(t, 0);
}

static void tls_shutdown(struct transport *t)
{
    if (SSL_is_init_finished(t->ssl))
        SSL_shutdown(t->ssl);
    ERR_clear_error();
    shutdown(t->fd, SHUT_WR);
}

/*
 * To OpenSSL a session is spoilt when its connection ends without our close_notify, as where the
 * peer was faster; it is not (RFC 5246, section 7.2.1).
 */
static void tls_release(struct transport *t)
{
    SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    t->ssl = NULL;
}

static const struct transport_ops tls_ops = {
    .handshake = tls_handshake,
    .read = tls_read,
    .is_drained = tls_is_drained,
    .write = tls_write,
    .shutdown = tls_shutdown,
    .release = tls_release,
};

static bool is_address(const char *host)
{
    struct in6_addr any;

    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

/* SNI carries names only (RFC 6066, section 3); an address is checked against the IP SANs. */
static bool expect_host(SSL *ssl, const char *host, bool validate)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    if (is_address(host))
        return !validate || X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    if (SSL_set_tlsext_host_name(ssl, host) != 1)
        return false;
    return !validate || SSL_set1_host(ssl, host) == 1;
}

/* tls.c's callback finds the place again. */
static bool offer_session(SSL *ssl, SSL_SESSION **session)
{
    if (session == NULL)
        return true;
    return SSL_set_app_data(ssl, session) == 1 &&
           (*session == NULL || SSL_set_session(ssl, *session) == 1);
}

bool transport_init_tls(struct transport *t, int fd, const struct tls_context *tls,
                        const char *host, SSL_SESSION **session)
{
    SSL *ssl = SSL_new(tls->ssl);

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 ||
        (host != NULL && !expect_host(ssl, host, tls->validate)) || !offer_session(ssl, session)) {
        SSL_free(ssl);
        ERR_clear_error();
        return false;
    }
    if (host != NULL)
        SSL_set_connect_state(ssl);
    else
        SSL_set_accept_state(ssl);
    *t = (struct transport){.ops = &tls_ops, .fd = fd, .ssl = ssl};
    return true;
}

bool transport_resumed(const struct transport *t)
{
    return t->ssl != NULL && SSL_session_reused(t->ssl) == 1;
}

uint64_t transport_peer_certificate(const struct transport *t)
{
    X509 *certificate = t->ssl == NULL ? NULL : SSL_get0_peer_certificate(t->ssl);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size;
    uint64_t number = 0;

    if (certificate == NULL || X509_digest(certificate, EVP_sha256(), digest, &size) != 1) {
        ERR_clear_error();
        return 0;
    }
    for (int i = 0; i < 8; i++)
        number = number << 8 | digest[i];
    return number >> 1;
}
