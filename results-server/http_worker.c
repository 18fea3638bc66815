/* Large bodies take long to be read, so their handler is called in a thread beside the polling
 * thread: one for all of them, since each also takes memory. */
#include "results-server/http_internal.h"

#include "common/base/thread.h"

#include <errno.h>

void http_worker_put(struct http_exchange *x)
{
    struct http *http = x->http;

    pthread_mutex_lock(&http->lock);
    x->working = true;
    *http->large_end = x;
    http->large_end = &x->next_large;
    pthread_cond_signal(&http->large_came);
    pthread_mutex_unlock(&http->lock);
}

/* The next one, or NULL at the end. */
static struct http_exchange *take(struct http *http)
{
    struct http_exchange *x;

    pthread_mutex_lock(&http->lock);
    while (http->large == NULL && !http->worker_ends) {
        pthread_cond_wait(&http->large_came, &http->lock);
    }
    x = http->large;
    if (x != NULL) {
        http->large = x->next_large;
        if (http->large == NULL) {
            http->large_end = &http->large;
        }
    }
    pthread_mutex_unlock(&http->lock);
    return x;
}

static void work(struct http *http, struct http_exchange *x)
{
    bool wanted;

    pthread_mutex_lock(&http->lock);
    wanted = !x->closed && !x->answered && !x->abandoned;
    pthread_mutex_unlock(&http->lock);
    if (wanted) {
        http_exchange_handle(x);
    }
    pthread_mutex_lock(&http->lock);
    if (!wanted) {
        http_give_back(x);
    }
    x->working = false;
    http_make_ready(x);
    pthread_mutex_unlock(&http->lock);
}

static void *run(void *arg)
{
    struct http *http = arg;
    struct http_exchange *x;

    while ((x = take(http)) != NULL) {
        work(http, x);
    }
    return NULL;
}

bool http_worker_start(struct http *http)
{
    errno = thread_start(&http->worker, 0, run, http);
    return errno == 0;
}

void http_worker_stop(struct http *http)
{
    pthread_mutex_lock(&http->lock);
    http->worker_ends = true;
    pthread_cond_signal(&http->large_came);
    pthread_mutex_unlock(&http->lock);
    pthread_join(http->worker, NULL);
}
