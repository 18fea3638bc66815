#include "stress-server/certificate.h"

#include "common/base/state_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cmocka.h>

struct scratch {
    char dir[64];
    char cert[96], key[96];
};

static int set_up(void **state)
{
    struct scratch *s = calloc(1, sizeof *s);

    strcpy(s->dir, "/tmp/flatline-cert-XXXXXX");
    if (mkdtemp(s->dir) == NULL)
        return -1;
    snprintf(s->cert, sizeof s->cert, "%s/" STATE_CERT_FILE, s->dir);
    snprintf(s->key, sizeof s->key, "%s/" STATE_KEY_FILE, s->dir);
    *state = s;
    return 0;
}

/* The folder must hold nothing but the pair: rmdir fails on a temporary file left behind. */
static int tear_down(void **state)
{
    struct scratch *s = *state;
    int left;

    unlink(s->cert);
    unlink(s->key);
    left = rmdir(s->dir);
    free(s);
    return left;
}

static void make(const struct scratch *s)
{
    char error[300] = "";

    assert_true(certificate_make(s->dir, NULL, error, sizeof error));
    assert_string_equal(error, "");
}

static X509 *load(const char *path)
{
    FILE *file = fopen(path, "r");
    X509 *cert;

    assert_non_null(file);
    cert = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(cert);
    return cert;
}

static void test_pair_is_usable_and_the_key_private(void **state)
{
    const struct scratch *s = *state;
    struct stat st;

    umask(0);
    make(s);
    assert_true(certificate_usable(s->dir));
    assert_int_equal(stat(s->key, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_names_and_use(void **state)
{
    const struct scratch *s = *state;
    X509 *cert;

    make(s);
    cert = load(s->cert);
    assert_int_equal(X509_check_host(cert, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(cert, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(cert, "::1", 0), 1);
    assert_int_equal(X509_check_host(cert, "example.org", 0, 0, NULL), 0);
    assert_int_equal(X509_check_purpose(cert, X509_PURPOSE_SSL_SERVER, 0), 1);
    assert_int_equal(X509_check_purpose(cert, X509_PURPOSE_SSL_CLIENT, 0), 0);
    X509_free(cert);
}

static void test_one_more_address(void **state)
{
    const struct scratch *s = *state;
    char error[300];
    X509 *cert;

    assert_true(certificate_make(s->dir, "10.81.7.2", error, sizeof error));
    cert = load(s->cert);
    assert_int_equal(X509_check_ip_asc(cert, "10.81.7.2", 0), 1);
    assert_int_equal(X509_check_ip_asc(cert, "10.81.7.3", 0), 0);
    assert_int_equal(X509_check_ip_asc(cert, "127.0.0.1", 0), 1);
    X509_free(cert);
}

static void test_is_its_own_trust_anchor(void **state)
{
    const struct scratch *s = *state;
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509 *cert;

    make(s);
    cert = load(s->cert);
    assert_int_equal(X509_STORE_CTX_init(context, store, cert, NULL), 1);
    assert_int_equal(X509_verify_cert(context), 0);
    X509_STORE_CTX_cleanup(context);
    assert_int_equal(X509_STORE_add_cert(store, cert), 1);
    assert_int_equal(X509_STORE_CTX_init(context, store, cert, NULL), 1);
    X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
    assert_int_equal(X509_verify_cert(context), 1);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    X509_free(cert);
}

static void test_two_pairs_differ(void **state)
{
    const struct scratch *s = *state;
    X509 *one, *two;

    make(s);
    one = load(s->cert);
    make(s);
    two = load(s->cert);
    assert_true(certificate_usable(s->dir));
    assert_int_not_equal(X509_cmp(one, two), 0);
    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(one), X509_get0_serialNumber(two)),
                         0);
    X509_free(one);
    X509_free(two);
}

static void test_what_is_not_usable(void **state)
{
    const struct scratch *s = *state;
    char kept[96], error[300];
    FILE *file;

    assert_false(certificate_usable(s->dir));
    make(s);
    /* The key of another certificate. */
    snprintf(kept, sizeof kept, "%s/kept", s->dir);
    assert_int_equal(rename(s->key, kept), 0);
    assert_false(certificate_usable(s->dir));
    make(s);
    assert_int_equal(rename(kept, s->key), 0);
    assert_false(certificate_usable(s->dir));
    make(s);
    file = fopen(s->cert, "w");
    assert_non_null(file);
    fputs("not a certificate\n", file);
    fclose(file);
    assert_false(certificate_usable(s->dir));
    assert_false(certificate_make("/nonexistent/folder", NULL, error, sizeof error));
    assert_string_equal(error,
                        "cannot make the folder /nonexistent/folder: No such file or directory");
    assert_false(certificate_make("/proc", NULL, error, sizeof error));
    assert_int_equal(strncmp(error, "cannot write /proc/key.pem: ", 28), 0);
}

static void test_an_expired_one_is_not_usable(void **state)
{
    const struct scratch *s = *state;
    FILE *file;
    EVP_PKEY *key;
    X509 *cert;

    make(s);
    cert = load(s->cert);
    file = fopen(s->key, "r");
    key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    file = fopen(s->cert, "w");
    assert_int_equal(PEM_write_X509(file, cert), 1);
    fclose(file);
    assert_false(certificate_usable(s->dir));
    EVP_PKEY_free(key);
    X509_free(cert);
}

static void print_default_serial(int fd)
{
    struct certificate_files files;
    char error[300], text[64] = "";
    X509 *cert;
    BIGNUM *number;
    char *hex;

    if (!certificate_default(&files, error, sizeof error))
        _exit(1);
    cert = load(files.cert);
    number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    hex = BN_bn2hex(number);
    snprintf(text, sizeof text, "%s", hex);
    OPENSSL_free(hex);
    BN_free(number);
    X509_free(cert);
    _exit(write(fd, text, sizeof text) == (ssize_t)sizeof text ? 0 : 1);
}

/* Servers that start at the same moment with an empty state folder get the same pair. */
static void test_the_default_is_made_once(void **state)
{
    enum { CHILDREN = 8 };
    const struct scratch *s = *state;
    char serials[CHILDREN][64], path[160];
    int fds[2], status;

    setenv("XDG_STATE_HOME", s->dir, 1);
    assert_int_equal(pipe(fds), 0);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
            print_default_serial(fds[1]);
    }
    for (int i = 0; i < CHILDREN; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
        assert_int_equal(read(fds[0], serials[i], sizeof serials[i]), sizeof serials[i]);
        assert_string_equal(serials[i], serials[0]);
    }
    close(fds[0]);
    close(fds[1]);
    assert_true(strlen(serials[0]) >= 30);
    snprintf(path, sizeof path, "%s/flatline", s->dir);
    assert_true(certificate_usable(path));
    snprintf(path, sizeof path, "rm -r %s/flatline", s->dir);
    assert_int_equal(system(path), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_pair_is_usable_and_the_key_private),
        CASE(test_names_and_use),
        CASE(test_one_more_address),
        CASE(test_is_its_own_trust_anchor),
        CASE(test_two_pairs_differ),
        CASE(test_what_is_not_usable),
        CASE(test_an_expired_one_is_not_usable),
        CASE(test_the_default_is_made_once),
    };

    return cmocka_run_group_tests_name("server certificate", tests, NULL, NULL);
}
