#include "common/base/log.h"

#include "common/base/clock.h"
#include "common/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static struct {
    const char *program;
    enum log_level level;
    bool times;
} settings = {"flatline", LOG_INFO, false};

void log_init(const char *program, enum log_level level, bool times)
{
    settings.program = program;
    settings.level = level;
    settings.times = times;
}

bool log_enabled(enum log_level level)
{
    return level <= settings.level;
}

static size_t put_time(char *out, size_t cap)
{
    uint64_t now = clock_wall_ns();
    time_t seconds = (time_t)(now / NS_PER_S);
    struct tm tm;
    size_t n;

    gmtime_r(&seconds, &tm);
    n = strftime(out, cap, "%Y-%m-%dT%H:%M:%S", &tm);
    return n +
           (size_t)snprintf(out + n, cap - n, ".%03uZ ", (unsigned)(now % NS_PER_S / NS_PER_MS));
}

__attribute__((format(printf, 2, 0))) static void put_line(const char *tag, const char *format,
                                                           va_list args)
{
    char line[1024];
    size_t used = settings.times ? put_time(line, sizeof line) : 0;
    int n;

    used += (size_t)snprintf(line + used, sizeof line - used, "%s: %s", settings.program, tag);
    n = vsnprintf(line + used, sizeof line - used, format, args);
    used += n < 0 ? 0 : (size_t)n;
    if (used > sizeof line - 1)
        used = sizeof line - 1;
    /* What others wrote is in it: it moves no cursor and makes no line of its own. */
    utf8_clean_here(line);
    line[used++] = '\n';
    /* A log that cannot be written has nowhere to complain. */
    if (write(STDERR_FILENO, line, used) < 0)
        return;
}

#define DEFINE_LEVEL(name, level, tag) \
    void name(const char *format, ...) \
    {                                  \
        va_list args;                  \
                                       \
        if (!log_enabled(level))       \
            return;                    \
        va_start(args, format);        \
        put_line(tag, format, args);   \
        va_end(args);                  \
    }

DEFINE_LEVEL(log_error, LOG_ERROR, "")
DEFINE_LEVEL(log_warn, LOG_WARN, "warning: ")
DEFINE_LEVEL(log_info, LOG_INFO, "")
DEFINE_LEVEL(log_debug, LOG_DEBUG, "debug: ")
