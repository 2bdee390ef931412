/* SPDX-License-Identifier: ISC */
/* run.c: what the steps of queue-run share. */
#include "run.h"

#include "clock.h"

#define PAUSE_MS 1000 /* until memory is asked for again. Ours */

void
message_go(struct run *run, struct message *m, enum step step)
{
	m->step = step;
	m->wait_ms = 0;
	list_add(&run->step[step], m);
}

void
message_leave(struct run *run, struct message *m)
{
	list_remove(&run->step[m->step], m);
}

void
run_message_answered(struct run *run, struct message *m)
{
	list_add(&run->answered, m);
}

void
run_takes(struct run *run, const struct message *m)
{
	if (run->careful && !run->requests_only)
		store_run_takes(
		    &run->store, m == NULL ? NULL : &m->envelope.qid);
}

void
run_pause(struct run *run)
{
	run->pause_ms = clock_mono_ms() + PAUSE_MS;
}

bool
run_is_paused(const struct run *run)
{
	return run->pause_ms != 0 && clock_mono_ms() < run->pause_ms;
}

void
run_io_error(struct run *run, const struct fault *f)
{
	store_trouble_set(&run->store, run->journal.program, f->text);
	run_alarm(run, NULL, f);
}

enum outcome
run_syncfs(struct run *run, struct fault *f)
{
	if (store_syncfs(&run->store, f) == OK)
		return OK;
	run_io_error(run, f);
	return f->outcome;
}

void
run_alarm(struct run *run, const struct message *m, const struct fault *f)
{
	journal_alarm(
	    &run->journal, m == NULL ? NULL : &m->envelope.qid, "%s", f->text);
}

struct record_out
run_entry_recipient(
    struct run *run, const char *code, const struct message *m, size_t i)
{
	const struct recipient *r = &m->envelope.recipient[i];
	struct record_out out =
	    journal_begin(&run->journal, code, &m->envelope.qid);

	record_put_num(out, "n", r->n);
	record_put(out, "to", path_span(&r->forward_path));
	return out;
}
