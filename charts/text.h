/* Text on its way into a script, a page or an error line. */
#ifndef FLATLINE_CHARTS_TEXT_H
#define FLATLINE_CHARTS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Writes one line to error; always false, so `return text_fail(...)`. */
bool text_fail(char *error, size_t cap, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As content of an element or of a quoted attribute; what XML forbids becomes a blank. */
void text_put_xml(FILE *out, const char *text);

/* As a gnuplot string, quotes included; gnuplot expands nothing in it. */
void text_put_gnuplot(FILE *out, const char *text);

/* As a file name: whatever is not a letter, a digit, '.', '_' or '-' becomes '_'. Returns out. */
char *text_file_name(const char *text, char *out, size_t cap);

/* With a comma between thousands: "5,737,500.25". Returns out. */
char *text_number(double value, int decimals, char *out, size_t cap);

/*
 * Cuts text at blanks into lines of at most `columns` bytes and copies line `index` to out. False
 * if there is no such line. A word longer than a line is cut.
 */
bool text_wrapped_line(const char *text, size_t columns, int index, char *out, size_t cap);

#endif
