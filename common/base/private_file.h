/* Files that hold a token or a key, and are for one user only. */
#ifndef FLATLINE_BASE_PRIVATE_FILE_H
#define FLATLINE_BASE_PRIVATE_FILE_H

/*
 * A line in the log if its mode lets others than its owner read, write or execute it. what:
 * "token", "private key". Of a file that cannot be looked at nothing is said: whoever reads it says
 * why.
 */
void private_file_check(int fd, const char *what, const char *path);

/* The same, for what a library opens by its name. */
void private_file_check_path(const char *what, const char *path);

#endif
