/* SPDX-License-Identifier: ISC */
/* A line `listen` of smtpd: one that is taken has one meaning, and keeps it when
   what was read of it is written again. */
#include "../../start/listen.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct listen_line lines[LISTEN_LINES_MAX];

/* The line of TCP that came of the text; NULL: it was refused. */
static const struct listen_line *
read_line(char *text)
{
	static struct settings set;
	char *value[] = { text };
	size_t paths;

	set.smtpd.listen = (struct setting_list){ .n = 0 };
	paths = listen_list(&set, lines, NULL);
	set.smtpd.listen = (struct setting_list){ .value = value, .n = 1 };
	return listen_list(&set, lines, NULL) > paths ? &lines[paths] : NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[1024], again[LISTEN_ADDRESS_MAX + 64];
	const struct listen_line *line;
	struct listen_line first;

	if (size >= sizeof(text) || memchr(data, '\0', size) != NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	line = read_line(text);
	if (line == NULL)
		return 0;
	first = *line;
	(void)snprintf(again, sizeof(again), "%s %s %s", first.text,
	    first.row->role == NULL ? "" : first.row->role,
	    first.tls ? "tls" : "");
	line = read_line(again);
	if (line == NULL || line->row != first.row || line->tls != first.tls ||
	    strcmp(line->text, first.text) != 0)
		abort();
	return 0;
}
