/* One connection through the forwarder (delay_forward.h), which is made of these. */
#ifndef FLATLINE_DRIVER_DELAY_PAIR_H
#define FLATLINE_DRIVER_DELAY_PAIR_H

#include "common/base/due_heap.h"
#include "driver/delay_forward.h"

#include <sys/socket.h>

#define DELAY_READ 65536

/* What all pairs of a forwarder share. */
struct delay_shared {
    struct ev_loop *loop;
    struct sockaddr_storage to;
    socklen_t to_size;
    struct delay_link up, down;
    struct due_heap heap;
    struct delay_pair *pairs;
    struct delay_stats stats;
    unsigned char buffer[DELAY_READ];
};

/* Takes fd, a connection that was just accepted. False: no memory, and fd is closed. */
bool delay_pair_add(struct delay_shared *shared, int fd, uint64_t now_ns);

/* Does what is due of whoever is due. */
void delay_pair_run(struct due *due, uint64_t now_ns);

void delay_pair_mute_all(struct delay_shared *shared);
void delay_pair_free_all(struct delay_shared *shared);

#endif
