#include "driver/proc.h"

#include "common/base/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAT_TEXT 1024

static int open_entry(pid_t pid, const char *entry, int flags)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, entry);
    return open(path, flags | O_RDONLY | O_CLOEXEC);
}

void proc_open(struct proc *proc, pid_t pid)
{
    proc->pid = pid;
    proc->stat_fd = open_entry(pid, "stat", 0);
    proc->statm_fd = open_entry(pid, "statm", 0);
    proc->fds_fd = open_entry(pid, "fd", O_DIRECTORY);
}

void proc_close(struct proc *proc)
{
    int *const fds[] = {&proc->stat_fd, &proc->statm_fd, &proc->fds_fd};

    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

static bool read_text(int fd, char *text, size_t cap)
{
    ssize_t n = fd < 0 ? -1 : pread(fd, text, cap - 1, 0);

    if (n <= 0)
        return false;
    text[n] = '\0';
    return true;
}

static void read_statm(const struct proc *proc, struct metric_values *into)
{
    static long page_size;
    long long resident, data;
    char text[STAT_TEXT];

    if (page_size == 0)
        page_size = sysconf(_SC_PAGESIZE);
    if (!read_text(proc->statm_fd, text, sizeof text) ||
        sscanf(text, "%*d %lld %*d %*d %*d %lld", &resident, &data) != 2)
        return;
    /* A zombie has no memory left to measure: that is nothing known, not nothing used. */
    if (resident == 0 && data == 0)
        return;
    metric_set(into, METRIC_RSS, resident * page_size);
    metric_set(into, METRIC_DATA, data * page_size);
}

static void read_stat(const struct proc *proc, struct metric_values *into)
{
    static long ticks;
    long long user, system, threads;
    char text[STAT_TEXT];
    const char *rest;

    if (ticks == 0)
        ticks = sysconf(_SC_CLK_TCK);
    /* The name in parentheses may hold anything, a parenthesis too. */
    if (!read_text(proc->stat_fd, text, sizeof text) || (rest = strrchr(text, ')')) == NULL)
        return;
    if (sscanf(rest + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %*d %*d %*d %*d %lld", &user,
               &system, &threads) != 3)
        return;
    metric_set(into, METRIC_CPU, (user + system) * (int64_t)(NS_PER_S / (uint64_t)ticks));
    metric_set(into, METRIC_THREADS, threads);
}

/* Kernels before 6.2 do not say it in st_size. */
static int64_t count_entries(int fd)
{
    static char buffer[8192];
    int64_t count = 0;
    ssize_t n;

    if (lseek(fd, 0, SEEK_SET) < 0)
        return -1;
    while ((n = getdents64(fd, buffer, sizeof buffer)) > 0) {
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *entry = (const struct dirent64 *)(buffer + at);

            count += entry->d_name[0] != '.';
            at += entry->d_reclen;
        }
    }
    return n < 0 ? -1 : count;
}

static void read_fds(const struct proc *proc, struct metric_values *into)
{
    struct stat st;
    int64_t count;

    if (proc->fds_fd < 0 || fstat(proc->fds_fd, &st) < 0)
        return;
    count = st.st_size > 0 ? st.st_size : count_entries(proc->fds_fd);
    if (count >= 0)
        metric_set(into, METRIC_FDS, count);
}

void proc_read(const struct proc *proc, struct metric_values *into)
{
    read_statm(proc, into);
    read_stat(proc, into);
    read_fds(proc, into);
}

bool proc_read_pss(pid_t pid, int64_t *bytes)
{
    int fd = open_entry(pid, "smaps_rollup", 0);
    char text[STAT_TEXT];
    const char *line = NULL;

    if (fd < 0)
        return false;
    if (read_text(fd, text, sizeof text) && (line = strstr(text, "\nPss:")) != NULL)
        *bytes = strtoll(line + 5, NULL, 10) * 1024;
    close(fd);
    return line != NULL;
}
