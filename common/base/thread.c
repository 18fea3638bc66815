#include "common/base/thread.h"

#include <signal.h>

/* A new thread inherits the mask of its maker. */
int thread_start(pthread_t *thread, size_t stack_size, void *(*run)(void *arg), void *arg)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    int error;

    pthread_attr_init(&attributes);
    if (stack_size != 0)
        pthread_attr_setstacksize(&attributes, stack_size);
    sigfillset(&all);
    sigdelset(&all, SIGSYS); /* no message: what the thread did itself, see sandbox.h */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(thread, &attributes, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}
