/* SPDX-License-Identifier: ISC */
/*
 * serve.h: fd 0 decides how a program serves.
 *
 * A connected socket, a pipe or a terminal: that one session, then end. A
 * listening socket: what comes, until the share is done or SIGTERM came. So
 * pools, systemd, inetd and a shell differ only in what fd 0 is.
 */
#ifndef LIB_SERVE_H
#define LIB_SERVE_H

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "buf.h"

/* What the supervisor tells a process that it starts, in the environment. */
#define SERVE_ENV_SUPERVISOR  "PNEU_SUPERVISOR" /* its pid */
#define SERVE_ENV_READY       "PNEU_READY" /* a descriptor: takes a LF, once */
#define SERVE_ENV_BOARD       "PNEU_BOARD" /* struct board's descriptor */
#define SERVE_ENV_BOARD_EVENT "PNEU_BOARD_EVENT" /* its bell */
#define SERVE_ENV_SLOT        "PNEU_SLOT" /* of the board, the worker's own */
#define SERVE_ENV_PASSED      "PNEU_PASSED" /* where clients that waited come */
#define SERVE_ENV_LEAD        "PNEU_LEAD" /* a leader's socket */

/* Set by SIGTERM and by the end of the supervisor: finish and end. */
extern volatile sig_atomic_t serve_stopping;
/*
 * After SIGTERM a session may still wait this long for its peer: less than
 * pneu.drain, or who is idle would always be killed. Ours
 */
#define SERVE_DRAIN_MS 10000
/*
 * Set by a program whose sessions read commands and nothing else: SIGTERM also
 * ends the input of the session in hand, so that who is idle ends at once.
 */
extern bool serve_hangs_up;
/*
 * Installs the signal handlers, and PDEATHSIG when a supervisor started us:
 * SERVE_ENV_SUPERVISOR; when our parent is another by now, it is gone
 * and serve_stopping is set at once. The two loops below call it when main did
 * not.
 */
void serve_signals(void);
/* From here on who comes is served: a LF for the supervisor, once. The two
   loops below say it themselves. */
void serve_say_ready(void);
/* PDEATHSIG again, in a child that is the supervisor's. */
void serve_follow_supervisor(void);
/*
 * Before the sandbox, when all is read that the workers of a pool read alike,
 * and no connection is open that each of them needs for itself. In the process
 * that leads a pool it returns true in each worker that it forks (with one slot
 * of the board each), and false at its own end; in any other process true, at
 * once.
 */
bool serve_lead(void);
/* Set by SIGHUP; whoever acts on it clears it. */
extern volatile sig_atomic_t serve_reloading;
/*
 * The session waits for its client, who is behind since then (monotonic; later
 * than now: who has proved himself has so much more time); 0: not any more. The
 * board shows it. SIGUSR1: others wait for a worker, and the supervisor has
 * chosen this wait; if it still lasts, it is to be ended, and the socket's
 * deadlines are shortened for that.
 */
void serve_waits(uint64_t since_ms);
/* So much longer with who is logged in, or takes no octets: Postfix's
   smtpd_timeout and postscreen's greet wait under stress. */
#define SERVE_KNOWN_MS 10000
/* How long the wait may last from now on at most, after SIGTERM or as chosen;
   UINT64_MAX: no such limit. */
uint64_t serve_longest_ms(void);
/* Is a deadline of the session in hand over (monotonic, ms)? That limit brings
   it nearer. */
bool serve_is_late(uint64_t *deadline_ms);
struct board_slot;
/* For the loops: where serve_waits() is to be seen; NULL: nowhere. */
void serve_on_board(struct board_slot *);
/*
 * For the loops: what the SIGTERM handler has to do besides setting the flag,
 * so that no call that was about to begin waits on: `accepting` is replaced by
 * /dev/null (accept() then fails), the deadlines of the socket `session` are
 * shortened to SERVE_DRAIN_MS, and see serve_hangs_up. -1: nothing. Costs no
 * system call.
 */
void serve_interrupt(int accepting, int session);
/* The handlers tell this child, too; 0: none. */
void serve_pass_on(pid_t child);

/* ---- Session services: one conversation in one process at a time. ---- */

struct peer {
	char ip[64]; /* "192.0.2.7", "2001:db8::7"; "" when not a socket */
	uint16_t port; /* 0: none */
	bool loopback; /* also true for pipes, terminals and Unix sockets */
	bool socket;
	/* Where the service wants it: who connected to a Unix socket, by the
	   kernel (SO_PEERCRED); -1: not a Unix socket, or not known. */
	int64_t uid;
	/* Of the address (IPv6: of its /64), never 0; 0: none. Where clients are
	   counted, of a Unix socket's user. */
	uint32_t hash;
	struct board_debt *debts; /* of the pool; NULL: none is kept */
};
/*
 * What failed logins cost: a time that is not over yet, at most
 * SERVE_DEBT_MAX_MS. All workers of a pool know it, so it does not end with a
 * connection. An address owes it; on this machine, where a proxy or a webmail
 * speaks for everybody, the name that was tried, in any case. Who has no
 * address owes nothing.
 */
#define SERVE_DEBT_MAX_MS 30000 /* Ours */
uint64_t serve_debt_ms(const struct peer *, struct span name, uint64_t now_ms);
/* So much more, from now or from what is owed already. */
void serve_owe(
    const struct peer *, struct span name, uint64_t now_ms, uint64_t ms);

struct session_service {
	uint64_t sessions; /* its share */
	/* SO_RCVTIMEO, SO_SNDTIMEO; a supervisor sets them on its listeners */
	uint64_t timeout_ms;
	uint32_t clients_per_address; /* or user of this machine; 0: no limit */
	bool wants_user; /* of a Unix socket's client */
	const char *busy_address; /* reply to one connection too many */
	/*
	 * Not NULL: each session has a child of its own, forked ahead of need.
	 * It calls this and waits for a client, whom it serves on 0 and 1, with
	 * neither listener nor board any more. The worker waits for its end.
	 */
	enum outcome (*in_child)(void *arg, struct fault *);
	void (*session)(void *arg, int in, int out, const struct peer *);
};
/*
 * Calls `session` for each one. `in` and `out` are closed afterwards. SIGHUP
 * (a new configuration, workers with it have been started beside us): the
 * session in hand goes on undisturbed, then the worker ends with OK; one that
 * waits in accept() ends at once. SIGTERM sets serve_stopping besides.
 */
enum outcome serve_sessions(
    const struct session_service *, void *arg, struct fault *) MUST_USE;

/*
 * The scoreboard of a pool: shared memory (an inherited memfd), one slot a
 * worker, and a pipe, the bell, written only when too few are idle.
 * Filled by workers, read by the supervisor: no system call in the common case.
 * The bell is written to when idle < min_idle after a session was taken; the
 * supervisor sets min_idle to 0 while it needs no telling. Also when one
 * becomes idle while `wake` is set, which the worker clears: the supervisor sets
 * it while all are busy and it takes what comes by itself. While `passes` is set
 * it hands those out: workers take them from SERVE_ENV_PASSED, one a message
 * with a descriptor, instead of from the listener. A message without one: look
 * at `passes` again.
 */
#define BOARD_SLOTS 256
struct board_slot {
	_Atomic uint32_t
	    busy; /* 1: in a session; set before board.idle falls */
	_Atomic uint32_t waits; /* 1: in accept() and counted in board.idle: so
				   the supervisor can take a dead one back */
	_Atomic uint32_t address; /* hash of the client's address, 0: none */
	_Atomic uint64_t sessions;
	_Atomic uint64_t silent_ms; /* serve_waits() */
	_Atomic uint64_t told_ms; /* by the supervisor: that silence ends it */
};
/* In the place of its hash; of two that meet there the first pays no more. */
#define BOARD_DEBTS 1024
struct board_debt {
	_Atomic uint32_t address; /* hash; 0: free */
	_Atomic uint64_t until_ms; /* monotonic */
};
struct board {
	_Atomic uint32_t idle; /* workers waiting in accept() */
	_Atomic uint32_t min_idle;
	/* Sessions ended (of a worker that died in one: counted by the
	   supervisor); answered 421. */
	_Atomic uint64_t served, refused;
	struct board_slot slot[BOARD_SLOTS];
	_Atomic uint32_t wake; /* the supervisor waits for an idle worker */
	_Atomic uint32_t passes, taken; /* taken: clients, of all passed */
	/* Of the address hashes: of one pool equal, and unknown outside. Drawn
	   by the supervisor. */
	uint32_t seed;
	struct board_debt debt[BOARD_DEBTS];
};

/* ---- Line services: records from many clients, in rounds. ---- */

#define ROUND_REQUESTS_MAX 256 /* a round */
#define ROUND_OCTETS_MAX   (4UL * 1024 * 1024) /* a round */
#define CLIENT_IN_MAX      (1UL * 1024 * 1024) /* waiting, a connection */
#define CLIENT_OUT_MAX     (64UL * 1024) /* unread, a connection */
#define CLIENT_IDLE_MS     30000 /* half a request, or answers unread */

struct client {
	int in, out;
	struct buf inbuf, outbuf; /* outbuf: answers; sent when a round ends */
	int pass_fd; /* goes with the next octets of outbuf, then is closed */
	void *state; /* the service's own; see gone() */
	bool end; /* set by the service: answer what is there, then close */
	bool owed; /* by the service: an answer of a later round; it stays */
	uint64_t serial;
	uint64_t since_ms; /* half a request or unread answers since; 0: none */
	bool ended; /* the client closed its side */
	bool is_socket; /* descriptors can be passed */
};

struct line_service {
	/*
	 * `in` and what it points to stay as they are until finish() returns.
	 * Handle complete requests at the start of `in`, say how many octets
	 * were used and how many requests that was. 0 used: more is needed. At
	 * most `most` requests. TEMP: malformed, the client is ended.
	 * The client has closed its side: client->ended (what was begun may be
	 * dropped). Called in arrival order of connections.
	 */
	enum outcome (*take)(void *arg, struct client *, struct span in,
	    size_t most, size_t *used, size_t *requests, struct fault *);
	/* Instead of take: each line is a request, of RECORD_MAX at most. */
	enum outcome (*line)(
	    void *arg, struct client *, struct span line, struct fault *);
	/* Once a round, before answers leave; may add to any client's outbuf. */
	void (*finish)(void *arg);
	/* After the answers of the round left: hints to others, the journal. */
	void (*after)(void *arg);
	/* A client is about to be freed: free client->state. */
	void (*gone)(void *arg, struct client *);
	/*
	 * Optional: descriptors of the service's own, polled beside the
	 * clients, and its next deadline. prepare() fills at most `max` and
	 * says how many and how long to wait at most (-1: no deadline);
	 * ready() gets them back, also after a wait that ran out.
	 */
	size_t (*prepare)(void *arg, struct pollfd *, size_t max, int *wait_ms);
	void (*ready)(void *arg, const struct pollfd *, size_t n);
	/* Optional: SIGHUP came. */
	void (*reload)(void *arg);
	/* Requests are hints that want no answer: what a client said before it
	   hung up counts. */
	bool hints;
	bool shared; /* several processes accept on one listener: spread */
	size_t clients_max; /* connections; more wait in the backlog */
	uint64_t idle_ms; /* 0: CLIENT_IDLE_MS */
};
#define SERVE_EXTRA_MAX 80

/*
 * Any of the functions but take may be NULL. Ends by SIGTERM or end of fd 0,
 * or with the fault of a session whose request was malformed.
 */
enum outcome serve_lines(
    const struct line_service *, void *arg, struct fault *) MUST_USE;
/* Before and beside it: hand out an answer to a client known by serial, if it
   still is there; for services that answer in a later round. */
struct client *serve_client(uint64_t serial);

#endif
