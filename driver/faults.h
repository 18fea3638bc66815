/* What the nemeses of a run explain, and which of them had no effect: from the recorded faults. */
#ifndef FLATLINE_DRIVER_FAULTS_H
#define FLATLINE_DRIVER_FAULTS_H

#include "driver/evidence.h"

/*
 * A loss of that kind, seen by component c at time_ns, is a fault's doing if that fault brings
 * about such losses (nemesis.h) and befell c or its peer: from the order to the time that a
 * recovery may take after its hold and after its effect was seen.
 */
bool faults_explain_loss(const struct evidence *e, const struct evidence_component *c,
                         const char *kind, uint64_t time_ns);

/* Whether its victim is that component; false of NULL. */
bool faults_befell(const struct run_fault_row *fault, const struct evidence_component *c);

/* For how long it lets nothing through between its victim and whoever talks to it; mostly 0. */
uint64_t faults_silence_ns(const struct run_fault_row *fault);

/* The faults that befell a component. */
struct faults_of {
    uint64_t seen;
    /*
     * The first whose effect was not seen, though there was time for it, and neither it nor its
     * peer died meanwhile; NULL: none.
     */
    const struct run_fault_row *unseen;
};

struct faults_of faults_of(const struct evidence *e, const struct evidence_component *c);

#endif
