/*
 * What the push to InfluxDB must know again after a restart: how far it has come, what to add to a
 * peer's clock, and the names of the incarnations that its samples number. One SQLite file beside
 * the store's, of one thread.
 *
 * The shift of a peer's clock is kept as it was first used: were it measured anew, a batch that is
 * pushed a second time would become other points, and count twice.
 */
#ifndef FLATLINE_RESULTS_SERVER_INFLUX_NAMES_H
#define FLATLINE_RESULTS_SERVER_INFLUX_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INFLUX_NAMES_FILE "influx.db"

struct influx_names;

/* Opens or makes DIR/influx.db. NULL with one line in *error. */
struct influx_names *influx_names_open(const char *dir, char *error, size_t cap);
void influx_names_free(struct influx_names *names);

/*
 * Everything below is false, or 0, when the database fails (influx_names_failure says why); what is
 * not known is no failure. What is put is durable with the next influx_names_commit, all or
 * nothing.
 */
bool influx_names_commit(struct influx_names *names);
/* Forgets what was put since the last commit. */
void influx_names_undo(struct influx_names *names);
const char *influx_names_failure(const struct influx_names *names);

/* The last batch that InfluxDB has whole; 0: none. */
bool influx_names_cursor(struct influx_names *names, int64_t *batch);
bool influx_names_put_cursor(struct influx_names *names, int64_t batch);
/* Forgets all, for a store that is another one. */
bool influx_names_clear(struct influx_names *names);

/* A peer of a test, as it was added: its number, 0 if it is not known, and its clock's shift. */
bool influx_names_find_peer(struct influx_names *names, const char *test, const char *peer,
                            int64_t *number, int64_t *shift_ns);
bool influx_names_add_peer(struct influx_names *names, const char *test, const char *peer,
                           int64_t shift_ns, int64_t *number);

bool influx_names_put_component(struct influx_names *names, int64_t peer, int64_t id,
                                const char *name);
bool influx_names_put_incarnation(struct influx_names *names, int64_t peer, int64_t id,
                                  int64_t component, int64_t number);
/* Who it is; false also if it is not known. *name stays until the next call. */
bool influx_names_incarnation(struct influx_names *names, int64_t peer, int64_t id,
                              const char **name, int64_t *number);

#endif
