/* The folder in which manual runs keep what outlives them: the default certificate. */
#ifndef FLATLINE_BASE_STATE_DIR_H
#define FLATLINE_BASE_STATE_DIR_H

#include <stdbool.h>
#include <stddef.h>

/* Names within a certificate folder, whoever made it. */
#define STATE_CERT_FILE "cert.pem"
#define STATE_KEY_FILE "key.pem"

/*
 * $XDG_STATE_HOME/flatline, or ~/.local/state/flatline (home from $HOME, else from the user
 * database). The folder need not exist. False if there is no home or it does not fit.
 */
bool state_dir_path(char *out, size_t cap);

/* A file in it; false likewise. */
bool state_dir_file(const char *name, char *out, size_t cap);

/* Makes the folder and its parents, mode 0700; false with errno. */
bool state_dir_make(void);

#endif
