#include "driver/sweep/free_port.h"

#include "common/base/rng.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOWEST 20000
#define HIGHEST 31999
#define TRIES 200

/* 0, or why not: an errno. */
static int try_port(int port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int why = 0;

    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        why = errno;
    if (fd >= 0)
        close(fd);
    return why;
}

int free_port(char *error, size_t cap)
{
    struct rng rng = {rng_seed_random(), 0};
    int why = 0;

    for (int tries = 0; tries < TRIES; tries++) {
        int port = (int)rng_range(&rng, LOWEST, HIGHEST);

        why = try_port(port);
        if (why == 0)
            return port;
    }
    snprintf(error, cap, "no free port on 127.0.0.1 between %d and %d: %s", LOWEST, HIGHEST,
             strerror(why));
    return 0;
}
