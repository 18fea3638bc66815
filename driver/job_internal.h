/* The main job between its two files: what it has, and what is made before anything runs. */
#ifndef FLATLINE_DRIVER_JOB_INTERNAL_H
#define FLATLINE_DRIVER_JOB_INTERNAL_H

#include "driver/autopsy.h"
#include "driver/cap_group.h"
#include "driver/certificates.h"
#include "driver/checkpoint.h"
#include "driver/lines.h"
#include "driver/live.h"
#include "driver/loop.h"
#include "driver/nemeses.h"
#include "driver/preflight.h"
#include "driver/sampler.h"
#include "driver/share.h"
#include "driver/supervisor.h"

#define JOB_LINE 1024
#define JOB_REASON 256

struct job {
    const struct options *options;
    const struct gate_limits *limits;
    struct scenario scenario;
    struct programs programs;
    struct chaos chaos;
    char *run_dir;
    char tls_dir[PATH_MAX], evidence_dir[PATH_MAX];
    struct certificates certificates;
    struct lines *lines; /* NULL: none is needed */
    struct fleet *fleet;
    int64_t *rows; /* beside the scenario's components */
    struct cap_groups groups;
    struct guardian *guardian;
    struct run_writer *writer;
    struct ev_loop *loop;
    struct waker waker; /* of the loop */
    struct supervisor *supervisor;
    struct sampler *sampler;
    struct checkpoints *checkpoints;
    struct autopsy *autopsy; /* NULL: no evidence is wanted */
    struct nemeses *nemeses; /* NULL: none was chosen */
    struct share *share;     /* NULL: it reports to nobody */
    struct live live;
    uint64_t begun_ns; /* 0: not yet */
    bool stopping, interrupted, breached, store_failed, line_failed;
    bool unstarted; /* a process could not be made, or its program executed: no fault of its own */
    bool cut;       /* ended, because another host did */
    bool late;      /* the run could not begin: a share was not up in time, or nobody said when */
    char reason[JOB_REASON]; /* of an end before the time, "" if there is none */
    uint64_t start_ns;       /* the common beginning; 0: not known */
    ev_timer duration_timer, live_timer, start_timer;
    ev_signal signals[3];
};

/*
 * All that a run needs before its first process, and the word of the other hosts; job->loop is
 * there and takes signals already. False, with a line in the log (none if it was interrupted).
 */
bool job_prepare(struct job *job, const struct share_hooks *hooks, char **argv);

/* Nothing runs any more: what was measured is put in order, and judged or handed in. */
enum exit_status job_conclude(struct job *job);

/* Logs it. */
bool job_refuse(const char *error);

#endif
