/*
 * Connections that were answered before their request was read to its end. To close one at once
 * would make the kernel send a reset for what is still on its way, and the reset makes the client's
 * kernel throw the answer away (RFC 9112, section 9.6). So what comes is read and thrown away for a
 * moment.
 */
#ifndef FLATLINE_RESULTS_SERVER_HTTP_LINGER_H
#define FLATLINE_RESULTS_SERVER_HTTP_LINGER_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_LINGER_MAX 64 /* beyond them a connection is closed at once */

struct http_linger {
    size_t count;
    int fd[HTTP_LINGER_MAX];
    uint64_t until_ns[HTTP_LINGER_MAX];
};

/* Keeps the connection open beyond the closing of fd by its owner. */
void http_linger_add(struct http_linger *linger, int fd);
/* Reads what came, closes what is over. */
void http_linger_run(struct http_linger *linger);
void http_linger_end(struct http_linger *linger);

#endif
