/*
 * What a driver orders, a line each, on the uploader's standard input:
 *
 *   host {"components": [...], "ca": PEM}    what runs here; the certificate that others need
 *   ready                                    it runs
 *   done STATUS VERDICT [REASON]             it has ended, run.db is finished
 *   whole DIR                                fetch the run.db of all hosts into the folder
 *   finish VERDICT                           of the whole
 */
#ifndef FLATLINE_UPLOADER_ORDERS_H
#define FLATLINE_UPLOADER_ORDERS_H

#include "results-server/uploader/session.h"

/* Carries out a line, which ends with a zero byte and is changed. */
void orders_take(struct session *session, char *line);

#endif
