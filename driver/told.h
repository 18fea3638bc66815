/*
 * When a component had been told to send nothing: the pauses of checkpoints and what was held back
 * between them. A silence that was ordered is nobody's fault.
 */
#ifndef FLATLINE_DRIVER_TOLD_H
#define FLATLINE_DRIVER_TOLD_H

#include "driver/evidence.h"

/* How much of the time from..to all on the host of a component, or of its peer, were paused, ns. */
uint64_t told_paused(const struct evidence_component *c, uint64_t from_ns, uint64_t to_ns);

/* ... or that component (its row's id) was held back. */
uint64_t told_silent(const struct evidence *e, int64_t component, uint64_t from_ns, uint64_t to_ns);

/* When a kill of c that falls due at that time may be ordered: later, if chaos was frozen then. */
uint64_t told_due(const struct evidence_component *c, uint64_t due_ns);

/*
 * Of the time between the two, what a component is not to be blamed for: checkpoints, and faults
 * that let nothing through between it and its peer (faults.h).
 */
uint64_t told_excused(const struct evidence *e, const struct evidence_component *c,
                      uint64_t from_ns, uint64_t to_ns);

#endif
