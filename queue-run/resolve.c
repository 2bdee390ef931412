/* SPDX-License-Identifier: ISC */
/* resolve.c, STEP_RESOLVE: where each recipient's copy goes. */
#include <errno.h>
#include <string.h>

#include "codes.h"
#include "transport.h"
#include "steps.h"
#include "wire_resolve.h"

static enum outcome
put(struct run *run, const struct ask *ask, struct buf *out, struct fault *f)
{
	const struct envelope *e = &ask->m->envelope;
	struct resolve_req req = { .forward_path = path_span(
		                       &e->recipient[ask->i].forward_path),
		.reverse_path = path_span(&e->reverse_path) };

	(void)run;
	return wire_resolve_put_req(out, &req, f);
}

/* *transport is NULL for a mailbox. */
static enum outcome
choose_transport(const struct resolve_ans *ans,
    const struct transport **transport, struct fault *f)
{
	*transport = NULL;
	if (resolve_is_mailbox(ans))
		return OK;
	*transport = transport_find(ans->transport);
	if (*transport != NULL)
		return OK;
	if (resolve_is_remote(ans)) /* nothing takes mail out of here yet */
		return fault_set(
		    f, PERM, "5.4.4", 0, "no route to %s", ans->nexthop);
	return fault_set(
	    f, TEMP, "4.3.5", 0, "%s: no such transport", ans->transport);
}

/* False: it answers something else, and so will all that follow. */
static bool
answer(struct run *run, const struct ask *ask, struct span line)
{
	struct message *m = ask->m;
	struct status *status = &m->status[ask->i];
	struct resolve_ans ans;
	struct fault f;

	if (wire_resolve_get_ans(line,
	        path_span(&m->envelope.recipient[ask->i].forward_path), &ans,
	        &f) != OK ||
	    choose_transport(&ans, &status->transport, &f) != OK) {
		status_end_by_fault(m, ask->i, &f);
		return f.error != EPROTO;
	}
	run_tell(run, CODE_RESOLVED, m,
	    JOURNAL_FIELDS(RUN_RECIPIENT(m, ask->i),
	        JOURNAL_TEXT("tag", ans.transport),
	        JOURNAL_TEXT(
	            resolve_is_mailbox(&ans) ? "path" : "nexthop", ans.nexthop),
	        JOURNAL_TEXT("rule", ans.rule)));
	/* A plus-address or a catch-all tells its reader more than the name of
	   the mailbox: such a copy is never saved. */
	status->keeps_detail =
	    strcmp(ans.rule, "plus") == 0 || strcmp(ans.rule, "catch-all") == 0;
	status->quota = ans.quota;
	status->path = message_keep(m, span_of(ans.nexthop));
	status->address = message_keep(m, span_of(ans.address));
	return true;
}

static const struct question question = { put, answer, stage_defer, 0 };

void
resolve_message(struct run *run, struct message *m)
{
	for (size_t i = 0; i < m->envelope.recipients; i++)
		if (m->status[i].state == STATUS_OPEN && m->operation == NULL)
			stage_ask(&run->stage[STAGE_RESOLVE], m, &question, i);
	if (m->open == 0)
		message_go(run, m, STEP_REST);
}
