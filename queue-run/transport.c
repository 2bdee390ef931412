/* SPDX-License-Identifier: ISC */
/* transport.c: the table of transports. */
#include "transport.h"

#include <stddef.h>
#include <string.h>

#include "prog.h"
#include "wire_resolve.h"

static const struct transport transports[] = {
	{ TRANSPORT_PROGRAM, "deliver-program",
	    &prog.settings.program.deadline_ms },
};

const struct transport *
transport_find(const char *name)
{
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
		if (strcmp(transports[i].name, name) == 0)
			return &transports[i];
	return NULL;
}
