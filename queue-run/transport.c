/* SPDX-License-Identifier: ISC */
/* transport.c: the table of transports. */
#include "transport.h"

#include <stddef.h>
#include <string.h>

#include "prog.h"
#include "wire_resolve.h"

/* deliver-smtp ends an attempt by its own timeouts; who says nothing for so
   long, with a large message on a slow line, hangs. Ours */
static const uint64_t smtp_deadline_ms = UINT64_C(2) * 3600 * 1000;

static const struct transport transports[] = {
	{ TRANSPORT_PROGRAM, "deliver-program",
	    &prog.settings.program.deadline_ms, false },
	{ TRANSPORT_SMTP, "deliver-smtp", &smtp_deadline_ms, true },
};

const struct transport *
transport_find(const char *name)
{
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
		if (strcmp(transports[i].name, name) == 0)
			return &transports[i];
	return NULL;
}
