#include "driver/certificates.h"

#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define FILE_PATH (PATH_MAX + 32)

void certificates_init(struct certificates *c, const char *dir)
{
    snprintf(c->dir, sizeof c->dir, "%s", dir);
    snprintf(c->other, sizeof c->other, "%s/other", c->dir);
    snprintf(c->trust, sizeof c->trust, "%s/trust.pem", c->dir);
}

static bool append(FILE *out, const char *dir)
{
    char path[FILE_PATH], bytes[4096];
    FILE *in;
    size_t n;
    bool done;

    snprintf(path, sizeof path, "%s/cert.pem", dir);
    in = fopen(path, "re");
    if (in == NULL)
        return false;
    while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
        fwrite(bytes, 1, n, out);
    done = !ferror(in) && !ferror(out);
    fclose(in);
    return done;
}

bool certificates_trust_both(const struct certificates *c, char *error, size_t cap)
{
    FILE *out = fopen(c->trust, "we");
    bool done = out != NULL && append(out, c->dir) && append(out, c->other);

    if (!done)
        snprintf(error, cap, "cannot write %s: %s", c->trust, strerror(errno));
    if (out != NULL && fclose(out) != 0 && done) {
        snprintf(error, cap, "cannot write %s: %s", c->trust, strerror(errno));
        done = false;
    }
    return done;
}

static bool exchange(const struct certificates *c, const char *name)
{
    char in_use[FILE_PATH], other[FILE_PATH];

    snprintf(in_use, sizeof in_use, "%s/%s", c->dir, name);
    snprintf(other, sizeof other, "%s/%s", c->other, name);
    if (renameat2(AT_FDCWD, in_use, AT_FDCWD, other, RENAME_EXCHANGE) == 0)
        return true;
    log_warn("cannot exchange %s and %s: %s", in_use, other, strerror(errno));
    return false;
}

bool certificates_swap(const struct certificates *c)
{
    if (!exchange(c, "cert.pem"))
        return false;
    if (exchange(c, "key.pem"))
        return true;
    (void)exchange(c, "cert.pem");
    return false;
}
