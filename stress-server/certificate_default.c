/* The default certificate of manual runs: one per user, made under a lock. */
#include "common/base/state_dir.h"
#include "stress-server/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_FILE "cert.lock"

/* The locked file, to be closed; -1 with *error. Whoever holds it makes a pair within a second. */
static int lock_state(char *error, size_t cap)
{
    char path[PATH_MAX];
    int fd;

    if (!state_dir_make() || !state_dir_file(LOCK_FILE, path, sizeof path)) {
        snprintf(error, cap, "cannot make the state folder (set HOME or XDG_STATE_HOME): %s",
                 strerror(errno));
        return -1;
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    while (fd >= 0 && flock(fd, LOCK_EX) < 0) {
        if (errno == EINTR)
            continue;
        close(fd);
        fd = -1;
    }
    if (fd < 0)
        snprintf(error, cap, "cannot lock %s: %s", path, strerror(errno));
    return fd;
}

bool certificate_default(struct certificate_files *out, char *error, size_t cap)
{
    char dir[PATH_MAX];
    bool there;
    int lock;

    if (!state_dir_path(dir, sizeof dir) ||
        !state_dir_file(STATE_CERT_FILE, out->cert, sizeof out->cert) ||
        !state_dir_file(STATE_KEY_FILE, out->key, sizeof out->key)) {
        snprintf(error, cap, "no state folder: set HOME or XDG_STATE_HOME");
        return false;
    }
    lock = lock_state(error, cap);
    if (lock < 0)
        return false;
    there = certificate_usable(dir) || certificate_make(dir, NULL, error, cap);
    close(lock);
    return there;
}
