/* Which losses of a peer are chaos's doing. */
#ifndef FLATLINE_DRIVER_FORGIVE_H
#define FLATLINE_DRIVER_FORGIVE_H

#include "driver/evidence.h"

/*
 * A loss seen by component c at time_ns is forgiven if the run had come to its orderly stop, or its
 * share on the host of c or of its peer had ended or broken off, or its peer is not in this record,
 * or if c itself or its peer (of a server: any of its clients) was ordered dead around then: from
 * the order to the moment when the next incarnation had been ready for the time a recovery may
 * take.
 */
bool forgive_loss(const struct evidence *e, const struct evidence_component *c, uint64_t time_ns);

#endif
