#include "driver/certificates.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "driver/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_NS (10 * NS_PER_S)
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

static bool trust_both(const struct certificates *c, char *error, size_t cap)
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

static bool make(const struct certificates_maker *maker, char *dir, char *error, size_t cap)
{
    char log[PATH_MAX + 32];
    char *argv[] = {(char *)maker->server,
                    (char *)"--make-cert",
                    dir,
                    maker->address == NULL ? NULL : (char *)"--cert-address",
                    (char *)maker->address,
                    NULL};
    const struct spawn_request request = {
        .argv = argv, .envp = maker->environment, .log_path = log, .page_fd = -1};
    struct spawn_end end;

    snprintf(log, sizeof log, "%s/logs/make-cert.log", maker->run_dir);
    if (!spawn_run(&request, LIMIT_NS, &end, error, cap))
        return false;
    if (end.code != 0)
        snprintf(error, cap, "the run's certificate could not be made (exit status %d): see %s",
                 end.code, log);
    return end.code == 0;
}

bool certificates_make(struct certificates *c, const struct certificates_maker *maker, char *error,
                       size_t cap)
{
    if (!make(maker, c->dir, error, cap))
        return false;
    if (maker->both)
        return make(maker, c->other, error, cap) && trust_both(c, error, cap);
    snprintf(c->trust, sizeof c->trust, "%.*s/cert.pem", PATH_MAX - 1, c->dir);
    return true;
}

char *certificates_own(const struct certificates *c, char *error, size_t cap)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    bool done = out != NULL && append(out, c->dir);

    if (!done)
        snprintf(error, cap, "cannot read %s/cert.pem: %s", c->dir, strerror(errno));
    if (out != NULL && fclose(out) != 0 && done) {
        snprintf(error, cap, "no memory");
        done = false;
    }
    if (done)
        return text;
    free(text);
    return NULL;
}

/* By itself one certificate is trusted where it is used; several need a file of their own. */
static FILE *open_trust(struct certificates *c)
{
    char bundle[FILE_PATH];
    FILE *out;
    bool apart;

    snprintf(bundle, sizeof bundle, "%s/trust.pem", c->dir);
    apart = strcmp(bundle, c->trust) == 0;
    out = fopen(bundle, apart ? "ae" : "we");
    if (apart || out == NULL)
        return out;
    snprintf(c->trust, sizeof c->trust, "%.*s", (int)sizeof c->trust - 1, bundle);
    if (append(out, c->dir))
        return out;
    fclose(out);
    return NULL;
}

bool certificates_trust(struct certificates *c, const char *pem, char *error, size_t cap)
{
    FILE *out = open_trust(c);
    bool done = out != NULL && fputs(pem, out) >= 0;

    if (out != NULL && fclose(out) != 0)
        done = false;
    if (!done)
        snprintf(error, cap, "cannot write %s: %s", c->trust, strerror(errno));
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
