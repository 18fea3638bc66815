#include "driver/pss.h"

#include "common/base/clock.h"
#include "common/base/thread.h"
#include "driver/proc.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A reading is one word, so that pid and value belong together: pid below 2^22, KiB above. */
#define PID_BITS 22
#define PID_MASK ((UINT64_C(1) << PID_BITS) - 1)

/* Of a thousand processes all would cost several hundredths of a core. */
#define PAUSE_LEAST_MS 25

struct slot {
    atomic_int pid;
    atomic_uint_fast64_t reading; /* 0: none */
};

struct pss {
    pthread_t thread;
    int stop_fd;
    int pause_ms; /* between two slots */
    size_t count;
    struct slot slots[];
};

static void read_slot(struct slot *slot)
{
    pid_t pid = atomic_load(&slot->pid);
    int64_t bytes;

    if (pid != 0 && proc_read_pss(pid, &bytes))
        atomic_store(&slot->reading, (uint64_t)bytes / 1024 << PID_BITS | (uint64_t)pid);
}

static void *run(void *arg)
{
    struct pss *pss = arg;
    struct pollfd stop = {.fd = pss->stop_fd, .events = POLLIN};

    for (size_t i = 0; poll(&stop, 1, pss->pause_ms) <= 0; i = (i + 1) % pss->count)
        read_slot(&pss->slots[i]);
    return NULL;
}

struct pss *pss_new(size_t slots, uint64_t period_ns)
{
    struct pss *pss = calloc(1, sizeof *pss + slots * sizeof *pss->slots);

    if (pss == NULL)
        return NULL;
    pss->count = slots;
    pss->pause_ms = (int)(period_ns / slots / NS_PER_MS);
    if (pss->pause_ms < PAUSE_LEAST_MS)
        pss->pause_ms = PAUSE_LEAST_MS;
    pss->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (pss->stop_fd < 0) {
        free(pss);
        return NULL;
    }
    errno = thread_start(&pss->thread, 0, run, pss);
    if (errno != 0) {
        close(pss->stop_fd);
        free(pss);
        return NULL;
    }
    return pss;
}

void pss_free(struct pss *pss)
{
    if (pss == NULL)
        return;
    eventfd_write(pss->stop_fd, 1);
    pthread_join(pss->thread, NULL);
    close(pss->stop_fd);
    free(pss);
}

void pss_watch(struct pss *pss, size_t i, pid_t pid)
{
    atomic_store(&pss->slots[i].pid, pid);
}

bool pss_take(struct pss *pss, size_t i, pid_t pid, int64_t *bytes)
{
    uint64_t reading = atomic_exchange(&pss->slots[i].reading, 0);

    /* A reading of an earlier process in this slot is nobody's. */
    if (reading == 0 || (reading & PID_MASK) != (uint64_t)pid)
        return false;
    *bytes = (int64_t)(reading >> PID_BITS) * 1024;
    return true;
}
