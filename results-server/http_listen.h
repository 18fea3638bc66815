/* Where the server listens. */
#ifndef FLATLINE_RESULTS_SERVER_HTTP_LISTEN_H
#define FLATLINE_RESULTS_SERVER_HTTP_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct http_address {
    struct sockaddr_storage socket;
    socklen_t size;
    bool loopback;  /* only this machine can reach it */
    char host[256]; /* as it was written, without brackets */
    bool ipv6;
};

/* ADDRESS:PORT, [IPV6]:PORT or NAME:PORT; port 0 to 65535. False with one line in why. */
bool http_address_parse(const char *text, struct http_address *address, char *why, size_t cap);

/* A listening, nonblocking socket, and the port it got; -1 with one line in why. */
int http_listen(const struct http_address *address, int *port, char *why, size_t cap);

/*
 * Raises the soft limit of descriptors to the hard one, and returns how many of the `wanted`
 * connections it allows while enough are left for the store and all else.
 */
unsigned http_listen_room(unsigned wanted);

#endif
