/*
 * What may be asked of the server: one table. From it follow the dispatch, 404 and 405 with Allow,
 * `results-server routes`, and the check of docs/results-server.openapi.yaml.
 */
#ifndef FLATLINE_RESULTS_SERVER_ROUTES_H
#define FLATLINE_RESULTS_SERVER_ROUTES_H

#include "results-server/app.h"

#include <stdio.h>

/*
 * Columns: method, path (ID and PEER stand for ids, FILE for a name), handler, the names its query
 * may have, whether it is open without the token, what it does. The first row that fits is taken.
 */
#define ROUTE_TABLE(X)                                                                           \
    X("GET", "/", page, "", true, "the live page")                                               \
    X("GET", "/web/FILE", web, "", true, "what the page is made of")                             \
    X("GET", "/events", events, "", false,                                                       \
      "the list of tests as it changes, by server-sent events")                                  \
    X("GET", "/test/ID/events", test_events, "host", false,                                      \
      "a test as it runs, likewise; host=: one of its hosts")                                    \
    X("GET", "/metrics", metrics_text, "", false,                                                \
      "what the server says of itself, for Prometheus")                                          \
    X("GET", "/status", status, "", false, "the server: version, clocks, tests by state, store") \
    X("GET", "/test", list, "", false, "all tests, newest first")                                \
    X("POST", "/test", create, "", false, "make a test and an id for it")                        \
    X("POST", "/test/ID", create, "", false, "make a test")                                      \
    X("GET", "/test/ID", show, "dataPoints wait timeout", false,                                 \
      "a test; wait=: once it is so far; dataPoints=true: with all that was posted")             \
    X("GET", "/test/ID/run.db", run, "", false,                                                  \
      "the runs of all its driver hosts as one, for driver gate")                                \
    X("PUT", "/test/ID/start", start, "", false, "start a test")                                 \
    X("PUT", "/test/ID/topology", topology, "", false, "put one host's entry")                   \
    X("PUT", "/test/ID/peer/PEER/metrics", metrics, "", false,                                   \
      "post one batch of what is measured")                                                      \
    X("PUT", "/test/ID/peer/PEER/results", results, "", false, "say that a peer is done")        \
    X("PUT", "/test/ID/finish", finish, "", false, "finish a test")

#define ROUTE_HANDLER(method, path, handler, queries, open, text) \
    enum http_when route_##handler(struct app *app, struct http_exchange *x);
ROUTE_TABLE(ROUTE_HANDLER)
#undef ROUTE_HANDLER

/* http_handler_fn and http_open_fn over the table; `app` is a struct app. */
enum http_when routes_handle(void *app, struct http_exchange *x);
bool routes_open(void *app, const struct http_exchange *x);

/* A line each: method, path, what it may be asked, what it does; by tabs. */
void routes_print(FILE *out);

#endif
