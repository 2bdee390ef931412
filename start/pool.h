/* SPDX-License-Identifier: ISC */
/*
 * pool.h: the processes behind one listening socket: one for a line service,
 * some for a pool, one a connection for a replacement.
 *
 * A reload makes new pools beside the old ones, which retire: their processes
 * finish what they have in hand, and the pool goes with the last of them.
 */
#ifndef START_POOL_H
#define START_POOL_H

#include <sys/types.h>

#include "identity.h"
#include "journal.h"
#include "leader.h"
#include "listen.h"
#include "serve.h"

/* Full so long before the supervisor takes what comes; where clients can wait
   for a worker, as long as the patience with who is silent. */
#define POOL_FULL_MS 1000
#define POOL_GOOD_MS 60000 /* a process that lived so long died of new cause */
#define POOL_LAST_MS 2000 /* for who is told late. Chosen */
#define POOL_NOW_MS                                                            \
	500 /* for the last words of who is not waited for. Chosen */
#define POOL_PAUSE_MS 1000 /* after EMFILE and the like in accept() */

/* Clients that wait for a worker, in order of arrival. */
struct room {
	struct room_place {
		int fd;
		uint64_t until_ms; /* then it is told that nobody has time */
	} * place; /* of `most`; NULL: nobody has come yet */
	size_t most, n;
	/* Workers take them from `taker`, see SERVE_ENV_PASSED; -1: nobody waits
	   here, and who comes is told at once. */
	int giver, taker;
	uint32_t given;
	uint64_t given_ms; /* the last of them */
	uint64_t look_ms; /* again; 0: nobody waits */
};

struct process {
	pid_t pid; /* 0: free; its index is the slot on the board */
	uint64_t since_ms; /* monotonic */
};

/* What all pools share. */
struct pool_ground {
	int key_fd; /* of the key of tickets */
	/* Of addresses with a POP3 login; -1: none. */
	int window_fd, window_read_fd;
	int limits_fd; /* of lib/limit.h; -1: nobody counts */
	int trace_fd; /* the end of run/trace for writing; -1: none */
	int cache_fd; /* memory of the logins that auth remembers; -1: none */
	int tls_fd, tls_read_fd; /* struct tls_shared; -1: none */
	int lockouts_fd; /* run/lockouts, for auth; -1: none */
	/* A pipe: a worker writes there when too few are idle. Of all pools, so
	   none of them may read it: it would take what another wrote. */
	int bell_fd, rope_fd;
	struct journal journal;
	uint64_t
	    pause_until_ms; /* nobody is let in: accept() lacked something */
	size_t waiting, waiting_max; /* in all rooms */
};

struct pool {
	const struct service_row *row;
	struct pool_ground *ground;
	struct listener *listener; /* NULL: the FIFO, or it retires */
	bool tls; /* its listener's: from the first octet on */
	const char *program; /* the supervisor's settings; NULL: built in */
	/* One process a connection; the reader of the FIFO has its end. */
	bool replaced;
	uint64_t start, min_idle, add, max;
	uint64_t timeout_ms; /* of sockets of TCP; 0: none */
	uint64_t drain_ms, restart_min_ms, restart_max_ms;
	uint64_t generation; /* of the configuration */
	bool separate; /* it runs as `who`, not as the home's owner */
	struct identity who;

	struct process process[BOARD_SLOTS];
	struct leader leader; /* where the row leads */
	uint64_t leader_since_ms; /* monotonic */
	size_t live; /* without the leader */
	uint64_t ended; /* processes that are gone */
	uint64_t restarts; /* processes started after a death */
	uint64_t backoff_ms, not_before_ms; /* monotonic; 0: at once */
	bool retires;
	bool told; /* by a signal that it shall end */
	uint64_t kill_at_ms; /* retiring for too long; 0: no such time */

	struct board *board; /* pools of workers; NULL: replaced, or no pool */
	int board_fd;
	uint64_t refused; /* said busy by the supervisor */
	uint64_t full_at_ms; /* busy is said from then on; 0: not full */
	uint64_t full_served; /* sessions ended when it was looked at last */
	bool refusing; /* or, if there is a room, letting wait */
	struct room room;
	uint64_t patience_ms; /* with who is silent, when others wait */

	bool ready;
	/* Where the first process that serves says so, and the end that all of
	   them get until then; -1: not open. */
	int ready_fd, ready_end;
};

/* pool_start.c: the path of the configuration that its processes read: a checked
   copy, so that a file that is being edited reaches none of them; out. */
#define POOL_CONFIG_MAX 64
char *pool_config(uint64_t generation, char out[POOL_CONFIG_MAX]);
/* Of the lists that go with it. */
char *pool_lists(uint64_t generation, char out[POOL_CONFIG_MAX]);

/* Caller frees with pool_free(). NULL, errno: no descriptors. listener: NULL of
   the FIFO. */
struct pool *pool_make(const struct service_row *, struct listener *,
    const struct settings *, uint64_t generation, struct pool_ground *);
void pool_free(struct pool *);

/* pool_start.c: one more process, with this connection (a replacement's); -1: on
   the listener, or as reader of the FIFO. */
enum outcome pool_start(
    struct pool *, int connection, uint64_t now_ms, struct fault *) MUST_USE;
/* pool_start.c: where this process is; 0: the first that is free. BOARD_SLOTS:
   nowhere. */
size_t pool_slot(const struct pool *, pid_t);
/* pool_start.c: can it start a process on its listener now? False: not yet, its
   leader prepares (and is started, if there was none); or f: it cannot be. */
bool pool_can_start(struct pool *, uint64_t now_ms, struct fault *f);
/* Start what is missing; nothing before its pause is over. */
void pool_fill(struct pool *, uint64_t now_ms);
/* Was it a process of this pool? Then it is taken off, and a death is told. */
bool pool_buried(struct pool *, pid_t, int status, uint64_t now_ms);

/* A new generation takes over: sessions go on undisturbed. */
void pool_retire(struct pool *, uint64_t now_ms);
/* The system stops: sessions are told. The reader of the FIFO is not: it ends
   when nobody can write any more. */
void pool_stop(struct pool *, uint64_t kill_at_ms);
/* SIGKILL to what has not ended in its time. */
void pool_kill_late(struct pool *, uint64_t now_ms);

/* Busy ones; for a replacement all of them. */
size_t pool_busy(const struct pool *);
/* Those that wait for a client, of workers. */
size_t pool_idle(const struct pool *);
uint64_t pool_served(const struct pool *);
/* When it wants to be looked at again; UINT64_MAX: not by the clock. While the
   system stops nothing is started, and nobody let in. */
uint64_t pool_deadline(const struct pool *, bool stopping);

/*
 * accept.c: when the supervisor itself takes a connection: for a replacement,
 * which gets one connection a process, and for a pool that has been full for a
 * while: to let the client wait, or to say busy. Else it never does.
 */
/* Is the pool full, and since when? Called each time round. */
void accept_look(struct pool *, uint64_t now_ms);
/* Is the supervisor to accept there, that is, to poll its listener? */
bool accept_wants(const struct pool *, uint64_t now_ms);
/* It may have some: start a replacement, let them wait, or say busy. */
void accept_ready(struct pool *, uint64_t now_ms);

/*
 * room.c: where clients of a full pool wait. Who came within the last second is
 * given to the next worker before all who came earlier, so that a crowd that
 * wants nothing but to hold workers is only once before him; and for each that
 * waits the session is ended whose client has been silent for longest, if it was
 * for longer than the patience.
 */
/* All workers are busy; takes fd. */
void room_say_busy(struct pool *, int fd);
/* false: no descriptors. */
bool room_open(struct pool *, size_t most);
void room_close(struct pool *); /* who waits is told */
/* Takes fd; where there is no place, who has waited longest is told. */
void room_enter(struct pool *, int fd, uint64_t now_ms);
/* Workers take what is given, or accept for themselves. */
void room_pass(struct pool *, bool passes);
/* Has any client been silent for longer than the patience? */
bool room_has_silent(const struct pool *, uint64_t now_ms);
/* Give, hurry, tell: each time round. */
void room_look(struct pool *, uint64_t now_ms);

#endif
