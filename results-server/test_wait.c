#include "results-server/test_wait.h"

#include "results-server/test_json.h"

#include <stdlib.h>

struct wait {
    struct wait *next;
    struct http_exchange *x;
    const struct test *test; /* tests are never freed while the server runs */
    enum test_wait what;
    uint64_t deadline_ns; /* server clock */
    json_t *answer;
};

struct waits {
    struct wait *first;
    size_t count;
};

struct waits *waits_new(void)
{
    return calloc(1, sizeof(struct waits));
}

void waits_free(struct waits *waits)
{
    free(waits);
}

bool waits_add(struct waits *waits, struct http_exchange *x, const struct test *test,
               enum test_wait what, uint64_t deadline_ns)
{
    struct wait *wait = calloc(1, sizeof *wait);

    if (wait == NULL)
        return false;
    *wait = (struct wait){waits->first, x, test, what, deadline_ns, NULL};
    waits->first = wait;
    waits->count++;
    return true;
}

size_t waits_count(const struct waits *waits)
{
    return waits->count;
}

bool waits_remove(struct waits *waits, struct http_exchange *x)
{
    for (struct wait **at = &waits->first; *at != NULL; at = &(*at)->next) {
        struct wait *wait = *at;

        if (wait->x != x)
            continue;
        *at = wait->next;
        waits->count--;
        free(wait);
        return true;
    }
    return false;
}

static bool is_over(const struct wait *wait, const struct test *test, uint64_t now_ns)
{
    if (wait->deadline_ns <= now_ns)
        return true;
    return (test == NULL || wait->test == test) && test_wait_over(wait->test, wait->what);
}

struct wait *waits_take_over(struct waits *waits, const struct test *test, uint64_t now_ns)
{
    const struct test *shown = NULL;
    json_t *answer = NULL;
    struct wait *list = NULL;

    for (struct wait **at = &waits->first; *at != NULL;) {
        struct wait *wait = *at;

        if (!is_over(wait, test, now_ns)) {
            at = &wait->next;
            continue;
        }
        /* A thousand may wait for the same. */
        if (wait->test != shown) {
            json_decref(answer);
            answer = test_json(wait->test);
            shown = wait->test;
        }
        wait->answer = json_incref(answer);
        *at = wait->next;
        waits->count--;
        wait->next = list;
        list = wait;
    }
    json_decref(answer);
    return list;
}

void waits_answer(struct wait *list)
{
    struct wait *next;

    for (; list != NULL; list = next) {
        next = list->next;
        http_reply_json(list->x, 200, list->answer);
        free(list);
    }
}

void waits_drop(struct waits *waits)
{
    struct wait *next;

    for (struct wait *wait = waits->first; wait != NULL; wait = next) {
        next = wait->next;
        http_drop(wait->x);
        free(wait);
    }
    waits->first = NULL;
    waits->count = 0;
}
