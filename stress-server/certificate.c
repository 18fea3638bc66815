#include "stress-server/certificate.h"

#include "common/base/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY 86400L
#define VALID_DAYS 397
/* What a client may call it. */
#define NAMES "DNS:localhost,IP:127.0.0.1,IP:::1"
#define ADDRESS ",IP:"
#define SERIAL_BITS 127 /* positive in at most 16 octets */

static bool join(char *out, size_t cap, const char *dir, const char *prefix, const char *name)
{
    int n = snprintf(out, cap, "%s/%s%s", dir, prefix, name);

    return n > 0 && (size_t)n < cap;
}

static bool add_extension(X509 *cert, X509V3_CTX *context, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
    bool added = extension != NULL && X509_add_ext(cert, extension, -1) == 1;

    X509_EXTENSION_free(extension);
    return added;
}

static bool set_serial(X509 *cert)
{
    BIGNUM *number = BN_new();
    bool set = number != NULL &&
               BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
               BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;

    BN_free(number);
    return set;
}

/*
 * Not a CA, and without a key usage: strict verifiers refuse a CA as a server's own certificate,
 * and a key usage without certificate signing would deny that it signed itself.
 */
static bool fill_certificate(X509 *cert, EVP_PKEY *key, const char *address)
{
    X509_NAME *name = X509_get_subject_name(cert);
    char names[sizeof NAMES + sizeof ADDRESS + INET6_ADDRSTRLEN] = NAMES;
    X509V3_CTX context;

    if (address != NULL)
        snprintf(names + strlen(names), sizeof names - strlen(names), ADDRESS "%s", address);

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
    return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
           X509_gmtime_adj(X509_getm_notBefore(cert), -DAY) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(cert), VALID_DAYS * DAY) != NULL &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                      (const unsigned char *)"flatline stress-server", -1, -1,
                                      0) == 1 &&
           X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1 &&
           add_extension(cert, &context, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(cert, &context, NID_ext_key_usage, "serverAuth") &&
           add_extension(cert, &context, NID_subject_key_identifier, "hash") &&
           /* So that whoever trusts several of ours, all of one name, can tell whose it is. */
           add_extension(cert, &context, NID_authority_key_identifier, "keyid:always") &&
           add_extension(cert, &context, NID_subject_alt_name, names) &&
           X509_sign(cert, key, EVP_sha256()) > 0;
}

static X509 *new_certificate(EVP_PKEY *key, const char *address)
{
    X509 *cert = X509_new();

    if (cert != NULL && fill_certificate(cert, key, address))
        return cert;
    X509_free(cert);
    return NULL;
}

static bool write_pem(FILE *file, X509 *cert, EVP_PKEY *key)
{
    if (key != NULL)
        return PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
    return PEM_write_X509(file, cert) == 1;
}

/* Writes either the certificate or the key to dir/name, by way of a temporary file. */
static bool put_file(const char *dir, const char *name, X509 *cert, EVP_PKEY *key, char *error,
                     size_t cap)
{
    char path[PATH_MAX], temporary[PATH_MAX], prefix[32];
    FILE *file = NULL;
    bool done = false;
    int fd = -1;

    snprintf(prefix, sizeof prefix, ".%ld.", (long)getpid());
    errno = ENAMETOOLONG;
    if (join(path, sizeof path, dir, "", name) &&
        join(temporary, sizeof temporary, dir, prefix, name)) {
        unlink(temporary);
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, key != NULL ? 0600 : 0644);
    }
    if (fd >= 0 && (file = fdopen(fd, "w")) == NULL)
        close(fd);
    if (file != NULL) {
        done = write_pem(file, cert, key) && fflush(file) == 0 && fsync(fd) == 0;
        done = fclose(file) == 0 && done && rename(temporary, path) == 0;
    }
    if (!done) {
        snprintf(error, cap, "cannot write %s/%s: %s", dir, name, strerror(errno));
        if (fd >= 0)
            unlink(temporary);
    }
    return done;
}

bool certificate_make(const char *dir, const char *address, char *error, size_t cap)
{
    EVP_PKEY *key = NULL;
    X509 *cert = NULL;
    bool done = false;

    if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
        snprintf(error, cap, "cannot make the folder %s: %s", dir, strerror(errno));
        return false;
    }
    key = EVP_EC_gen("P-256");
    if (key != NULL)
        cert = new_certificate(key, address);
    if (cert == NULL)
        snprintf(error, cap, "OpenSSL could not make a certificate");
    else
        done = put_file(dir, STATE_KEY_FILE, NULL, key, error, cap) &&
               put_file(dir, STATE_CERT_FILE, cert, NULL, error, cap);
    X509_free(cert);
    EVP_PKEY_free(key);
    return done;
}

static FILE *open_in(const char *dir, const char *name)
{
    char path[PATH_MAX];

    return join(path, sizeof path, dir, "", name) ? fopen(path, "re") : NULL;
}

bool certificate_usable(const char *dir)
{
    FILE *cert_file = open_in(dir, STATE_CERT_FILE), *key_file = open_in(dir, STATE_KEY_FILE);
    X509 *cert = cert_file != NULL ? PEM_read_X509(cert_file, NULL, NULL, NULL) : NULL;
    EVP_PKEY *key = key_file != NULL ? PEM_read_PrivateKey(key_file, NULL, NULL, NULL) : NULL;
    time_t tomorrow = time(NULL) + DAY;
    bool usable = cert != NULL && key != NULL && X509_check_private_key(cert, key) == 1 &&
                  X509_cmp_time(X509_get0_notAfter(cert), &tomorrow) > 0;

    EVP_PKEY_free(key);
    X509_free(cert);
    if (key_file != NULL)
        fclose(key_file);
    if (cert_file != NULL)
        fclose(cert_file);
    return usable;
}
