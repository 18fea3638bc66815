#include "common/contract/page.h"

#include "common/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_MAGIC 0x4c464c50u /* "PLFL" */
#define PAGE_VERSION 1u
#define READ_TRIES \
    1000 /* a writer killed inside its critical section leaves the lock odd for good */

struct page {
    uint32_t magic;
    uint32_t version;
    atomic_uint_fast64_t sequence; /* odd while the snapshot is written */
    struct page_snapshot snapshots[2];
    atomic_uint_fast64_t event_head; /* number of events ever put */
    struct page_event events[PAGE_EVENTS];
    atomic_uint obituary_state; /* 0 none, 1 being written, 2 complete */
    char obituary[PAGE_OBITUARY];
    struct {
        uint64_t op;
        uint64_t argument;
        atomic_uint_fast64_t number;
        uint64_t result;
        atomic_uint_fast64_t acknowledged;
    } command;
};

static const struct {
    const char *name, *text;
} event_table[PAGE_EVENT_KINDS] = {
#define PAGE_EVENT_ROW(ident, name, text) [PAGE_##ident] = {name, text},
    PAGE_EVENT_TABLE(PAGE_EVENT_ROW)
#undef PAGE_EVENT_ROW
};

const char *page_event_name(enum page_event_kind kind)
{
    return event_table[kind].name;
}

const char *page_event_text(enum page_event_kind kind)
{
    return event_table[kind].text;
}

bool page_event_is_loss(enum page_event_kind kind)
{
    return kind <= PAGE_LOSS_OTHER;
}

bool page_event_is_error(enum page_event_kind kind)
{
    return kind >= PAGE_ERROR_PAYLOAD;
}

static struct page *map_page(int fd)
{
    void *at = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return at == MAP_FAILED ? NULL : at;
}

/* Of its size for good: a child that cut it short would take its reader down with SIGBUS. */
static bool set_size(int memfd)
{
    return ftruncate(memfd, sizeof(struct page)) == 0 &&
           fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
}

struct page *page_create(int *fd)
{
    struct page *page;
    int memfd = memfd_create("flatline-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (memfd < 0)
        return NULL;
    if (!set_size(memfd) || (page = map_page(memfd)) == NULL) {
        int saved = errno;

        close(memfd);
        errno = saved;
        return NULL;
    }
    page->magic = PAGE_MAGIC;
    page->version = PAGE_VERSION;
    *fd = memfd;
    return page;
}

struct page *page_attach(int fd)
{
    struct page *page;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return NULL;
    if (st.st_size != (off_t)sizeof *page) {
        errno = EPROTO;
        return NULL;
    }
    page = map_page(fd);
    if (page != NULL && (page->magic != PAGE_MAGIC || page->version != PAGE_VERSION)) {
        page_free(page);
        errno = EPROTO;
        return NULL;
    }
    return page;
}

void page_free(struct page *page)
{
    if (page != NULL)
        munmap(page, sizeof *page);
}

/*
 * Two slots, so that a writer killed half-way leaves the previous snapshot whole: sequence 2n says
 * that slot n % 2 is complete; 2n + 1 says that slot (n + 1) % 2 is being written and slot n % 2
 * still holds.
 */
void page_publish(struct page *page, struct page_snapshot *snapshot)
{
    uint64_t n = atomic_load_explicit(&page->sequence, memory_order_relaxed) >> 1;

    snapshot->time_ns = clock_now_ns();
    snapshot->heartbeat = n + 1;
    atomic_store_explicit(&page->sequence, 2 * n + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    memcpy(&page->snapshots[(n + 1) % 2], snapshot, sizeof *snapshot);
    atomic_store_explicit(&page->sequence, 2 * (n + 1), memory_order_release);
}

static bool read_first(const struct page *page, struct page_snapshot *out, size_t bytes)
{
    for (int i = 0; i < READ_TRIES; i++) {
        uint64_t n = atomic_load_explicit(&page->sequence, memory_order_acquire) >> 1;

        if (n == 0)
            return false;
        memcpy(out, &page->snapshots[n % 2], bytes);
        atomic_thread_fence(memory_order_acquire);
        /* Slot n % 2 is only touched again while the sequence is 2(n + 1) + 1. */
        if (atomic_load_explicit(&page->sequence, memory_order_relaxed) <= 2 * (n + 1))
            return true;
    }
    return false;
}

bool page_read(const struct page *page, struct page_snapshot *out)
{
    return read_first(page, out, sizeof *out);
}

bool page_read_values(const struct page *page, struct page_snapshot *out)
{
    return read_first(page, out, offsetof(struct page_snapshot, rtt));
}

void page_put_event(struct page *page, enum page_event_kind kind, uint32_t connection,
                    int32_t detail)
{
    uint64_t head = atomic_load_explicit(&page->event_head, memory_order_relaxed);
    struct page_event *event = &page->events[head % PAGE_EVENTS];

    event->time_ns = clock_now_ns();
    event->kind = kind;
    event->connection = connection;
    event->detail = detail;
    atomic_store_explicit(&page->event_head, head + 1, memory_order_release);
}

size_t page_take_events(const struct page *page, struct page_cursor *cursor, struct page_event *out,
                        size_t cap)
{
    uint64_t head = atomic_load_explicit(&page->event_head, memory_order_acquire), first, after;
    size_t n = 0, skip = 0;

    /* It cannot have put fewer than before: somebody has scribbled over the ring. */
    if (head < cursor->next)
        cursor->next = head;
    /* The slot at head may be under the producer's pen, so one less than the ring is safe to read.
     */
    if (head - cursor->next > PAGE_EVENTS - 1) {
        cursor->lost += head - cursor->next - (PAGE_EVENTS - 1);
        cursor->next = head - (PAGE_EVENTS - 1);
    }
    first = cursor->next;
    while (cursor->next < head && n < cap)
        out[n++] = page->events[cursor->next++ % PAGE_EVENTS];
    atomic_thread_fence(memory_order_acquire);
    after = atomic_load_explicit(&page->event_head, memory_order_relaxed);
    /* What the producer overtook while we copied is torn. */
    if (after > first + PAGE_EVENTS - 1) {
        skip = (size_t)(after - (first + PAGE_EVENTS - 1));
        skip = skip < n ? skip : n;
        memmove(out, out + skip, (n - skip) * sizeof *out);
        cursor->lost += skip;
    }
    return n - skip;
}

void page_put_obituary(struct page *page, const char *text)
{
    unsigned none = 0;

    if (!atomic_compare_exchange_strong(&page->obituary_state, &none, 1))
        return;
    strncpy(page->obituary, text, PAGE_OBITUARY - 1);
    atomic_store_explicit(&page->obituary_state, 2, memory_order_release);
}

bool page_read_obituary(const struct page *page, char *out, size_t cap)
{
    if (atomic_load_explicit(&page->obituary_state, memory_order_acquire) != 2)
        return false;
    snprintf(out, cap, "%.*s", PAGE_OBITUARY - 1, page->obituary);
    for (char *c = out; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    return true;
}

uint64_t page_order(struct page *page, enum page_command_op op, uint64_t argument)
{
    uint64_t number = atomic_load_explicit(&page->command.number, memory_order_relaxed) + 1;

    page->command.op = op;
    page->command.argument = argument;
    atomic_store_explicit(&page->command.number, number, memory_order_release);
    return number;
}

bool page_acknowledged(const struct page *page, uint64_t number, enum page_command_result *result)
{
    if (atomic_load_explicit(&page->command.acknowledged, memory_order_acquire) < number)
        return false;
    *result = (enum page_command_result)page->command.result;
    return true;
}

enum page_command_op page_pending(const struct page *page, uint64_t *argument)
{
    uint64_t number = atomic_load_explicit(&page->command.number, memory_order_acquire);

    if (number == atomic_load_explicit(&page->command.acknowledged, memory_order_relaxed))
        return PAGE_COMMAND_NONE;
    *argument = page->command.argument;
    return (enum page_command_op)page->command.op;
}

void page_acknowledge(struct page *page, enum page_command_result result)
{
    uint64_t number = atomic_load_explicit(&page->command.number, memory_order_relaxed);

    page->command.result = result;
    atomic_store_explicit(&page->command.acknowledged, number, memory_order_release);
}
