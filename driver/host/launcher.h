/*
 * Which of how many hosts this is: from what a launcher puts into the environment of each process
 * that it starts, or from the command line.
 */
#ifndef FLATLINE_DRIVER_HOST_LAUNCHER_H
#define FLATLINE_DRIVER_HOST_LAUNCHER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Columns: name, variable of the rank (from 0), variable of the size, NULL: --hosts says it. The
 * first whose rank is there is the launcher: what another one was started by may have left its own
 * variables, as Slurm does in the batch script that calls mpirun.
 *
 * Sources: mpirun(1) of Open MPI; the PMI wire protocol of MPICH; srun(1), "Output environment
 * variables"; Kubernetes, "Indexed Job for parallel processing".
 */
#define LAUNCHER_TABLE(X)                                         \
    X("Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE") \
    X("PMI", "PMI_RANK", "PMI_SIZE")                              \
    X("Slurm", "SLURM_PROCID", "SLURM_NTASKS")                    \
    X("an indexed Job of Kubernetes", "JOB_COMPLETION_INDEX", NULL)

#define LAUNCHER_SIZE_MAX 10000 /* hosts */
#define LAUNCHER_NAME 64        /* of a host, with the end */

struct launched {
    const char *by; /* the launcher; NULL: none */
    int rank, size;
};

/*
 * rank and size are what the command line says, -1 and 0: nothing. A rank from there needs a size
 * from there, and then the environment is not looked at. Without either this is rank 0 of 1. False:
 * *error holds one line.
 */
bool launcher_find(int rank, int size, struct launched *out, char *error, size_t cap);

/* What a host is called where nothing is said: Slurm's name of the node, or the machine's. */
void launcher_host_name(char out[LAUNCHER_NAME]);

/* Whether that can be a host's name: [A-Za-z0-9][A-Za-z0-9._-]*, as a name of a peer. */
bool launcher_is_name(const char *name);

#endif
