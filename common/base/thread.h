/* A thread beside a loop. */
#ifndef FLATLINE_BASE_THREAD_H
#define FLATLINE_BASE_THREAD_H

#include <pthread.h>
#include <stddef.h>

/*
 * Starts a thread that takes no signals: they are the main thread's. stack_size in bytes; 0: the
 * system's. An error number, 0 if it runs.
 */
int thread_start(pthread_t *thread, size_t stack_size, void *(*run)(void *arg), void *arg);

#endif
