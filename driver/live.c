#include "driver/live.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_PERIOD_S 0.5
#define LINE_PERIOD_S 10.
#define RATE_NS NS_PER_S /* a rate over less than that jumps about */
#define BAR_MIN 10
#define BAR_MAX 30
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"
#define WARN_SHARE 0.9 /* the gate's soft limit */

static const char *plural(unsigned n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

char *live_format_line(const struct live_state *state, char *out, size_t cap)
{
    int n;

    if (!state->begun) {
        snprintf(out, cap, "starting: %u of %u up", state->up, state->total);
        return out;
    }
    n = snprintf(out, cap, "%.0f of %.0f s: %u of %u up, %.0f calls/s, %u %s, %u %s",
                 (double)state->elapsed_ns / 1e9, (double)state->duration_ns / 1e9, state->up,
                 state->total, state->calls_per_s, state->kills,
                 plural(state->kills, "kill", "kills"), state->recoveries,
                 plural(state->recoveries, "recovery", "recoveries"));
    if (state->share_name != NULL && n > 0 && (size_t)n < cap)
        snprintf(out + n, cap - (size_t)n, ", highest share of a cap %.0f %% (%s)",
                 state->share * 100, state->share_name);
    return out;
}

/* Beside a bar there is little room, and the name comes last: it is what a narrow terminal cuts. */
static void format_short(const struct live_state *state, char *out, size_t cap)
{
    int n;

    if (!state->begun) {
        live_format_line(state, out, cap);
        return;
    }
    n = snprintf(out, cap, "%.0f/%.0f s  %u/%u up  %.0f calls/s  %u killed  %u recovered",
                 (double)state->elapsed_ns / 1e9, (double)state->duration_ns / 1e9, state->up,
                 state->total, state->calls_per_s, state->kills, state->recoveries);
    if (state->share_name != NULL && n > 0 && (size_t)n < cap)
        snprintf(out + n, cap - (size_t)n, "  cap %.0f %% %s", state->share * 100,
                 state->share_name);
}

static unsigned clamp(unsigned value, unsigned low, unsigned high)
{
    return value < low ? low : value > high ? high : value;
}

char *live_format_bar(const struct live_state *state, unsigned columns, bool colour, char *out,
                      size_t cap)
{
    const char *tint = !colour ? "" : state->share >= WARN_SHARE ? YELLOW : GREEN;
    double done =
        state->duration_ns == 0 ? 0 : (double)state->elapsed_ns / (double)state->duration_ns;
    char text[256];
    unsigned width, filled;

    format_short(state, text, sizeof text);
    width = clamp(columns > strlen(text) + 3 ? columns - (unsigned)strlen(text) - 3 : 0, BAR_MIN,
                  BAR_MAX);
    filled = clamp((unsigned)(done * width), 0, width);
    /* A narrow terminal cuts the text, not the bar. */
    if (columns < width + 3 + strlen(text))
        text[columns > width + 3 ? columns - width - 3 : 0] = '\0';
    snprintf(out, cap, "[%s%.*s%s%.*s] %s", tint, (int)filled, "##############################",
             *tint != '\0' ? PLAIN : "", (int)(width - filled), "..............................",
             text);
    return out;
}

void live_init(struct live *live)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

    memset(live, 0, sizeof *live);
    live->terminal = isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
    live->colour = live->terminal && (no_color == NULL || *no_color == '\0');
}

void live_begin(struct live *live, uint64_t calls, uint64_t now_ns)
{
    live->calls = calls;
    live->calls_ns = now_ns;
}

double live_period(const struct live *live)
{
    return live->terminal ? BAR_PERIOD_S : LINE_PERIOD_S;
}

static unsigned terminal_columns(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void update_rate(struct live *live, uint64_t calls, uint64_t now_ns)
{
    if (live->calls_ns == 0 || now_ns - live->calls_ns < RATE_NS)
        return;
    live->rate = (double)(calls - live->calls) * 1e9 / (double)(now_ns - live->calls_ns);
    live->calls = calls;
    live->calls_ns = now_ns;
}

void live_show(struct live *live, struct live_state *state, uint64_t calls, uint64_t now_ns)
{
    char text[512];

    update_rate(live, calls, now_ns);
    state->calls_per_s = live->rate;
    if (!live->terminal) {
        log_info("%s", live_format_line(state, text, sizeof text));
        return;
    }
    live_format_bar(state, terminal_columns() - 1, live->colour, text, sizeof text);
    /* The cursor goes back, so that a line of the log starts at the margin. */
    fprintf(stderr, "\r\033[K%s\r", text);
}

void live_clear(const struct live *live)
{
    if (live->terminal)
        fputs("\r\033[K", stderr);
}
