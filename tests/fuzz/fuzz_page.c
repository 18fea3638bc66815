/*
 * A child that scribbles over its telemetry page, while the driver looks at it. Whatever stands
 * there, what comes into the run folder is of the catalogue, events are taken a ring's worth at a
 * time, and last words are one line. Input: pieces, each a byte that says where, an offset from
 * there (2 bytes, little endian), a length and so many bytes, which are written; then the driver
 * looks.
 */
#include "driver/process.h"
#include "tests/fuzz/require.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD 4
#define PIECES_MOST 40
#define BEFORE_SNAPSHOTS 16 /* as page.c lays it out: only to hit what matters more often */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct page *page;
static uint8_t *scribble; /* the same memory, as the child has it */
static size_t page_size;
static size_t events; /* of one look */

static void begin(void)
{
    struct stat st;
    int fd;

    page = page_create(&fd);
    require(page != NULL && fstat(fd, &st) == 0);
    page_size = (size_t)st.st_size;
    scribble = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    require(scribble != MAP_FAILED && ftruncate(fd, 0) != 0);
}

/* ---- the run folder: a writer that only looks ---- */

bool run_writer_event(struct run_writer *w, int64_t incarnation, const struct page_event *event)
{
    (void)w, (void)incarnation;
    if (event->kind < PAGE_EVENT_KINDS)
        require(page_event_name((enum page_event_kind)event->kind) != NULL);
    events++;
    return true;
}

bool run_writer_note(struct run_writer *w, int64_t incarnation, uint64_t time_ns, const char *kind,
                     int64_t detail)
{
    (void)w, (void)incarnation, (void)time_ns;
    require(strcmp(kind, "events-lost") == 0 && detail > 0);
    return true;
}

bool run_writer_sample(struct run_writer *w, int64_t incarnation, uint64_t time_ns, bool stale,
                       const struct metric_values *values)
{
    (void)w, (void)incarnation, (void)time_ns, (void)stale;
    require(values->present >> METRIC_COUNT == 0);
    return true;
}

bool run_writer_histogram(struct run_writer *w, int64_t incarnation, const char *name,
                          const struct histogram *h)
{
    static struct histogram sum;

    (void)w, (void)incarnation, (void)name;
    memset(&sum, 0, sizeof sum);
    histogram_merge(&sum, h);
    histogram_merge(&sum, h);
    require(histogram_percentile(h, 50) <= h->max || h->count == 0);
    (void)histogram_percentile(&sum, 99.9);
    (void)histogram_mean(&sum);
    (void)histogram_count_from(&sum, 1000);
    return true;
}

/* ---- the driver ---- */

static void check_line(const char *line)
{
    for (; *line != '\0'; line++)
        require((unsigned char)*line >= ' ' && *line != 0x7f);
}

static void look(struct process *process, uint64_t time_ns)
{
    const struct process_look at = {.time_ns = time_ns, .pss = -1};
    enum page_command_result result;
    char words[PAGE_OBITUARY];

    events = 0;
    process_observe(process, NULL, &at);
    require(events < PAGE_EVENTS);
    if (process_obituary(process, words, sizeof words))
        check_line(words);
    (void)process_ready_ns(process);
    (void)page_acknowledged(process->page, 1, &result);
}

static size_t place_of(uint8_t what)
{
    static const size_t places[] = {0, 8, BEFORE_SNAPSHOTS,
                                    BEFORE_SNAPSHOTS + sizeof(struct page_snapshot),
                                    BEFORE_SNAPSHOTS + 2 * sizeof(struct page_snapshot)};

    return places[what % (sizeof places / sizeof *places)];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct process process = {.proc = {.statm_fd = -1, .tasks_fd = -1, .fds_fd = -1}};
    uint64_t time_ns = 1000;
    uint64_t number;

    if (page == NULL)
        begin();
    memset(scribble + 8, 0, page_size - 8);
    process.page = page;
    number = page_order(page, PAGE_COMMAND_PAUSE, 0);
    require(number == 1);
    for (int pieces = 0; size >= HEAD && pieces < PIECES_MOST; pieces++) {
        size_t at = place_of(data[0]) + (data[1] | (size_t)data[2] << 8), length = data[3];

        data += HEAD;
        size -= HEAD;
        length = length < size ? length : size;
        for (size_t i = 0; i < length; i++)
            scribble[(at + i) % page_size] = data[i];
        data += length;
        size -= length;
        look(&process, time_ns += 100000000);
    }
    process_observe_last(&process, NULL, time_ns);
    return 0;
}
