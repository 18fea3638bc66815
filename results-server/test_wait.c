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

/* What is over for a test, looked at once for all who wait for it. */
struct look {
    const struct test *test;
    bool over[TEST_WAITS];
};

static bool is_over(const struct wait *wait, struct look *look)
{
    if (wait->test != look->test) {
        look->test = wait->test;
        for (int i = 0; i < TEST_WAITS; i++)
            look->over[i] = test_wait_over(wait->test, (enum test_wait)i);
    }
    return look->over[wait->what];
}

struct wait *waits_take_over(struct waits *waits, const struct test *test, uint64_t now_ns)
{
    const struct test *shown = NULL;
    struct look look = {.test = NULL};
    json_t *answer = NULL;
    struct wait *list = NULL;

    for (struct wait **at = &waits->first; *at != NULL;) {
        struct wait *wait = *at;

        if (wait->deadline_ns > now_ns &&
            ((test != NULL && wait->test != test) || !is_over(wait, &look))) {
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
    const json_t *shown = NULL;
    struct http_text *text = NULL;
    struct wait *next;

    for (; list != NULL; list = next) {
        next = list->next;
        if (list->answer != shown) {
            http_text_free(text);
            text = http_text_json(json_incref(list->answer));
            shown = list->answer;
        }
        http_reply_text(list->x, 200, text);
        json_decref(list->answer);
        free(list);
    }
    http_text_free(text);
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
