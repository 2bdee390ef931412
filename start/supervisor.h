/* SPDX-License-Identifier: ISC */
/*
 * supervisor.h: what the supervisor knows. One process, one poll loop; it holds
 * every listening socket and starts, replaces and stops what serves them.
 */
#ifndef START_SUPERVISOR_H
#define START_SUPERVISOR_H

#include "pool.h"

/* Of one configuration; and with those that retire. Chosen */
#define POOLS_NEW   (LISTENERS_MAX + 1) /* the journal listens nowhere */
#define POOLS_MAX   (2 * POOLS_NEW)
#define STOP_STAGES 4 /* pools, queue-run, line services, journal */

struct supervisor {
	struct settings settings;
	uint64_t generation; /* of the configuration; 1 is the first */
	uint64_t reloads; /* SIGHUPs that are done */
	struct fault reloaded; /* how the last of them ended */
	uint64_t since_ms; /* wall clock */

	struct pool *pool[POOLS_MAX];
	size_t pools;
	struct pool_ground ground;
	int signal_fd, lock_fd, control_fd, fifo_fd;
	uint64_t control_pause_ms; /* it is not asked until then; 0: it is */

	enum service_phase phase;
	size_t chore; /* of PHASE_TIDY, the one whose turn it is */
	pid_t tidy; /* it is under way; 0: not */
	bool said_ready;
	struct fault trouble; /* not OK: it cannot go on, and stops */

	bool stopping;
	unsigned stop_stage;
	uint64_t stop_at_ms; /* monotonic: then SIGKILL to this stage */
	bool told_journal; /* SIGTERM */
};

#endif
