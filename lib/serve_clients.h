/* SPDX-License-Identifier: ISC */
/*
 * serve_clients.h: between serve_lines.c (what a round is) and serve_clients.c
 * (the connections: who is there, octets in, answers out). Nobody else's.
 */
#ifndef LIB_SERVE_CLIENTS_H
#define LIB_SERVE_CLIENTS_H

#include "serve.h"

#define SERVE_CLIENTS_MOST 65535 /* index part of a serial */
#define SERVE_TAG_LISTENER UINT64_MAX /* epoll's data of fd 0; else an index */

/* A client and what only the loop knows of it. */
struct conn {
	struct client c; /* first: serve_client() hands it out */
	size_t at; /* octets of inbuf that the service has used */
	bool open; /* this slot is in use */
	bool always; /* a file or /dev/null: poll knows nothing of it */
	bool gone; /* both directions closed, or an error: no answers */
	bool blocked; /* EPOLLOUT is asked for */
	bool hungry; /* take() wants more octets than there are */
	bool queued; /* in the round's list */
};

struct server {
	const struct line_service *service;
	void *arg;
	int epoll;
	bool listens, paused; /* fd 0 is a listener; and is not asked now */
	struct conn **conn; /* by index */
	size_t conns, open, most;
	size_t *list; /* who has requests, in order of arrival */
	size_t listed;
	uint64_t next; /* counting part of a serial */
	uint64_t idle_ms; /* for half a request, or answers unread */
	int pause_ms;
	uint64_t pause_until; /* 0: not lacking descriptors */
	sigset_t waiting; /* signals that may come, while we wait only */
	size_t round_octets, round_requests;
	struct fault malformed; /* what a session's request was, or OK */
};

/* serve_client() answers for this one; NULL: for none. */
void clients_use(struct server *);

void client_begin(struct server *, int in, int out, bool is_socket);
void client_end(struct server *, size_t i);
/* All that is there, up to the limits; the client is then in s->list. */
void client_read(struct server *, size_t i);
/* What the client takes of its answers, without waiting for it. */
void client_send(struct server *, size_t i);
/* May its requests be handled now? Does it have some? */
bool client_is_served(const struct conn *);
bool client_has_requests(const struct conn *);

void clients_listen(struct server *, bool on); /* while there is a listener */
void clients_listen_no_more(struct server *);
void clients_accept(struct server *);
/* The end of a round: answers leave; who is done, or too slow, goes. */
void clients_settle(struct server *);
void clients_sweep(struct server *);

#endif
