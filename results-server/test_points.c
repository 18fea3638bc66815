#include "results-server/test_points.h"

#include "common/base/log.h"
#include "common/base/thread.h"
#include "results-server/body_check.h"
#include "results-server/export.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STREAMS_MOST 8
#define PIECE (64u << 10) /* of a stream, at once; less than its queue */

struct points {
    const char *dir;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    unsigned running;
};

struct stream {
    struct points *points;
    struct http_exchange *x;
    char id[BODY_ID_SIZE];
    json_t *test; /* NULL: its run is asked for */
};

/* ---- writing ---- */

static bool put(void *arg, const char *bytes, size_t size)
{
    const struct stream *stream = arg;

    while (size > 0) {
        size_t piece = size < PIECE ? size : PIECE;

        if (!http_stream_write_wait(stream->x, bytes, piece))
            return false;
        bytes += piece;
        size -= piece;
    }
    return true;
}

/* ---- its run ---- */

#define DRAFT "merge-"

static void answer_failure(const struct stream *stream, const char *error)
{
    log_error("%s", error);
    http_reply_error(stream->x, error_status(ERROR_STORE_FAILED), error_word(ERROR_STORE_FAILED),
                     "%s", error);
}

/* Merges into a file that has no name any more when it is answered with. -1: answered already. */
static int merge_run(const struct stream *stream, struct store_reader *reader,
                     const struct test *test)
{
    char dir[PATH_MAX], path[PATH_MAX + 16], error[ERROR_MESSAGE_SIZE];
    struct merge_tally tally;
    int fd = -1;

    snprintf(dir, sizeof dir, "%s/" DRAFT "XXXXXX", stream->points->dir);
    if (mkdtemp(dir) == NULL) {
        snprintf(error, sizeof error, "cannot make %.256s: %m", dir);
        answer_failure(stream, error);
        return -1;
    }
    snprintf(path, sizeof path, "%s/" EXPORT_RUN_NAME, dir);
    if (export_run(reader, test, path, &tally, error, sizeof error)) {
        fd = open(path, O_RDONLY | O_CLOEXEC);
        snprintf(error, sizeof error, "cannot open %.256s: %m", path);
        unlink(path);
    }
    rmdir(dir);
    if (fd < 0)
        answer_failure(stream, error);
    return fd;
}

static void answer_run(const struct stream *stream, struct store_reader *reader,
                       struct tests *tests)
{
    const struct test *test;
    struct stat st;
    int fd;

    if (tests == NULL || !store_reader_tests(reader, stream->id, tests)) {
        answer_failure(stream, tests == NULL ? "no memory" : store_reader_error(reader));
        return;
    }
    test = tests_find(tests, stream->id);
    fd = test == NULL ? -1 : merge_run(stream, reader, test);
    if (test == NULL)
        answer_failure(stream, "the test is not in the store");
    else if (fd >= 0 && fstat(fd, &st) == 0)
        http_reply_file(stream->x, 200, "application/vnd.sqlite3", fd, (uint64_t)st.st_size);
}

/* What a server that was killed left of it. */
static void sweep(const char *dir)
{
    char pattern[PATH_MAX];
    glob_t found;

    snprintf(pattern, sizeof pattern, "%s/" DRAFT "*/" EXPORT_RUN_NAME, dir);
    if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        unlink(found.gl_pathv[i]);
        *strrchr(found.gl_pathv[i], '/') = '\0';
        rmdir(found.gl_pathv[i]);
    }
    globfree(&found);
}

/* ---- a stream's thread ---- */

static void answer_test(struct stream *stream, struct store_reader *reader)
{
    http_stream_begin(stream->x, 200, "application/json");
    if (export_test(reader, stream->id, stream->test, put, stream)) {
        http_stream_end(stream->x);
    } else {
        /* Cut off, so that nobody takes a part for the whole. */
        if (store_reader_error(reader)[0] != '\0')
            log_error("%s", store_reader_error(reader));
        http_drop(stream->x);
    }
}

static void run(struct stream *stream)
{
    char error[ERROR_MESSAGE_SIZE];
    struct store_reader *reader = store_reader_new(stream->points->dir, error, sizeof error);
    struct tests *tests;

    if (reader == NULL) {
        answer_failure(stream, error);
        return;
    }
    if (stream->test != NULL) {
        answer_test(stream, reader);
    } else {
        tests = tests_new();
        answer_run(stream, reader, tests);
        tests_free(tests);
    }
    store_reader_free(reader);
}

static void *stream_main(void *arg)
{
    struct stream *stream = arg;
    struct points *points = stream->points;

    run(stream);
    json_decref(stream->test);
    free(stream);
    pthread_mutex_lock(&points->lock);
    points->running--;
    pthread_cond_signal(&points->ended);
    pthread_mutex_unlock(&points->lock);
    return NULL;
}

static bool reserve(struct points *points)
{
    bool room;

    pthread_mutex_lock(&points->lock);
    room = points->running < STREAMS_MOST;
    points->running += room;
    pthread_mutex_unlock(&points->lock);
    return room;
}

static void give_up(struct points *points, struct stream *stream)
{
    free(stream);
    pthread_mutex_lock(&points->lock);
    points->running--;
    pthread_mutex_unlock(&points->lock);
}

bool points_stream(struct points *points, struct http_exchange *x, const char *id, json_t *test,
                   struct refusal *refusal)
{
    struct stream *stream;
    pthread_t thread;

    if (!reserve(points)) {
        json_decref(test);
        return refuse(refusal, ERROR_BUSY, "%d clients read data points already; try again later",
                      STREAMS_MOST);
    }
    stream = calloc(1, sizeof *stream);
    if (stream != NULL) {
        *stream = (struct stream){.points = points, .x = x, .test = test};
        snprintf(stream->id, sizeof stream->id, "%s", id);
        if (thread_start(&thread, 0, stream_main, stream) == 0) {
            pthread_detach(thread);
            return true;
        }
    }
    give_up(points, stream);
    json_decref(test);
    return refuse(refusal, ERROR_NO_MEMORY, "no memory for a stream of data points");
}

/* ---- life ---- */

struct points *points_new(const char *dir)
{
    struct points *points = calloc(1, sizeof *points);

    if (points == NULL)
        return NULL;
    points->dir = dir;
    sweep(dir);
    pthread_mutex_init(&points->lock, NULL);
    pthread_cond_init(&points->ended, NULL);
    return points;
}

void points_free(struct points *points)
{
    if (points == NULL)
        return;
    pthread_mutex_lock(&points->lock);
    while (points->running > 0)
        pthread_cond_wait(&points->ended, &points->lock);
    pthread_mutex_unlock(&points->lock);
    pthread_cond_destroy(&points->ended);
    pthread_mutex_destroy(&points->lock);
    free(points);
}
