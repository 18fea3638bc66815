#include "common/engine/grpc_wire.h"

#include "common/base/clock.h"
#include "common/engine/grpc.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

static const struct {
    char unit;
    uint64_t scale;
} timeout_units[] = {
    {'n', 1},        {'u', NS_PER_US},     {'m', NS_PER_MS},
    {'S', NS_PER_S}, {'M', 60 * NS_PER_S}, {'H', 3600 * NS_PER_S},
};

#define TIMEOUT_UNITS (sizeof timeout_units / sizeof timeout_units[0])
#define TIMEOUT_DIGITS_MAX UINT64_C(99999999)
#define TIMEOUT_LIMIT (UINT64_C(1) << 62)

const char *grpc_code_name(int code)
{
    static const char *const names[GRPC_CODES] = {
#define CODE_NAME(name, code) [code] = #name,
        GRPC_STATUS_TABLE(CODE_NAME)
#undef CODE_NAME
    };

    return code >= 0 && code < GRPC_CODES ? names[code] : "?";
}

static const char *const encoding_names[GRPC_ENCODINGS] = {
#define ENCODING_NAME(ident, name) [GRPC_##ident] = (name),
    GRPC_ENCODING_TABLE(ENCODING_NAME)
#undef ENCODING_NAME
};

const char *grpc_encoding_name(enum grpc_encoding encoding)
{
    return encoding_names[encoding];
}

int grpc_encoding_find(const char *name, size_t size)
{
    while (size > 0 && name[size - 1] == ' ')
        size--;
    for (int i = 0; i < GRPC_ENCODINGS; i++) {
        if (strlen(encoding_names[i]) == size && memcmp(encoding_names[i], name, size) == 0)
            return i;
    }
    return -1;
}

bool grpc_timeout_parse(const char *text, size_t size, uint64_t *ns)
{
    uint64_t value = 0;

    if (size < 2 || size > 9)
        return false;
    for (size_t i = 0; i < size - 1; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    for (size_t i = 0; i < TIMEOUT_UNITS; i++) {
        if (text[size - 1] != timeout_units[i].unit)
            continue;
        if (__builtin_mul_overflow(value, timeout_units[i].scale, ns) || *ns > TIMEOUT_LIMIT)
            *ns = TIMEOUT_LIMIT;
        return true;
    }
    return false;
}

size_t grpc_timeout_format(uint64_t ns, char out[GRPC_TIMEOUT_TEXT])
{
    size_t i = 0;
    uint64_t value;

    while (i + 1 < TIMEOUT_UNITS && ns / timeout_units[i].scale >= TIMEOUT_DIGITS_MAX)
        i++;
    value = ns / timeout_units[i].scale + (ns % timeout_units[i].scale != 0);
    if (value > TIMEOUT_DIGITS_MAX)
        value = TIMEOUT_DIGITS_MAX;
    return (size_t)snprintf(out, GRPC_TIMEOUT_TEXT, "%u%c", (unsigned)value, timeout_units[i].unit);
}

size_t grpc_message_encode(const char *text, char *out, size_t cap)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t used = 0;

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = c >= 0x20 && c <= 0x7e && c != '%';

        if (used + (plain ? 1 : 3) >= cap)
            break;
        if (plain) {
            out[used++] = (char)c;
        } else {
            out[used++] = '%';
            out[used++] = hex[c >> 4];
            out[used++] = hex[c & 15];
        }
    }
    out[used] = '\0';
    return used;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Broken escapes stand for themselves, as the protocol asks. */
size_t grpc_message_decode(const char *text, size_t size, char *out, size_t cap)
{
    size_t used = 0;

    for (size_t i = 0; i < size && used + 1 < cap; i++) {
        if (text[i] == '%' && size - i > 2 && hex_digit(text[i + 1]) >= 0 &&
            hex_digit(text[i + 2]) >= 0) {
            out[used++] = (char)(hex_digit(text[i + 1]) << 4 | hex_digit(text[i + 2]));
            i += 2;
        } else {
            out[used++] = text[i];
        }
    }
    out[used] = '\0';
    return used;
}

int grpc_status_parse(const char *text, size_t size)
{
    int value = 0;

    if (size == 0 || size > 3)
        return GRPC_UNKNOWN;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return GRPC_UNKNOWN;
        value = value * 10 + (text[i] - '0');
    }
    return value <= GRPC_UNAUTHENTICATED ? value : GRPC_UNKNOWN;
}

int grpc_code_of_http(int http_status)
{
    switch (http_status) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

int grpc_code_of_h2(uint32_t error_code)
{
    switch (error_code) {
    case NGHTTP2_REFUSED_STREAM:
        return GRPC_UNAVAILABLE;
    case NGHTTP2_CANCEL:
        return GRPC_CANCELLED;
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return GRPC_RESOURCE_EXHAUSTED;
    case NGHTTP2_INADEQUATE_SECURITY:
        return GRPC_PERMISSION_DENIED;
    default:
        return GRPC_INTERNAL;
    }
}

bool grpc_content_type_ok(const char *text, size_t size)
{
    static const char prefix[] = "application/grpc";
    const size_t length = sizeof prefix - 1;

    return size >= length && memcmp(text, prefix, length) == 0 &&
           (size == length || text[length] == '+' || text[length] == ';');
}
