/*
 * Distance by the kernel: two network namespaces, joined by a veth pair whose ends delay what they
 * send (tc-netem(8)). The alternative to a delay line (delay.h) where the host allows it: root, ip
 * and tc of iproute2, a kernel with sch_netem. Nothing of it outlives the two processes that hold
 * the namespaces, and those end with the driver.
 *
 * UNTESTED as a whole: no machine that this was made on has a kernel with sch_netem. The
 * namespaces, the pair and its addresses are tested, and that the commands for tc are what its
 * manual asks for.
 */
#ifndef FLATLINE_DRIVER_NETEM_H
#define FLATLINE_DRIVER_NETEM_H

#include "driver/guardian.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct netem;

enum netem_side { NETEM_NEAR, NETEM_FAR }; /* of clients; of their server */

#define NETEM_ADDRESS_NEAR "10.78.0.1"
#define NETEM_ADDRESS_FAR "10.78.0.2"

struct netem_settings {
    uint64_t rtt_ns;      /* half of it in each direction */
    uint64_t jitter_ns;   /* of each direction */
    uint64_t bytes_per_s; /* in each direction; 0: no limit */
    bool plain;           /* no tc at all: the pair alone */
};

#define NETEM_WORDS 32
#define NETEM_WORD 40

/* One command of those that join the two namespaces, ended by an empty word. */
struct netem_command {
    char words[NETEM_WORDS][NETEM_WORD];
};

/* Command k, from 0, where a process lives in each namespace; false: there are no more. */
bool netem_command(const struct netem_settings *settings, const pid_t holders[2], unsigned k,
                   struct netem_command *out);

/*
 * log_path takes what the commands say. NULL: *error holds one line, which says what this host
 * lacks. guardian and log_path outlive it.
 */
struct netem *netem_new(const struct netem_settings *settings, struct guardian *guardian,
                        const char *log_path, char *error, size_t cap);
void netem_free(struct netem *n);

/*
 * The words that make of a program's argv one that runs on that side ("nsenter", ...), ended by
 * NULL; they live as long as n. The process stays the one that was started.
 */
char *const *netem_prefix(const struct netem *n, enum netem_side side);

/* A TCP socket (IPv4, close-on-exec) that lives on that side; -1 with errno. */
int netem_socket(const struct netem *n, enum netem_side side);

#endif
