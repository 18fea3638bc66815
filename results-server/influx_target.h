/*
 * Where metrics go: an InfluxDB as people write it,
 *
 *   http[s]://[USER:PASSWORD@]HOST[:PORT][/PREFIX]?db=NAME[&rp=POLICY][&u=USER&p=PASSWORD]
 *
 * or with the credentials from FLATLINE_INFLUX_USER and FLATLINE_INFLUX_PASSWORD, or from
 * FLATLINE_INFLUX_TOKEN ("Authorization: Token ..."). They are in no URL that we send and in no
 * line that we log.
 */
#ifndef FLATLINE_RESULTS_SERVER_INFLUX_TARGET_H
#define FLATLINE_RESULTS_SERVER_INFLUX_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#define INFLUX_DB "flatline" /* where the URL names none */

struct influx_target {
    char *write_url; /* POST lines */
    char *query_url; /* POST q=... */
    char *db;
    char *name;            /* for people: no credentials */
    char *user, *password; /* NULL: none */
    char *token;           /* NULL: none */
    bool open_password;    /* it stood in the URL */
};

/* False with one line in why, and an empty *target. The environment is read. */
bool influx_target_parse(const char *url, struct influx_target *target, char *why, size_t cap);
void influx_target_free(struct influx_target *target);

#endif
