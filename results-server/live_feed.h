/*
 * Feeds the live page: a sink of the store that keeps the view (live.h) up to date, and a thread
 * that tells those who look, all at once, some times a second. Every stream of server-sent events
 * (WHATWG HTML, 9.2) begins with all there is:
 *
 *   event: tests   live_about.h
 *   event: test    live_about.h; of the test that is looked at, again every now and then
 *   event: look    live.h: all of its curves; and then
 *   event: more    what was added to them
 */
#ifndef FLATLINE_RESULTS_SERVER_LIVE_FEED_H
#define FLATLINE_RESULTS_SERVER_LIVE_FEED_H

#include "results-server/app.h"
#include "results-server/http.h"

#include <stdbool.h>

struct live_feed;

/* Before the store's thread starts: becomes a sink of the app, and learns what the store holds of
 * the newest tests, as far as that is soon read. NULL: no memory. */
struct live_feed *live_feed_new(struct app *app);

/* Before http_start. False with errno: no thread. */
bool live_feed_start(struct live_feed *feed);

/* Ends all streams; those who come later are turned away. Before http_stop. */
void live_feed_stop(struct live_feed *feed);

/* After store_close: nothing is taken any more. NULL is fine. */
void live_feed_free(struct live_feed *feed);

/*
 * Makes a stream of x, whose route is done; test NULL: only of the list of tests; host NULL: of the
 * whole test. Answers itself when there are too many already.
 */
enum http_when live_feed_open(struct live_feed *feed, struct http_exchange *x, const char *test,
                              const char *host);

#endif
