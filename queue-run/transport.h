/* SPDX-License-Identifier: ISC */
/* transport.h: the transports other than that of mailboxes. */
#ifndef QUEUE_RUN_TRANSPORT_H
#define QUEUE_RUN_TRANSPORT_H

#include <stdint.h>

struct transport {
	const char *name; /* as `resolve` answers it */
	const char *service; /* run/<service> takes its attempts */
	const uint64_t *deadline_ms; /* of one attempt: a setting */
};
/* NULL: there is no such transport. */
const struct transport *transport_find(const char *name);

#endif
