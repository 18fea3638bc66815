/*
 * Command lines as inputs: the words, one per line. Whatever a program is given, its reading ends
 * in options that hold together or in exit status 2 (0 for --help and --version), never in anything
 * else. Linked with CLI_LINK of the Makefile.inc, which takes exit away from the program.
 */
#ifndef FLATLINE_TESTS_FUZZ_CLI_H
#define FLATLINE_TESTS_FUZZ_CLI_H

#include <stddef.h>
#include <stdint.h>

/* Reads the words and looks at what came of it. What it makes must be where the target finds it
 * afterwards, since the process may be ended, as it seems to the program, in the midst of it. */
typedef void (*cli_read_fn)(int argc, char **argv);

void cli_run(const char *program, const uint8_t *data, size_t size, cli_read_fn read);

#endif
