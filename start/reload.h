/* SPDX-License-Identifier: ISC */
/*
 * reload.h: a configuration becomes the running one: at the start, and at
 * SIGHUP while sessions go on.
 */
#ifndef START_RELOAD_H
#define START_RELOAD_H

#include "supervise.h"

/*
 * check_config_aloud() of pneu.conf; write what was checked to
 * run/pneu.conf.<n>. OK: *settings and snapshot are set.
 */
enum outcome reload_read(struct settings *, uint64_t generation, char *snapshot,
    size_t size, struct fault *) MUST_USE;
/* SIGHUP. An error is told and changes nothing. */
void reload(struct supervisor *, uint64_t now_ms);
/* Snapshots that no process reads any more. */
void reload_clean(const struct supervisor *);
/*
 * A listener for every service and address of the settings; those that are
 * there already are kept. The rest of *s is untouched when it fails. Unix
 * sockets are opened only when the queue has been tidied: a process that a
 * dead supervisor left would ask there, and wait, and hold the queue's lock
 * that tidying waits for.
 */
enum outcome reload_listeners(
    struct supervisor *, const struct settings *, struct fault *) MUST_USE;
/* The sockets that were left for after the tidying. */
void reload_open_rest(struct supervisor *);
/* Close what no configuration wants. */
void reload_drop_listeners(struct supervisor *);

#endif
