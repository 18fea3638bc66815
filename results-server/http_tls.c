#include "results-server/http_tls.h"

#include "common/base/private_file.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((size_t)1 << 20)

static char *read_file(const char *what, const char *path, char *why, size_t cap)
{
    FILE *file = fopen(path, "re");
    char *text = file == NULL ? NULL : malloc(FILE_LIMIT + 1);
    size_t size = text == NULL ? 0 : fread(text, 1, FILE_LIMIT, file);

    if (text == NULL || ferror(file)) {
        snprintf(why, cap, "cannot read the %s %s: %s", what, path, strerror(errno));
        free(text);
        text = NULL;
    } else {
        text[size] = '\0';
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

static bool is_certificate(const gnutls_datum_t *pem)
{
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    bool good =
        gnutls_x509_crt_list_import2(&list, &count, pem, GNUTLS_X509_FMT_PEM, 0) >= 0 && count > 0;

    for (unsigned i = 0; i < count; i++) {
        gnutls_x509_crt_deinit(list[i]);
    }
    gnutls_free(list);
    return good;
}

static bool is_key(const gnutls_datum_t *pem)
{
    gnutls_x509_privkey_t key;
    bool good;

    if (gnutls_x509_privkey_init(&key) != 0) {
        return false;
    }
    good = gnutls_x509_privkey_import2(key, pem, GNUTLS_X509_FMT_PEM, NULL, 0) == 0;
    gnutls_x509_privkey_deinit(key);
    return good;
}

/* 0, or GnuTLS' error. */
static int try_pair(const gnutls_datum_t *cert, const gnutls_datum_t *key)
{
    gnutls_certificate_credentials_t credentials;
    int error = gnutls_certificate_allocate_credentials(&credentials);

    if (error == 0) {
        error = gnutls_certificate_set_x509_key_mem(credentials, cert, key, GNUTLS_X509_FMT_PEM);
        gnutls_certificate_free_credentials(credentials);
    }
    return error < 0 ? error : 0;
}

static gnutls_datum_t datum(char *text)
{
    return (gnutls_datum_t){.data = (unsigned char *)text, .size = (unsigned)strlen(text)};
}

static bool check(const char *cert_path, const char *key_path, char *cert, char *key, char *why,
                  size_t cap)
{
    gnutls_datum_t cert_datum = datum(cert), key_datum = datum(key);
    int error;

    if (!is_certificate(&cert_datum)) {
        snprintf(why, cap, "no certificate in PEM in %s", cert_path);
        return false;
    }
    if (!is_key(&key_datum)) {
        snprintf(why, cap, "no key in PEM without a password in %s", key_path);
        return false;
    }
    error = try_pair(&cert_datum, &key_datum);
    if (error == GNUTLS_E_CERTIFICATE_KEY_MISMATCH) {
        snprintf(why, cap, "the key in %s is not that of the certificate in %s", key_path,
                 cert_path);
    } else if (error != 0) {
        snprintf(why, cap, "cannot use %s with %s: %s", cert_path, key_path,
                 gnutls_strerror(error));
    }
    return error == 0;
}

bool http_tls_read(const char *cert_path, const char *key_path, char **cert, char **key,
                   bool *usage, char *why, size_t cap)
{
    *usage = false;
    *key = NULL;
    *cert = read_file("certificate", cert_path, why, cap);
    if (*cert != NULL) {
        private_file_check_path("private key", key_path);
        *key = read_file("key", key_path, why, cap);
    }
    if (*key != NULL) {
        if (check(cert_path, key_path, *cert, *key, why, cap)) {
            return true;
        }
        *usage = true;
    }
    free(*cert);
    free(*key);
    *cert = NULL;
    *key = NULL;
    return false;
}
