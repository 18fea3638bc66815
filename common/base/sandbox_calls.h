/*
 * The system calls that a server of ours makes while it serves, ends and is looked into: what
 * strace(1) showed of the tests, of both servers, and what the C library takes in place of one or
 * the other on other machines. Some pass with certain arguments only: those are in sandbox.c.
 */
#ifndef FLATLINE_BASE_SANDBOX_CALLS_H
#define FLATLINE_BASE_SANDBOX_CALLS_H

/* Memory, threads, signals, time. */
#define SANDBOX_PROCESS_TABLE(X) \
    X(brk)                       \
    X(clock_getres)              \
    X(clock_gettime)             \
    X(clock_nanosleep)           \
    X(exit)                      \
    X(exit_group)                \
    X(futex)                     \
    X(getcpu)                    \
    X(getegid)                   \
    X(geteuid)                   \
    X(getgid)                    \
    X(getpid)                    \
    X(getrandom)                 \
    X(getrusage)                 \
    X(gettid)                    \
    X(gettimeofday)              \
    X(getuid)                    \
    X(madvise)                   \
    X(membarrier)                \
    X(mremap)                    \
    X(munmap)                    \
    X(nanosleep)                 \
    X(restart_syscall)           \
    X(rseq)                      \
    X(rt_sigaction)              \
    X(rt_sigpending)             \
    X(rt_sigprocmask)            \
    X(rt_sigreturn)              \
    X(rt_sigtimedwait)           \
    X(sched_getaffinity)         \
    X(sched_yield)               \
    X(set_robust_list)           \
    X(sigaltstack)               \
    X(sysinfo)                   \
    X(time)                      \
    X(uname)

/* Descriptors, and those that accepted connections are. */
#define SANDBOX_DESCRIPTOR_TABLE(X) \
    X(accept)                       \
    X(accept4)                      \
    X(close)                        \
    X(dup)                          \
    X(dup2)                         \
    X(dup3)                         \
    X(epoll_create1)                \
    X(epoll_ctl)                    \
    X(epoll_pwait)                  \
    X(epoll_pwait2)                 \
    X(epoll_wait)                   \
    X(eventfd2)                     \
    X(fcntl)                        \
    X(getpeername)                  \
    X(getsockname)                  \
    X(getsockopt)                   \
    X(lseek)                        \
    X(pipe2)                        \
    X(poll)                         \
    X(ppoll)                        \
    X(pselect6)                     \
    X(read)                         \
    X(readv)                        \
    X(recvfrom)                     \
    X(recvmsg)                      \
    X(select)                       \
    X(sendfile)                     \
    X(sendmsg)                      \
    X(sendto)                       \
    X(setsockopt)                   \
    X(shutdown)                     \
    X(timerfd_create)               \
    X(timerfd_settime)              \
    X(write)                        \
    X(writev)

/* Files: certificates read again, heap profiles, databases and their logs. */
#define SANDBOX_FILE_TABLE(X) \
    X(access)                 \
    X(chmod)                  \
    X(creat)                  \
    X(faccessat)              \
    X(faccessat2)             \
    X(fallocate)              \
    X(fchmod)                 \
    X(fchown)                 \
    X(fdatasync)              \
    X(flock)                  \
    X(fstat)                  \
    X(fstatfs)                \
    X(fsync)                  \
    X(ftruncate)              \
    X(getcwd)                 \
    X(getdents64)             \
    X(link)                   \
    X(linkat)                 \
    X(lstat)                  \
    X(mkdir)                  \
    X(mkdirat)                \
    X(newfstatat)             \
    X(open)                   \
    X(openat)                 \
    X(pread64)                \
    X(pwrite64)               \
    X(pwritev)                \
    X(readlink)               \
    X(readlinkat)             \
    X(rename)                 \
    X(renameat)               \
    X(renameat2)              \
    X(rmdir)                  \
    X(stat)                   \
    X(statfs)                 \
    X(statx)                  \
    X(umask)                  \
    X(unlink)                 \
    X(unlinkat)

/* Connections to others, and whatever finds the address of a name. */
#define SANDBOX_CONNECT_TABLE(X) \
    X(bind)                      \
    X(connect)                   \
    X(recvmmsg)                  \
    X(sendmmsg)                  \
    X(socket)                    \
    X(socketpair)

#endif
