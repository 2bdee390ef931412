/* SPDX-License-Identifier: ISC */
/* fixup.c: the fields that a submitted message lacks. */
#include "fixup.h"

#include <stdio.h>

#include "clock.h"
#include "field.h"

void
fixup_begin(struct fixup *x, const struct qid *qid, const char *hostname,
    const char *user, const char *name)
{
	*x = (struct fixup){ .is_wanted = true,
		.hostname = hostname,
		.user = user,
		.name = name,
		.qid = *qid };
}

bool
fixup_look(struct fixup *x, struct span line)
{
	struct span name = span_head(line, field_name(line));

	if (name.len == 0)
		return line.len == 0 || !is_wsp(line.p[0]);
	x->has_date |= span_same_nocase(name, SPAN_LIT("Date"));
	x->has_from |= span_same_nocase(name, SPAN_LIT("From"));
	x->has_id |= span_same_nocase(name, SPAN_LIT("Message-ID"));
	return false;
}

void
fixup_end(struct fixup *x, struct buf *b, char *message_id, size_t size)
{
	char date[48];

	if (!x->is_wanted)
		return;
	x->is_wanted = false;
	if (!x->has_date) {
		clock_rfc5322(clock_wall_ms(), date);
		buf_addf(b, "Date: %s\r\n", date);
	}
	if (!x->has_from && x->user[0] != '\0') {
		buf_adds(b, "From: ");
		field_put_mailbox(b, span_of(x->name), span_of(x->user));
		buf_adds(b, "\r\n");
	}
	if (!x->has_id) {
		(void)snprintf(
		    message_id, size, "<%s@%s>", x->qid.text, x->hostname);
		buf_addf(b, "Message-ID: %s\r\n", message_id);
	}
}
