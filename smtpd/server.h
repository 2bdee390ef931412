/* SPDX-License-Identifier: ISC */
/* server.h: what one process keeps from session to session. */
#ifndef SMTPD_SERVER_H
#define SMTPD_SERVER_H

#include "envelope.h"
#include "journal.h"
#include "service.h"
#include "settings.h"
#include "stream.h"
#include "submit.h"

struct server {
	const struct settings *set; /* set->smtpd.role: of its listener */
	const char *hostname;
	int queue_fd; /* the queue's directory, for its free space; or -1 */
	uint64_t space_ms; /* when free space was looked at, monotonic */
	uint64_t space; /* octets free then, above the set reserve */
	struct service resolve;
	struct submit submit;
	struct journal journal;
	struct stream io;
	struct envelope envelope;
	struct buf content; /* of struct content, see there */
	struct buf question; /* to resolve */
};

/* Everything but resolve, submit and journal, which the caller opens. */
void server_begin(struct server *, const struct settings *,
    const char *hostname, int queue_fd);
void server_free(struct server *);
/* Is there room for a message of this many octets? 452 4.3.1 if not. */
bool server_has_space(struct server *, uint64_t octets);

#endif
