/* SPDX-License-Identifier: ISC */
/* alarm.c: what an operator must hear of. */
#include <errno.h>

#include "accept.h"
#include "codes.h"

void
accept_alarm(struct accept *a, const struct qid *qid, const struct fault *f)
{
	struct record_out out = journal_begin(a->journal, CODE_ALARM, qid);

	record_puts(out, "code", f->code);
	record_puts(out, "text", f->text);
	journal_end(a->journal, out);
}

bool
accept_is_io_error(const struct fault *f)
{
	return f->error == EIO || f->error == EROFS;
}

void
accept_io_error(
    struct accept *a, const struct qid *qid, const struct fault *why)
{
	store_trouble_set(a->store, "queue-add", why->text);
	accept_alarm(a, qid, why);
}
