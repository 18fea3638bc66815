/* From the store into the view, when the server starts. */
#ifndef FLATLINE_RESULTS_SERVER_LIVE_REPLAY_H
#define FLATLINE_RESULTS_SERVER_LIVE_REPLAY_H

#include "results-server/app.h"
#include "results-server/live.h"

/* What is known of a peer of a test, but received_ns. test and peer are borrowed. */
struct live_origin live_origin_of(struct app *app, const char *test, const char *peer);

/*
 * Shows the view what was posted for the newest tests, as many whole ones as are read within
 * seconds. The curves of the others are not drawn; what is posted from now on for one that still
 * runs is drawn as far as it explains itself. A store that cannot be read is logged.
 */
void live_replay(struct live *live, struct app *app);

#endif
