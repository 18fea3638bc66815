/*
 * The lines between driver and uploader, both ways. What is understood does not depend on where the
 * bytes are cut, and an order is carried out with what an order may hold, or refused. Input: a byte
 * that says how to cut, then the lines.
 */
#include "common/base/rng.h"
#include "driver/host/link_line.h"
#include "results-server/uploader/line_input.h"
#include "results-server/uploader/orders.h"
#include "tests/fuzz/require.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINE_MOST 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- what the uploader says, in the driver ---- */

struct heard {
    size_t lines;
    uint64_t sum; /* FNV-1a of words and rests */
};

static void hear(void *user, enum link_word word, const char *rest)
{
    struct heard *heard = user;

    require(word < LINK_WORDS && strlen(rest) < LINE_MOST);
    heard->lines++;
    heard->sum = (heard->sum ^ (uint64_t)word) * UINT64_C(0x100000001b3);
    for (; *rest != '\0'; rest++)
        heard->sum = (heard->sum ^ (uint8_t)*rest) * UINT64_C(0x100000001b3);
}

static bool feed(const char *bytes, size_t size, struct rng *rng, struct heard *heard)
{
    struct link_reader reader;
    char error[200] = "";
    bool taken = true;

    link_reader_init(&reader, LINE_MOST);
    while (taken && size > 0) {
        size_t piece = rng == NULL ? size : rng_range(rng, 1, size < 20 ? size : 20);

        taken = link_reader_feed(&reader, bytes, piece, hear, heard, error, sizeof error);
        bytes += piece;
        size -= piece;
    }
    require(taken == (error[0] == '\0') && strchr(error, '\n') == NULL);
    link_reader_clear(&reader);
    return taken;
}

static void check_driver(const char *bytes, size_t size, uint64_t seed)
{
    struct rng rng = {.seed = seed};
    struct heard whole = {0}, cut = {0};
    bool taken = feed(bytes, size, NULL, &whole);

    require(feed(bytes, size, &rng, &cut) == taken);
    require(whole.lines == cut.lines && whole.sum == cut.sum);
}

/* ---- what the driver orders, in the uploader: the verbs of a session that only looks ---- */

struct session {
    size_t lines, verbs;
};

void session_host(struct session *session, json_t *members)
{
    require(json_is_object(members));
    session->verbs++;
}

void session_ready(struct session *session)
{
    session->verbs++;
}

void session_done(struct session *session, int status, const char *verdict, const char *reason,
                  json_t *summary)
{
    require(status >= 0 && status <= 255 && summary == NULL);
    require(strchr(verdict, ' ') == NULL);
    require(reason == NULL || strlen(reason) <= LINE_INPUT_MAX);
    session->verbs++;
}

void session_whole(struct session *session, const char *dir)
{
    require(strchr(dir, '\n') == NULL);
    session->verbs++;
}

void session_finish(struct session *session, const char *verdict)
{
    require(strchr(verdict, '\n') == NULL);
    session->verbs++;
}

void session_fail(struct session *session, const char *format, ...)
{
    char line[1000];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    require(line[0] != '\0' && strchr(line, '\n') == NULL);
    session->verbs++;
}

static void take(void *user, char *line)
{
    struct session *session = user;

    require(line != NULL && strchr(line, '\n') == NULL);
    session->lines++;
    orders_take(session, line);
}

/* Every line is carried out or refused, once. */
static void check_uploader(const char *bytes, size_t size)
{
    struct session session = {0};
    struct line_input input = {.take = take, .user = &session};
    size_t lines = size > 0 && bytes[size - 1] != '\n';

    for (size_t i = 0; i < size; i++)
        lines += bytes[i] == '\n';
    input.fd = memfd_create("orders", MFD_CLOEXEC);
    require(input.fd >= 0 && write(input.fd, bytes, size) == (ssize_t)size);
    require(lseek(input.fd, 0, SEEK_SET) == 0);
    while (line_input_read(&input))
        ;
    require(session.lines == lines && session.verbs == lines);
    close(input.fd);
    text_free(&input.held);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    check_driver((const char *)data + 1, size - 1, data[0]);
    check_uploader((const char *)data + 1, size - 1);
    return 0;
}
