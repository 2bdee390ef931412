/* SPDX-License-Identifier: ISC */
/*
 * supervisor.h: what the supervisor knows. One process, one poll loop; it holds
 * every listening socket and starts, replaces and stops what serves them.
 */
#ifndef START_SUPERVISOR_H
#define START_SUPERVISOR_H

#include "pool.h"
#include "wanted.h"

#define POOLS_MAX   (2 * LISTEN_LINES_MAX) /* with those that retire. Chosen */
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

	enum service_phase phase;
	size_t chore; /* of PHASE_TIDY, the one whose turn it is */
	pid_t tidy; /* it is under way; 0: not */
	struct fault trouble; /* not OK: it cannot go on, and stops */

	struct wanted wanted; /* what operators said of services */
	bool ordered; /* they said something new */
	uint64_t orders; /* how often that was looked at */
	struct fault order; /* how the last of them ended */

	bool stopping;
	bool hurry; /* nothing is waited for */
	unsigned stop_stage;
	uint64_t kill_tidy_ms; /* monotonic: SIGKILL then to what tidies */
};

/*
 * supervise.c: `pneu run`, until SIGTERM, SIGINT or SIGQUIT. The cwd is the
 * home. PERM: a configuration with errors, an address that cannot be bound, a
 * second supervisor on one home.
 */
enum outcome supervise(struct fault *) MUST_USE;

/*
 * reload.c: a configuration becomes the running one, at the start and at SIGHUP
 * while sessions go on. First it is checked, and pools of it are made, with
 * their listeners, beside those that are there; or nothing has changed.
 */
enum outcome reload_take(struct supervisor *, struct fault *) MUST_USE;
/* SIGHUP. An error is told. */
void reload(struct supervisor *, uint64_t now_ms);
/* Pools of one service, beside those that are there; or nothing has changed. */
enum outcome reload_start(
    struct supervisor *, const struct service_row *, struct fault *) MUST_USE;
/* Has it a pool among the first that does not retire? */
bool reload_is_up(
    const struct supervisor *, size_t pools, const struct service_row *);

/*
 * order.c: services that operators stop, start and start anew while the others run.
 * What was wanted before this start; of it only what is stopped counts.
 */
void order_begin(struct supervisor *);
/* Each time round: do what was ordered, and stop what nobody uses any more. */
void order_advance(struct supervisor *, uint64_t now_ms);

/*
 * Unix sockets are opened only when the queue has been tidied: a process that a
 * dead supervisor left would ask there, and wait, and hold the queue's lock
 * that tidying waits for.
 */
void reload_open_rest(struct supervisor *);
/* Remove the copies that no process reads any more. */
void reload_clean(const struct supervisor *);

/*
 * ready.c: the order of the start. Go to the next phase when all of this one
 * have said that they serve: a listening socket alone proves nothing, for the
 * supervisor holds it.
 */
void ready_advance(struct supervisor *);
/* Its ready_fd has something. */
void ready_event(struct pool *);
/* Was this the tidying process? */
bool ready_buried(struct supervisor *, pid_t, int status);

/* stop.c: a stop in stages; each ends what it has in hand, or is killed. Tell
   the first stage; while it stops already, nothing. */
void stop_begin(struct supervisor *, uint64_t now_ms);
/* The same, or a stop that is under way, without waiting for sessions. */
void stop_hurry(struct supervisor *, uint64_t now_ms);
/* Go on when a stage has ended, kill it when it is late. True: all is done. */
bool stop_advance(struct supervisor *, uint64_t now_ms);

#endif
