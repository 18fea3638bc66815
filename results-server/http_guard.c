#include "results-server/http_guard.h"

#include "common/base/private_file.h"
#include "common/base/units.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define TOKEN_LEAST 8
#define TOKEN_MOST 512
#define DIGEST_SIZE 32

struct http_token {
    unsigned char digest[DIGEST_SIZE];
};

static bool digest_of(const char *text, size_t size, unsigned char *digest)
{
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, text, size, digest) == 0;
}

static bool is_visible(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text >= 0x7f) {
            return false;
        }
    }
    return true;
}

/* The first line, without its end; -1 with errno. */
static ssize_t read_line(const char *path, char *line, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size;

    if (fd < 0) {
        return -1;
    }
    private_file_check(fd, "token", path);
    size = read(fd, line, cap - 1);
    close(fd);
    if (size >= 0) {
        line[size] = '\0';
        line[strcspn(line, "\r\n")] = '\0';
    }
    return size;
}

struct http_token *http_token_read(const char *path, bool *usage, char *why, size_t cap)
{
    char line[TOKEN_MOST + 3];
    struct http_token *token;
    size_t size;

    *usage = false;
    if (read_line(path, line, sizeof(line)) < 0) {
        snprintf(why, cap, "cannot read the token in %s: %s", path, strerror(errno));
        return NULL;
    }
    size = strlen(line);
    if (size < TOKEN_LEAST || size > TOKEN_MOST || !is_visible(line)) {
        *usage = true;
        snprintf(why, cap, "the first line of %s is no token (%d to %d visible ASCII characters)",
                 path, TOKEN_LEAST, TOKEN_MOST);
        return NULL;
    }
    token = malloc(sizeof(*token));
    if (token == NULL || !digest_of(line, size, token->digest)) {
        snprintf(why, cap, "cannot keep the token: no memory");
        free(token);
        token = NULL;
    }
    gnutls_memset(line, 0, sizeof(line));
    return token;
}

void http_token_free(struct http_token *token)
{
    free(token);
}

bool http_token_fits(const struct http_token *token, const char *authorization)
{
    static const char scheme[] = "Bearer ";
    unsigned char digest[DIGEST_SIZE];
    const char *text;

    if (authorization == NULL || strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0) {
        return false;
    }
    text = authorization + sizeof(scheme) - 1;
    text += strspn(text, " ");
    return digest_of(text, strlen(text), digest) &&
           gnutls_memcmp(digest, token->digest, DIGEST_SIZE) == 0;
}

static bool is_name(const char *name, size_t size, const char *wanted)
{
    return size == strlen(wanted) && strncasecmp(name, wanted, size) == 0;
}

/* A token of RFC 9110, section 5.6.2. A blank before the colon, which libmicrohttpd takes for a
 * part of the name, is what other readers overlook. */
static bool is_field_name(const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (name[i] <= ' ' || name[i] >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", name[i]) != NULL) {
            return false;
        }
    }
    return size > 0;
}

void http_framing_take(struct http_framing *framing, const char *name, size_t name_size,
                       const char *value, size_t value_size)
{
    framing->unprintable |= !is_field_name(name, name_size);
    for (size_t i = 0; i < value_size; i++) {
        if ((unsigned char)value[i] < ' ' && value[i] != '\t') {
            framing->unprintable = true;
        }
    }
    if (is_name(name, name_size, "content-length")) {
        framing->lengths++;
        framing->has_length = units_parse_u64(value == NULL ? "" : value, &framing->length);
    } else if (is_name(name, name_size, "transfer-encoding")) {
        framing->codings++;
        framing->chunked = is_name(value, value_size, "chunked");
    } else if (is_name(name, name_size, "host")) {
        framing->hosts++;
        framing->host = value;
    } else if (is_name(name, name_size, "origin")) {
        framing->origin = value;
    }
}

enum http_refusal http_framing_check(const struct http_framing *framing, const char **why)
{
    *why = NULL;
    if (framing->unprintable) {
        *why = "a header has control characters, or a name that is none";
    } else if (framing->lengths > 1 || framing->codings > 1) {
        *why = "the request says twice how long its body is";
    } else if (framing->lengths == 1 && framing->codings == 1) {
        *why = "the request has both Content-Length and Transfer-Encoding";
    } else if (framing->hosts > 1) {
        *why = "the request has two Host headers";
    } else if (framing->lengths == 1 && !framing->has_length) {
        *why = "Content-Length is no number of bytes";
    } else if (framing->codings == 1 && !framing->chunked) {
        return HTTP_REFUSAL_CODING;
    } else {
        return HTTP_REFUSAL_NONE;
    }
    return HTTP_REFUSAL_REQUEST;
}

/* Copies the host without its port and brackets; false if it is too long to be a local one. */
static bool host_name(const char *host, char *name, size_t cap)
{
    bool bracket = *host == '[';
    size_t size;

    host += bracket;
    size = strcspn(host, bracket ? "]" : ":");
    if (size >= cap) {
        return false;
    }
    memcpy(name, host, size);
    name[size] = '\0';
    return true;
}

bool http_host_is_local(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    char name[INET6_ADDRSTRLEN];

    return host != NULL && host_name(host, name, sizeof(name)) &&
           (strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, address) == 1 ||
            inet_pton(AF_INET6, name, address) == 1);
}

bool http_origin_is_host(const char *origin, const char *host)
{
    const char *slashes = strstr(origin, "://");

    return slashes != NULL && host != NULL && strcasecmp(slashes + 3, host) == 0;
}
