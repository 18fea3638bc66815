/*
 * One line per fact, on standard error: "PROGRAM: message". With times on (a child of the driver,
 * whose standard error is its log file) each line starts with the UTC time to the millisecond, and
 * is written with one write(2), so lines of several processes never mix. Control characters, and
 * what is no UTF-8, become blanks.
 */
#ifndef FLATLINE_BASE_LOG_H
#define FLATLINE_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* program must outlive the process's last log line. The default level is LOG_INFO, times are off.
 */
void log_init(const char *program, enum log_level level, bool times);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether a line of this level would be written: guards costly arguments. */
bool log_enabled(enum log_level level);

#endif
