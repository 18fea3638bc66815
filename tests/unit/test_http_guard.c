/* Who may ask, and where the server listens: tokens, framing, hosts, addresses. */
#include "results-server/http_guard.h"
#include "results-server/http_listen.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char why[256];

static struct http_token *token_of(const char *content, bool *usage)
{
    char path[] = "/tmp/flatline-token-XXXXXX";
    int fd = mkstemp(path);
    struct http_token *token;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
    token = http_token_read(path, usage, why, sizeof(why));
    unlink(path);
    return token;
}

static void test_token(void **state)
{
    bool usage;
    struct http_token *token = token_of("correct-horse\nmore\n", &usage);

    (void)state;
    assert_non_null(token);
    assert_true(http_token_fits(token, "Bearer correct-horse"));
    assert_true(http_token_fits(token, "bearer  correct-horse"));
    assert_false(http_token_fits(token, NULL));
    assert_false(http_token_fits(token, ""));
    assert_false(http_token_fits(token, "Bearer"));
    assert_false(http_token_fits(token, "Bearer "));
    assert_false(http_token_fits(token, "Bearer correct-hors"));
    assert_false(http_token_fits(token, "Bearer correct-horsee"));
    assert_false(http_token_fits(token, "Bearer correct-horse "));
    assert_false(http_token_fits(token, "Basic correct-horse"));
    assert_false(http_token_fits(token, "correct-horse"));
    http_token_free(token);
}

static void test_token_bad(void **state)
{
    static const char *const bad[] = {
        "", "\n", "short", "\ncorrect-horse", "correct horse", "correct-h\xc3\xb6rse"};
    char longest[600];
    bool usage = false;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_null(token_of(bad[i], &usage));
        assert_true(usage);
        assert_null(strstr(why, "horse"));
    }
    memset(longest, 'x', sizeof(longest));
    longest[513] = '\0';
    assert_null(token_of(longest, &usage));
    longest[512] = '\0';
    http_token_free(token_of(longest, &usage));
    assert_null(http_token_read("/nowhere/token", &usage, why, sizeof(why)));
    assert_false(usage);
    assert_non_null(strstr(why, "/nowhere/token"));
}

/* Pairs of name and value, ended by NULL. */
static int check(const char *const *headers)
{
    struct http_framing framing = {0};
    const char *because = NULL;
    enum http_refusal refusal;

    for (; *headers != NULL; headers += 2) {
        http_framing_take(&framing, headers[0], strlen(headers[0]), headers[1], strlen(headers[1]));
    }
    refusal = http_framing_check(&framing, &because);
    assert_true((refusal == HTTP_REFUSAL_REQUEST) == (because != NULL));
    return http_refusal_row(refusal)->status;
}

#define CHECK(...) check((const char *const[]){__VA_ARGS__, NULL})

static void test_framing(void **state)
{
    struct http_framing framing = {0};
    const char *because = NULL;

    (void)state;
    assert_int_equal(CHECK("Host", "a"), 0);
    assert_int_equal(CHECK("Content-Length", "0"), 0);
    assert_int_equal(CHECK("content-length", "18446744073709551615"), 0);
    assert_int_equal(CHECK("Transfer-Encoding", "chunked"), 0);
    assert_int_equal(CHECK("Transfer-Encoding", "Chunked"), 0);
    assert_int_equal(CHECK("Content-Length", "5", "Content-Length", "5"), 400);
    assert_int_equal(CHECK("Content-Length", "5", "Content-Length", "6"), 400);
    assert_int_equal(CHECK("Content-Length", "5", "Transfer-Encoding", "chunked"), 400);
    assert_int_equal(CHECK("Transfer-Encoding", "chunked", "transfer-encoding", "chunked"), 400);
    assert_int_equal(CHECK("Transfer-Encoding", "gzip, chunked"), 501);
    assert_int_equal(CHECK("Transfer-Encoding", "identity"), 501);
    assert_int_equal(CHECK("Transfer-Encoding", "chunked "), 501);
    assert_int_equal(CHECK("Content-Length", "+5"), 400);
    assert_int_equal(CHECK("Content-Length", "5, 5"), 400);
    assert_int_equal(CHECK("Content-Length", "0x5"), 400);
    assert_int_equal(CHECK("Content-Length", "18446744073709551616"), 400);
    assert_int_equal(CHECK("Content-Length", ""), 400);
    assert_int_equal(CHECK("Host", "a", "Host", "b"), 400);
    assert_int_equal(CHECK("X", "a\rb"), 400);
    assert_int_equal(CHECK("X ", "a"), 400);
    assert_int_equal(CHECK("", "a"), 400);
    assert_int_equal(CHECK("Transfer-Encoding\t", "chunked"), 400);
    assert_int_equal(CHECK("X", "a\tb"), 0);
    http_framing_take(&framing, "X", 1, "a\0b", 3);
    assert_int_equal(http_framing_check(&framing, &because), HTTP_REFUSAL_REQUEST);
}

static void test_host(void **state)
{
    (void)state;
    assert_true(http_host_is_local("127.0.0.1:9904"));
    assert_true(http_host_is_local("127.0.0.1"));
    assert_true(http_host_is_local("localhost:80"));
    assert_true(http_host_is_local("LocalHost"));
    assert_true(http_host_is_local("[::1]:9904"));
    assert_false(http_host_is_local(NULL));
    assert_false(http_host_is_local(""));
    assert_false(http_host_is_local("evil.example:9904"));
    assert_false(http_host_is_local("127.0.0.1.evil.example"));
    assert_false(http_host_is_local("localhost.evil.example"));
    assert_true(http_origin_is_host("http://127.0.0.1:9904", "127.0.0.1:9904"));
    assert_false(http_origin_is_host("http://evil.example", "127.0.0.1:9904"));
    assert_false(http_origin_is_host("http://127.0.0.1:9905", "127.0.0.1:9904"));
    assert_false(http_origin_is_host("null", "127.0.0.1:9904"));
}

static void test_address(void **state)
{
    static const char *const bad[] = {"",
                                      ":",
                                      "127.0.0.1",
                                      ":9904",
                                      "127.0.0.1:",
                                      "127.0.0.1:x",
                                      "127.0.0.1:65536",
                                      "::1:9904",
                                      "[]:9904",
                                      "127.0.0.1:-1",
                                      "127.0.0.1:9904 ",
                                      "127.0.0.256:1"};
    struct http_address address;

    (void)state;
    assert_true(http_address_parse("127.0.0.1:9904", &address, why, sizeof(why)));
    assert_true(address.loopback);
    assert_false(address.ipv6);
    assert_true(http_address_parse("127.9.9.9:0", &address, why, sizeof(why)));
    assert_true(address.loopback);
    assert_true(http_address_parse("[::1]:9904", &address, why, sizeof(why)));
    assert_true(address.loopback);
    assert_true(address.ipv6);
    assert_string_equal(address.host, "::1");
    assert_true(http_address_parse("0.0.0.0:9904", &address, why, sizeof(why)));
    assert_false(address.loopback);
    assert_true(http_address_parse("[::]:9904", &address, why, sizeof(why)));
    assert_false(address.loopback);
    assert_true(http_address_parse("192.0.2.7:65535", &address, why, sizeof(why)));
    assert_false(address.loopback);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (http_address_parse(bad[i], &address, why, sizeof(why))) {
            fail_msg("'%s' was taken", bad[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token),   cmocka_unit_test(test_token_bad),
        cmocka_unit_test(test_framing), cmocka_unit_test(test_host),
        cmocka_unit_test(test_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
