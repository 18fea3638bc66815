#include "results-server/http_listen.h"

#include "common/base/units.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define KEPT_DESCRIPTORS 256 /* for the store, exports, and programs that are started */

static bool is_loopback(const struct sockaddr *socket)
{
    if (socket->sa_family == AF_INET6) {
        return IN6_IS_ADDR_LOOPBACK(
            &((const struct sockaddr_in6 *)(const void *)socket)->sin6_addr);
    }
    return ntohl(((const struct sockaddr_in *)(const void *)socket)->sin_addr.s_addr) >> 24 == 127;
}

/* Splits behind the last colon; an address of IPv6 needs brackets, since it has colons itself. */
static bool split(const char *text, struct http_address *address, const char **port)
{
    const char *colon = strrchr(text, ':');
    size_t size = colon == NULL ? 0 : (size_t)(colon - text);

    if (size > 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    } else if (memchr(text, ':', size) != NULL) {
        return false;
    }
    if (size == 0 || size >= sizeof(address->host)) {
        return false;
    }
    memcpy(address->host, text, size);
    address->host[size] = '\0';
    *port = colon + 1;
    return true;
}

bool http_address_parse(const char *text, struct http_address *address, char *why, size_t cap)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    const char *port;
    uint64_t number;
    int error;

    if (!split(text, address, &port) || !units_parse_u64(port, &number) || number > 65535) {
        snprintf(why, cap, "'%s' is not ADDRESS:PORT, such as 127.0.0.1:9904 or [::1]:9904", text);
        return false;
    }
    error = getaddrinfo(address->host, port, &hints, &found);
    if (error != 0) {
        snprintf(why, cap, "'%s' is no address here: %s", address->host, gai_strerror(error));
        return false;
    }
    memcpy(&address->socket, found->ai_addr, found->ai_addrlen);
    address->size = found->ai_addrlen;
    address->ipv6 = found->ai_family == AF_INET6;
    address->loopback = is_loopback(found->ai_addr);
    freeaddrinfo(found);
    return true;
}

static bool port_of(int fd, int *port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound = {.v6 = {0}};
    socklen_t size = sizeof(bound);

    if (getsockname(fd, &bound.any, &size) != 0) {
        return false;
    }
    *port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
    return true;
}

int http_listen(const struct http_address *address, int *port, char *why, size_t cap)
{
    int fd =
        socket(address->ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(fd, (const struct sockaddr *)&address->socket, address->size) == 0 &&
        listen(fd, SOMAXCONN) == 0 && port_of(fd, port)) {
        return fd;
    }
    snprintf(why, cap, "cannot listen at %s: %s", address->host, strerror(errno));
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

unsigned http_listen_room(unsigned wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return wanted;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t before = limit.rlim_cur;

        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            limit.rlim_cur = before;
        }
    }
    if (limit.rlim_cur >= (rlim_t)wanted + KEPT_DESCRIPTORS) {
        return wanted;
    }
    return limit.rlim_cur > 2 * KEPT_DESCRIPTORS ? (unsigned)limit.rlim_cur - KEPT_DESCRIPTORS
                                                 : KEPT_DESCRIPTORS / 2;
}
