#include "driver/lines.h"

#include "driver/nemesis.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAGE_FD 3
#define READY_LIMIT_NS (10 * NS_PER_S)
#define LOOK_NS (5 * NS_PER_MS)
#define LINE_TEXT 256
#define ADDRESS 32 /* IPv4 and port */

struct line {
    struct lines *lines;
    struct process process;
    bool started;
    int port;
    char log_path[PATH_MAX];
    ev_io death;
};

struct lines {
    struct lines_settings settings;
    struct line *items;   /* beside the scenario's components */
    struct ev_loop *loop; /* NULL: not watched */
    void (*died)(void *user, const char *log_path);
    void *user;
};

/* ---- one ---- */

static bool start(struct line *line, const struct component *server, char *error, size_t cap)
{
    char driver[PATH_MAX], listen[ADDRESS], to[ADDRESS];
    char *argv[] = {driver, (char *)"delay",          (char *)"--listen", listen, (char *)"--to",
                    to,     (char *)"--telemetry-fd", (char *)"3",        NULL};
    struct spawn_request request = {.argv = argv,
                                    .envp = guardian_environment(line->lines->settings.guardian),
                                    .log_path = line->log_path,
                                    .page_target = PAGE_FD};
    ssize_t n = readlink("/proc/self/exe", driver, sizeof driver - 1);

    if (n < 0) {
        snprintf(error, cap, "cannot read /proc/self/exe: %s", strerror(errno));
        return false;
    }
    driver[n] = '\0';
    snprintf(listen, sizeof listen, "%s:0", component_address(server));
    snprintf(to, sizeof to, "%s:%d", component_address(server), server->port);
    if (!process_start(&line->process, &request, error, cap))
        return false;
    guardian_watch(line->lines->settings.guardian, line->process.child.pid);
    line->started = true;
    return true;
}

/* It says so before it is ready, as it would to anybody. */
static int said_port(const char *log_path)
{
    FILE *log = fopen(log_path, "re");
    char text[LINE_TEXT];
    int port = 0;

    while (log != NULL && port == 0 && fgets(text, sizeof text, log) != NULL) {
        if (sscanf(text, "listening on %*[0-9.]:%d", &port) != 1)
            port = 0;
    }
    if (log != NULL)
        fclose(log);
    return port;
}

static bool wait_ready(struct line *line, char *error, size_t cap)
{
    static struct page_snapshot page;
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    uint64_t limit_ns = clock_now_ns() + READY_LIMIT_NS;

    while (!(page_read(line->process.page, &page) && page.state == PAGE_READY)) {
        if (spawn_is_dead(&line->process.child) || clock_now_ns() > limit_ns) {
            snprintf(error, cap, "a delay line did not start: see %s", line->log_path);
            return false;
        }
        nanosleep(&pause, NULL);
    }
    line->port = said_port(line->log_path);
    if (line->port == 0)
        snprintf(error, cap, "a delay line did not say its port: see %s", line->log_path);
    return line->port != 0;
}

static void end(struct line *line)
{
    if (!line->started)
        return;
    guardian_forget(line->lines->settings.guardian, line->process.child.pid);
    spawn_end_now(&line->process.child);
    proc_close(&line->process.proc);
    page_free(line->process.page);
}

/* ---- all ---- */

static bool start_all(struct lines *lines, char *error, size_t cap)
{
    const struct scenario *s = lines->settings.scenario;

    for (size_t i = 0; i < s->count; i++) {
        struct line *line = &lines->items[i];

        if (!nemesis_has_house(s, i))
            continue;
        line->lines = lines;
        snprintf(line->log_path, sizeof line->log_path, "%s/logs/line-to-%s.log",
                 lines->settings.run_dir, s->components[i].name);
        if (!start(line, &s->components[i], error, cap))
            return false;
    }
    for (size_t i = 0; i < s->count; i++) {
        if (lines->items[i].started && !wait_ready(&lines->items[i], error, cap))
            return false;
    }
    return true;
}

struct lines *lines_new(const struct lines_settings *settings, char *error, size_t cap)
{
    struct lines *lines = calloc(1, sizeof *lines);

    snprintf(error, cap, "no memory");
    if (lines == NULL)
        return NULL;
    lines->settings = *settings;
    lines->items = calloc(settings->scenario->count + 1, sizeof *lines->items);
    if (lines->items != NULL && start_all(lines, error, cap))
        return lines;
    lines_free(lines);
    return NULL;
}

void lines_redirect(const struct lines *lines, struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->count; i++) {
        struct component *c = &scenario->components[i];

        if (!c->server && c->command == NULL && lines->items[c->peer].started)
            c->port = lines->items[c->peer].port;
    }
}

struct process *lines_process(struct lines *lines, size_t server)
{
    return lines->items[server].started ? &lines->items[server].process : NULL;
}

static void on_death(struct ev_loop *loop, ev_io *io, int revents)
{
    struct line *line = io->data;

    ev_io_stop(loop, io);
    /* Whose end is refused to be watched has not ended: its clients would tell. */
    if ((revents & EV_ERROR) == 0)
        line->lines->died(line->lines->user, line->log_path);
}

void lines_watch(struct lines *lines, struct ev_loop *loop,
                 void (*died)(void *user, const char *log_path), void *user)
{
    lines->loop = loop;
    lines->died = died;
    lines->user = user;
    for (size_t i = 0; i < lines->settings.scenario->count; i++) {
        struct line *line = &lines->items[i];

        if (!line->started)
            continue;
        ev_io_init(&line->death, on_death, line->process.child.pidfd, EV_READ);
        line->death.data = line;
        ev_io_start(loop, &line->death);
    }
}

void lines_free(struct lines *lines)
{
    if (lines == NULL)
        return;
    for (size_t i = 0; lines->items != NULL && i < lines->settings.scenario->count; i++) {
        if (lines->loop != NULL)
            ev_io_stop(lines->loop, &lines->items[i].death);
        end(&lines->items[i]);
    }
    free(lines->items);
    free(lines);
}
