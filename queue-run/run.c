/* SPDX-License-Identifier: ISC */
/* run.c: what the steps of queue-run share. */
#include "run.h"

#include <errno.h>

#include "clock.h"
#include "codes.h"

void
message_go(struct run *run, struct message *m, enum step step)
{
	m->step = step;
	if (run->step[step].n == 0)
		m->wait_ms = clock_mono_ms();
	list_add(&run->step[step], m);
}

uint64_t
run_lets_go_ms(const struct run *run, const struct list *list)
{
	const struct message *m = TAILQ_FIRST(&list->head);

	if (m == NULL)
		return 0;
	return run->draining || list->n >= run->set->let_go_max
	    ? 1 /* long ago */
	    : m->wait_ms + run->set->let_go_ms;
}

uint64_t
run_earlier_ms(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

void
run_takes(struct run *run, const struct message *m)
{
	if (run->careful && !run->requests_only)
		store_run_takes(
		    &run->store, m == NULL ? NULL : &m->envelope.qid);
}

enum outcome
run_syncfs(struct run *run, struct fault *f)
{
	if (store_syncfs(&run->store, f) == OK)
		return OK;
	store_io_error(&run->store, &run->journal, NULL, f);
	return f->outcome;
}

void
run_set_aside(struct run *run, const struct qid *qid, struct store_place place,
    bool with_content, const char *why)
{
	struct fault f;

	if (store_set_aside(&run->store, qid, place, &f) != OK) {
		journal_alarm(&run->journal, qid, "%s", f.text);
		return;
	}
	if (with_content &&
	    store_set_aside(&run->store, qid, store_content_place(qid), &f) !=
	        OK &&
	    f.error != ENOENT)
		journal_alarm(&run->journal, qid, "%s", f.text);
	journal_tell(&run->journal, CODE_ASIDE, qid,
	    JOURNAL_FIELDS(JOURNAL_TEXT("text", why)));
}

void
run_alarm(struct run *run, const struct message *m, const struct fault *f)
{
	journal_alarm(
	    &run->journal, m == NULL ? NULL : &m->envelope.qid, "%s", f->text);
}

void
run_tell(struct run *run, const char *code, const struct message *m,
    const struct journal_field *fields)
{
	journal_tell(&run->journal, code, &m->envelope.qid, fields);
}
