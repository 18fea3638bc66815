#include "driver/preflight.h"

#include "common/base/log.h"
#include "common/base/units.h"
#include "driver/command.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROBE_NAME "libflatline-probe.so"

/* Per process: two of spawn's, three files under /proc, one more while it starts. */
#define FILES_EACH 6
/* The driver's own: run.db and its log, the loop, logs. A child has fewer. */
#define FILES_DRIVER 64

static bool find_program(const char *own_dir, const char *name, char *out, char *error, size_t cap)
{
    if (snprintf(out, PATH_MAX, "%s/../%s/%s", own_dir, name, name) < PATH_MAX &&
        access(out, X_OK) == 0)
        return true;
    if (snprintf(out, PATH_MAX, "%s/%s", own_dir, name) < PATH_MAX && access(out, X_OK) == 0)
        return true;
    snprintf(error, cap, "%s is not beside the driver (%s): build it with make, or install it",
             name, own_dir);
    return false;
}

static bool find_own_folder(char own[PATH_MAX], char *error, size_t cap)
{
    ssize_t n = readlink("/proc/self/exe", own, PATH_MAX - 1);
    char *slash;

    if (n < 0) {
        snprintf(error, cap, "cannot read /proc/self/exe: %s; is /proc mounted?", strerror(errno));
        return false;
    }
    own[n] = '\0';
    slash = strrchr(own, '/');
    if (slash != NULL)
        *slash = '\0';
    return true;
}

bool preflight_programs(struct programs *programs, char *error, size_t cap)
{
    char own[PATH_MAX];

    return find_own_folder(own, error, cap) &&
           find_program(own, "stress-server", programs->server, error, cap) &&
           find_program(own, "stress-client", programs->client, error, cap);
}

bool preflight_uploader(char path[PATH_MAX], char *error, size_t cap)
{
    char own[PATH_MAX];

    if (!find_own_folder(own, error, cap))
        return false;
    if ((snprintf(path, PATH_MAX, "%s/../results-server/uploader/uploader", own) < PATH_MAX &&
         access(path, X_OK) == 0) ||
        (snprintf(path, PATH_MAX, "%s/uploader", own) < PATH_MAX && access(path, X_OK) == 0))
        return true;
    snprintf(error, cap,
             "uploader is not beside the driver (%s): build it with make, or install it", own);
    return false;
}

bool preflight_commands(const struct scenario *scenario, char *error, size_t cap)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < scenario->count; i++) {
        const struct component *c = &scenario->components[i];

        if (c->elsewhere || c->command == NULL || command_find_program(c->command[0], path))
            continue;
        snprintf(error, cap, "%s, for %s, is no program that can be executed%s", c->command[0],
                 c->name,
                 strchr(c->command[0], '/') != NULL ? ": mind the current folder, or give its path"
                                                    : " and found in PATH: install it");
        return false;
    }
    return true;
}

static bool find_probe(char out[PATH_MAX], char *error, size_t cap)
{
    char own[PATH_MAX], built[PATH_MAX + sizeof PROBE_NAME + 16];

    if (!find_own_folder(own, error, cap))
        return false;
    snprintf(built, sizeof built, "%s/../probe/" PROBE_NAME, own);
    if (realpath(built, out) == NULL && realpath(PROBE_DIR "/" PROBE_NAME, out) == NULL) {
        snprintf(error, cap,
                 "%s is neither beside the driver (%s) nor in %s, and the scenario has components "
                 "with a coverage: build it with make, or install it",
                 PROBE_NAME, own, PROBE_DIR);
        return false;
    }
    /* ld.so(8): LD_PRELOAD is split at both, and nothing quotes them. */
    if (strpbrk(out, " :") == NULL)
        return true;
    snprintf(error, cap, "%s has a space or a colon in its path, which LD_PRELOAD cannot take",
             out);
    return false;
}

bool preflight_probe(const struct scenario *scenario, struct programs *programs, char *error,
                     size_t cap)
{
    programs->probe[0] = '\0';
    for (size_t i = 0; i < scenario->count; i++) {
        if (!scenario->components[i].elsewhere && scenario->components[i].coverage != COVERAGE_NONE)
            return find_probe(programs->probe, error, cap);
    }
    return true;
}

bool preflight_files(const struct scenario *scenario, char *error, size_t cap)
{
    rlim_t need = FILES_DRIVER + FILES_EACH * scenario->count;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= need)
        return true;
    if (limit.rlim_max >= need) {
        limit.rlim_cur = need;
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
            return true;
    }
    snprintf(error, cap,
             "%llu open files are allowed, %llu are needed for %zu processes: raise the limit "
             "(ulimit -n %llu)",
             (unsigned long long)limit.rlim_max, (unsigned long long)need, scenario->count,
             (unsigned long long)need);
    return false;
}

/* MemAvailable, bytes; 0 if the kernel does not say. */
static uint64_t available_memory(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    unsigned long long kib = 0;
    char line[128];

    if (file == NULL)
        return 0;
    while (kib == 0 && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "MemAvailable: %llu kB", &kib) != 1)
            kib = 0;
    }
    fclose(file);
    return kib * 1024;
}

bool preflight_memory(const struct scenario *scenario, char *error, size_t cap)
{
    uint64_t need = 0, there = available_memory();
    char need_text[32], there_text[32];

    for (size_t i = 0; i < scenario->count; i++) {
        const struct component *c = &scenario->components[i];

        if (!c->elsewhere)
            need += (c->heap_cap + c->group_cap) / 2;
    }
    if (there == 0 || there >= need)
        return true;
    snprintf(error, cap,
             "%s of memory are available, %s are needed (half of all heap caps): stop something "
             "else, or lower --server-heap and --client-heap",
             units_format_size(there, there_text, sizeof there_text),
             units_format_size(need, need_text, sizeof need_text));
    return false;
}

/* Bound as the server will: what waits in TIME_WAIT is no obstacle. */
static bool is_free(const struct component *c, int *why)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)c->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    bool bound;

    (void)inet_pton(AF_INET, component_address(c), &address.sin_addr);

    if (fd < 0) {
        *why = errno;
        return false;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0;
    *why = errno;
    close(fd);
    return bound;
}

/* A connecting client could be given the port of a server that chaos killed. */
static void warn_of_ephemeral(int port)
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    int low = 0, high = 0;

    if (file == NULL)
        return;
    if (fscanf(file, "%d %d", &low, &high) == 2 && port >= low && port <= high)
        log_warn(
            "port %d lies in the kernel's ephemeral range (%d to %d): a client may be given it "
            "while its server is down; choose a --base-port below %d",
            port, low, high, low);
    fclose(file);
}

bool preflight_ports(const struct scenario *scenario, char *error, size_t cap)
{
    int why;

    for (size_t i = 0; i < scenario->count; i++) {
        const struct component *c = &scenario->components[i];

        if (!c->server || c->elsewhere)
            continue;
        if (!is_free(c, &why)) {
            if (why == EADDRNOTAVAIL)
                snprintf(error, cap,
                         "%s, where %s is to listen, is no address of this machine: give another "
                         "--host-address",
                         component_address(c), c->name);
            else
                snprintf(error, cap,
                         "port %d, for %s, cannot be listened on: %s; stop what uses it, or choose "
                         "other ports with --base-port",
                         c->port, c->name, strerror(why));
            return false;
        }
        warn_of_ephemeral(c->port);
    }
    return true;
}
