/* Long polls: who waits until a test is so far. All under the app's lock but waits_answer. */
#ifndef FLATLINE_RESULTS_SERVER_TEST_WAIT_H
#define FLATLINE_RESULTS_SERVER_TEST_WAIT_H

#include "results-server/app.h"

#define WAIT_MOST_NS (60 * NS_PER_S)
#define WAIT_DEFAULT_NS (30 * NS_PER_S)

struct wait; /* one that waits, or a list of them */

struct waits *waits_new(void);
void waits_free(struct waits *waits);

/* False: no memory. */
bool waits_add(struct waits *waits, struct http_exchange *x, const struct test *test,
               enum test_wait what, uint64_t deadline_ns);

/* How many wait. */
size_t waits_count(const struct waits *waits);

/* False: it is not (or no more) among those who wait. */
bool waits_remove(struct waits *waits, struct http_exchange *x);

/* Takes out those whose waiting is over: for the test (NULL: any), or for all because of the time.
 * With the answer that each is to get. NULL: none. */
struct wait *waits_take_over(struct waits *waits, const struct test *test, uint64_t now_ns);

/* Answers them and frees the list; without the lock. */
void waits_answer(struct wait *list);

/* Gives all exchanges back unanswered. */
void waits_drop(struct waits *waits);

#endif
