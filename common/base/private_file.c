#include "common/base/private_file.h"

#include "common/base/log.h"

#include <sys/stat.h>

static void tell(const struct stat *info, const char *what, const char *path)
{
    if (S_ISREG(info->st_mode) && (info->st_mode & (S_IRWXG | S_IRWXO)) != 0)
        log_warn("others may read the %s in %s: chmod 600", what, path);
}

void private_file_check(int fd, const char *what, const char *path)
{
    struct stat info;

    if (fstat(fd, &info) == 0)
        tell(&info, what, path);
}

void private_file_check_path(const char *what, const char *path)
{
    struct stat info;

    if (stat(path, &info) == 0)
        tell(&info, what, path);
}
