/* SPDX-License-Identifier: ISC */
/*
 * snapshot.h: run/pneu.conf.<generation>. Programs read this checked copy, so
 * that a file that is being edited reaches none of them.
 */
#ifndef START_SNAPSHOT_H
#define START_SNAPSHOT_H

#include "supervisor.h"

#define SNAPSHOT_PATH_MAX 64

/* Its path; out. */
char *snapshot_path(uint64_t generation, char out[SNAPSHOT_PATH_MAX]);
/* check_config_aloud() of pneu.conf; write what was checked, and load it. */
enum outcome snapshot_take(
    struct settings *, uint64_t generation, struct fault *) MUST_USE;
/* Remove those that no process reads any more. */
void snapshot_clean(const struct supervisor *);

#endif
