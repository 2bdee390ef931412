/* SPDX-License-Identifier: ISC */
/* The bounded window, retry times, and listings that fill it. */
#include "queue-run.h"

#include <errno.h>

#include "clock.h"
#include "serve.h"

#define MINUTE 60000UL

static void
test_retry_times(void)
{
	static const struct {
		const char *title;
		uint32_t tries;
		uint64_t minutes;
	} cases[] = {
		{ "the first retry comes in the next minute", 0, 1 },
		{ "the second waits two minutes", 1, 2 },
		{ "the fifth waits sixteen", 4, 16 },
		{ "none waits longer than an hour", 6, 60 },
		{ "nor after a thousand tries", 1000, 60 },
	};
	uint64_t now = 1764000000000 - 1764000000000 % MINUTE + 31234;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t at =
		    retry_ms(&prog.settings.queue, now, cases[i].tries);

		tap_ok(at / MINUTE - now / MINUTE == cases[i].minutes, "%s",
		    cases[i].title);
	}
}

/* Two recipients of one message, each with its own tries; a third is not due. */
static void
test_own_tries(struct run *run)
{
	uint64_t now = clock_wall_ms(), first;
	struct message *m;
	struct envelope e;
	char name[64];
	struct fault f;

	test_envelope(
	    &e, "ann@example.org", "a@example.org b@example.org c@example.org");
	e.recipient[1].tries = 4;
	(void)snprintf(name, sizeof(name), "queue/in/%s", e.qid.text);
	test_write(name, SPAN_LIT("x"));
	m = window_add(&run->window, &e.qid, WINDOW_LISTED);
	envelope_free(&m->envelope);
	m->envelope = e;
	status_prepare(m);
	fault_set(&f, TEMP, "4.2.1", 0, "later");
	status_end(m, 0, STATUS_DEFERRED, &f);
	status_end(m, 1, STATUS_DEFERRED, &f);
	m->status[2].state = STATUS_NOT_DUE;
	m->status[2].next_ms = now + 30 * MINUTE;
	message_go(run, m, STEP_REST);
	turn_step(run, STEP_REST);
	first = m->status[0].next_ms / MINUTE;
	tap_ok(first >= now / MINUTE + 1 && first <= now / MINUTE + 2 &&
	        m->status[1].next_ms / MINUTE == first + 15,
	    "each recipient is tried again by its own tries");
	tap_ok(m->to.state == STORE_RETRY1 && m->to.part_ms / MINUTE == first,
	    "and its message is due with the first of them");
	m->status[2].next_ms = now;
	list_remove(&run->step[STEP_SAVE], m);
	message_go(run, m, STEP_REST);
	turn_step(run, STEP_REST);
	tap_ok(m->to.part_ms == now - now % MINUTE,
	    "whoever was left out counts, too");
	list_remove(&run->step[STEP_SAVE], m);

	/* One of its attempts has ended, one is under way. */
	m->status[2].state = STATUS_UNDER_WAY;
	m->attempts = 1;
	message_go(run, m, STEP_REST);
	turn_step(run, STEP_REST);
	tap_ok(m->step == STEP_SAVE && store_is_same_place(m->to, m->place),
	    "what has ended before others is saved where the message lies");
	list_remove(&run->step[STEP_SAVE], m);
	window_drop(&run->window, m);
	(void)unlink(name);
}

/* A minute that has begun is due as a whole: what was put back into it would be
   listed again at once. */
static void
test_whole_minute(struct run *run)
{
	uint64_t minute = clock_wall_ms() / MINUTE * MINUTE;
	struct message *m;
	struct envelope e;

	test_envelope(&e, "ann@example.org", "a@example.org b@example.org");
	m = window_add(&run->window, &e.qid, WINDOW_DUE);
	envelope_free(&m->envelope);
	m->envelope = e;
	m->place = (struct store_place){ STORE_RETRY1, minute };
	m->envelope.recipient[0].next_ms = minute + MINUTE - 1;
	m->envelope.recipient[1].next_ms = minute + 2 * MINUTE;
	load_checked(run, m);
	tap_ok(m->status[0].state == STATUS_OPEN &&
	        m->status[1].state == STATUS_NOT_DUE,
	    "who is to be tried in this minute is due, who later is not");
	list_remove(&run->step[STEP_RESOLVE], m);
	window_drop(&run->window, m);
}

/* A message that is a day old, to so many; it lies in in/, with its envelope. */
static struct message *
old_message(struct run *run, const char *to)
{
	struct buf b = BUF_INIT(65536);
	struct message *m;
	struct envelope e;
	char name[64];
	struct fault f;

	test_envelope(&e, "ann@example.org", to);
	e.time_ms -= 24 * 60 * MINUTE;
	if (envelope_put_apart(&b, &e, &f) != OK)
		abort();
	(void)snprintf(name, sizeof(name), "queue/in/%s", e.qid.text);
	test_write(name, buf_span(&b));
	buf_free(&b);
	m = window_add(&run->window, &e.qid, WINDOW_LISTED);
	envelope_free(&m->envelope);
	m->envelope = e;
	window_weigh(&run->window, m);
	status_prepare(m);
	fault_set(&f, TEMP, "4.2.1", 0, "later");
	status_end(m, 0, STATUS_DEFERRED, &f);
	return m;
}

static enum step
rests(struct run *run, struct message *m)
{
	message_go(run, m, STEP_REST);
	turn_step(run, STEP_REST);
	if (m->listed)
		list_remove(&run->step[m->step], m);
	return m->step;
}

static void
test_overdue(struct run *run)
{
	static const char to[] = "a@example.org b@example.org";
	uint64_t lifetime_ms = prog.settings.queue.lifetime_ms;
	struct message *m = old_message(run, to);
	char name[64];
	struct fault f;

	m->status[1].state = STATUS_UNDER_WAY;
	m->attempts = 1;
	tap_ok(rests(run, m) == STEP_REPORT && m->status[0].delayed,
	    "a delay is told before its deferral is saved");
	m->status[0].delayed = false;
	m->status[0].saved = true;
	m->status[1].state = STATUS_SETTLED;
	m->attempts = 0;
	tap_ok(rests(run, m) == STEP_SAVE && !m->status[0].delayed,
	    "of one that was saved without it the next attempt tells");

	prog.settings.queue.lifetime_ms = 60 * MINUTE;
	m->status[0].saved = false;
	tap_ok(
	    rests(run, m) == STEP_REPORT && m->status[0].state == STATUS_FAILED,
	    "who waits for too long fails");
	fault_set(&f, TEMP, "4.3.1", 0, "it is full");
	report_not_entered(m, &f);
	tap_ok(
	    rests(run, m) == STEP_SAVE && m->status[0].state == STATUS_DEFERRED,
	    "one whose report is not taken waits, and does not fail at once");
	prog.settings.queue.lifetime_ms = lifetime_ms;
	(void)snprintf(name, sizeof(name), "queue/in/%s", m->envelope.qid.text);
	window_drop(&run->window, m);
	(void)unlink(name);
}

/* What ends while the ends of others wait for their round is none of them. */
static void
test_ends_later(struct run *run)
{
	struct message *m = old_message(run, "a@example.org b@example.org");
	char name[64];

	history_put(m);
	status_end(m, 1, STATUS_DELIVERED, NULL);
	history_is_saved(m);
	tap_ok(m->status[0].saved && !m->status[1].saved,
	    "saved is what was put, and not what ended since");
	(void)snprintf(name, sizeof(name), "queue/in/%s", m->envelope.qid.text);
	window_drop(&run->window, m);
	(void)unlink(name);
}

/* A stop, when one recipient has its copy and one was not asked for yet. */
static void
test_stop_between(struct run *run)
{
	struct message *m = old_message(run, "a@example.org b@example.org");
	struct qid qid = m->envelope.qid;
	struct envelope e;
	char name[64];
	struct fault f;
	pid_t pid;

	status_end(m, 0, STATUS_DELIVERED, NULL);
	m->status[0].how = "program";
	m->status[0].path = "pager";
	m->status[1].path = message_keep(m, SPAN_LIT("example.org/b"));
	message_go(run, m, STEP_DELIVER);
	turn_step(run, STEP_DELIVER);
	tap_ok(run->stage[STAGE_DELIVER].n == 1 && m->open == 1,
	    "the other one is to be asked for");
	pid = fork(); /* the end of a session closes its descriptors */
	if (pid == 0) {
		serve_stopping = 1;
		(void)!requests_serve(run, &f);
		_exit(0);
	}
	(void)waitpid(pid, NULL, 0);
	envelope_begin(&e);
	tap_ok(store_read_envelope(
	           &run->store, &qid, STORE_PLACE_IN, false, &e, &f) == OK &&
	        e.recipient[0].state == RECIPIENT_DONE &&
	        e.recipient[1].state == RECIPIENT_WAITS,
	    "after a stop it is known who has his copy");
	envelope_free(&e);
	(void)snprintf(name, sizeof(name), "queue/in/%s", qid.text);
	(void)unlink(name);
}

static void
test_window(struct run *run)
{
	struct message *kept[3];
	struct qid qid[3];

	for (int i = 0; i < 3; i++) {
		qid_draw(&qid[i]);
		kept[i] = window_add(&run->window, &qid[i], WINDOW_LISTED);
	}
	tap_ok(window_find(&run->window, &qid[1]) == kept[1],
	    "a message in the window is found by its qid");
	window_drop(&run->window, kept[1]);
	tap_ok(
	    window_find(&run->window, &qid[1]) == NULL && run->window.held == 2,
	    "one that was dropped is not");
	tap_ok(window_find(&run->window, &qid[0]) == kept[0] &&
	        window_find(&run->window, &qid[2]) == kept[2],
	    "the others still are");
	window_drop(&run->window, kept[0]);
	window_drop(&run->window, kept[2]);
}

static void
test_room(struct run *run)
{
	struct message *m;
	struct qid qid;

	qid_draw(&qid);
	m = window_add(&run->window, &qid, WINDOW_LISTED);
	m->envelope.recipients = 0;
	run->window.weight = run->set->window * 4;
	tap_ok(!window_has_room(&run->window, WINDOW_LISTED),
	    "few messages with many recipients fill the window too");
	run->window.weight = 0;
	tap_ok(window_has_room(&run->window, WINDOW_LISTED),
	    "one message alone does not");
	window_drop(&run->window, m);
}

static void
test_listing(struct run *run)
{
	struct qid qid[30], last = { "" };
	bool in_order = true;
	struct message *m;
	size_t n = 0;

	run->window.most = 10;
	for (int i = 0; i < 30; i++)
		qid[i] = test_one_file("bob@example.org");
	test_write("queue/in/stranger", SPAN_LIT("x"));
	listing_rescan(run);
	listing_fill(run);
	tap_ok(run->window.held == 10 && run->step[STEP_LOAD].n == 10,
	    "a listing fills the window and no more");
	listing_fill(run);
	tap_ok(run->window.held == 10, "a full window takes nothing in");
	while (n < 30 && (m = list_take(&run->step[STEP_LOAD])) != NULL) {
		in_order &= strcmp(last.text, m->envelope.qid.text) < 0;
		last = m->envelope.qid;
		window_drop(&run->window, m);
		n++;
		listing_fill(run);
	}
	tap_ok(n == 30 && in_order, "all of it comes, the oldest first");
	tap_ok(!run->listing.in.active && run->window.held == 0,
	    "and then the list is done");
	for (int i = 0; i < 30; i++) {
		struct fault f;

		(void)!store_unlink(&run->store, &qid[i],
		    (struct store_place){ STORE_IN, 0 }, &f);
	}
}

static void
test_due(struct run *run)
{
	uint64_t now = clock_wall_ms();
	struct store_place due = { STORE_RETRY1, now - 3 * MINUTE };
	struct store_place later = { STORE_RETRY1, now + 9 * MINUTE };
	struct message *m;
	struct qid qid;
	struct fault f;

	qid_draw(&qid);
	for (int i = 0; i < 2; i++) {
		char name[STORE_NAME_MAX], path[STORE_NAME_MAX + 8];
		struct store_place place = i == 0 ? due : later;

		test_make_part(place);
		if (i == 1)
			qid_draw(&qid);
		store_name(place, &qid, name);
		(void)snprintf(path, sizeof(path), "queue/%s", name);
		test_write(path, SPAN_LIT("x"));
	}
	listing_rescan(run);
	for (int i = 0; i < 4; i++)
		listing_fill(run);
	m = list_take(&run->step[STEP_LOAD]);
	tap_ok(m != NULL && run->window.held == 1 &&
	        m->place.state == STORE_RETRY1 &&
	        m->place.part_ms / MINUTE == due.part_ms / MINUTE,
	    "a minute that is due is listed, one that is not waits");
	tap_ok(run->listing.due_ms / MINUTE == later.part_ms / MINUTE,
	    "the next minute is known");
	if (m == NULL)
		return;
	(void)!store_unlink(&run->store, &m->envelope.qid, due, &f);
	window_drop(&run->window, m);
}

/* in/ holds more than a window, and keeps doing so. */
static void
test_full_in(struct run *run)
{
	struct store_place due = { STORE_RETRY1, 1764000000000 };
	char name[STORE_NAME_MAX];
	char path[STORE_NAME_MAX + 8];
	struct qid in[30], retry[10];
	struct message *m;
	struct fault f;
	size_t n = 0, left = 0;

	run->window.most = 10;
	test_make_part(due);
	for (size_t i = 0; i < 30; i++)
		in[i] = test_one_file("bob@example.org");
	for (size_t i = 0; i < 10; i++) {
		qid_draw(&retry[i]);
		store_name(due, &retry[i], name);
		(void)snprintf(path, sizeof(path), "queue/%s", name);
		test_write(path, SPAN_LIT("x"));
	}
	listing_rescan(run);
	run->listing.listed_ms = 0;
	for (int i = 0; i < 3; i++)
		listing_fill(run);
	tap_ok(run->window.part[WINDOW_DUE].held > 0 &&
	        run->window.part[WINDOW_DUE].held < 5 &&
	        run->window.held == 10 + run->window.part[WINDOW_DUE].held,
	    "what is due gets its part beside a full in/, and no more");
	tap_ok(!window_has_room(&run->window, WINDOW_LISTED) &&
	        window_has_room(&run->window, WINDOW_TOLD),
	    "and there is room for new mail that is told");
	while ((m = list_take(&run->step[STEP_LOAD])) != NULL) {
		if (m->place.state == STORE_RETRY1) {
			n++;
			(void)!store_unlink(
			    &run->store, &m->envelope.qid, due, &f);
		} else {
			(void)!store_unlink(&run->store, &m->envelope.qid,
			    (struct store_place){ STORE_IN, 0 }, &f);
		}
		window_drop(&run->window, m);
		listing_fill(run);
	}
	tap_ok(n == 10 && run->window.part[WINDOW_DUE].held == 0 &&
	        run->window.part[WINDOW_DUE].weight == 0 &&
	        run->window.held == 0,
	    "all of it comes");
	for (size_t i = 0; i < 30; i++)
		left +=
		    test_exists((struct store_place){ STORE_IN, 0 }, &in[i]);
	tap_ok(left == 0, "and all of in/");
}

/* Each message from a shell ends a connection, and each end wants a listing,
   which costs a sync of the file system. */
static void
test_listings_rest(struct run *run)
{
	int wait_ms;

	run->listing.rescan_ms = run->listing.due_ms = run->listing.listed_ms =
	    0;
	listing_want_in(run);
	listing_fill(run);
	tap_ok(!run->listing.wanted, "the first listing comes at once");
	run->listing.listed_ms = clock_mono_ms(); /* a disk may take its time */
	listing_want_in(run);
	listing_fill(run);
	wait_ms = turn_wait_ms(run);
	tap_ok(run->listing.wanted && wait_ms > 0 && wait_ms <= 1000,
	    "the next one within a second");
	run->listing.listed_ms -= 1000;
	listing_fill(run);
	tap_ok(!run->listing.wanted, "and then it does");
}

/* What is not begun any more must not keep the last wait awake. */
static void
test_draining(struct run *run)
{
	struct message *m[3];
	struct qid qid;

	for (int i = 0; i < 3; i++) {
		qid_draw(&qid);
		m[i] = window_add(&run->window, &qid, WINDOW_LISTED);
		message_go(run, m[i],
		    i == 0       ? STEP_LOAD
		        : i == 1 ? STEP_RESOLVE
		                 : STEP_WAIT);
		m[i]->wait_ms = 1;
	}
	listing_rescan(run);
	tap_ok(turn_wait_ms(run) == 0, "there is much to do at once");
	run->draining = true;
	tap_ok(turn_wait_ms(run) == -1, "but nothing when we are to end");
	run->draining = false;
	for (int i = 0; i < 3; i++) {
		list_remove(&run->step[m[i]->step], m[i]);
		window_drop(&run->window, m[i]);
	}
}

/* What a stage's death ended after the steps were done goes on at once. */
static void
test_ended_late(struct run *run)
{
	static const enum step steps[] = { STEP_DELIVER, STEP_REPORT };
	struct message *m;
	struct qid qid;

	run->listing.wanted = run->listing.busy_wanted = false;
	run->listing.rescan_ms = run->listing.due_ms = 0;
	tap_ok(turn_wait_ms(run) == -1, "there is nothing to do");
	run->storage.parks = run->listing.busy_wanted = true;
	run->storage.looked_ms = clock_mono_ms();
	tap_ok(turn_wait_ms(run) > 0 && turn_wait_ms(run) <= 5000,
	    "but a look at the disk, while mail is parked");
	run->storage.parks = false;
	tap_ok(turn_wait_ms(run) == 0, "and then what was parked is listed");
	run->listing.busy_wanted = false;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		qid_draw(&qid);
		m = window_add(&run->window, &qid, WINDOW_LISTED);
		message_go(run, m, steps[i]);
		tap_ok(turn_wait_ms(run) == 0, "%s is not waited with",
		    i == 0 ? "a delivery" : "a report");
		list_remove(&run->step[m->step], m);
		window_drop(&run->window, m);
	}
}

#ifndef __SANITIZE_ADDRESS__ /* which has its own */
static bool no_memory;

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);

static void *
refuse(void)
{
	errno = ENOMEM;
	return NULL;
}

void *
malloc(size_t size)
{
	return no_memory ? refuse() : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return no_memory ? refuse() : __libc_calloc(n, size);
}

static int
end_without_memory(struct run *run, void (*work)(struct run *))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)close(2);
		no_memory = true;
		work(run);
		_exit(0);
	}
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* It is a temporary failure of the process: what is on disk waits for the next
   one. */
static void
test_no_memory(struct run *run)
{
	struct qid qid = test_one_file("bob@example.org"), other, first;
	struct store_place in = { STORE_IN, 0 }, hold = { STORE_HOLD, 0 };
	struct message *m = window_add(&run->window, &qid, WINDOW_LISTED);
	struct fault f;

	m->to = hold;
	message_go(run, m, STEP_SAVE);
	tap_ok(end_without_memory(run, save_work) == TEMP &&
	        test_exists(in, &qid) && !test_exists(hold, &qid),
	    "a move that there is no memory for is not begun");
	list_remove(&run->step[STEP_SAVE], m);
	window_drop(&run->window, m);
	run->window.most = 1;
	other = test_one_file("bob@example.org");
	run->listing.rescan_ms = run->listing.due_ms = run->listing.listed_ms =
	    0;
	listing_want_in(run);
	listing_fill(run);
	m = list_take(&run->step[STEP_LOAD]);
	first = m->envelope.qid;
	window_drop(&run->window, m);
	tap_ok(end_without_memory(run, listing_fill) == TEMP,
	    "nor does a listing leave out what there is none for");
	listing_fill(run);
	m = list_take(&run->step[STEP_LOAD]);
	tap_ok(m != NULL && strcmp(m->envelope.qid.text, first.text) != 0,
	    "with memory it comes");
	if (m != NULL)
		window_drop(&run->window, m);
	(void)!store_unlink(&run->store, &qid, in, &f);
	(void)!store_unlink(&run->store, &other, in, &f);
	(void)!store_unlink(&run->store, &qid, in, &f);
}
#endif

int
main(void)
{
	static struct run run;

	test_begin(&run);
	test_retry_times();
	test_own_tries(&run);
	test_whole_minute(&run);
	test_overdue(&run);
	test_ends_later(&run);
	test_window(&run);
	test_room(&run);
	test_listing(&run);
	test_due(&run);
	test_full_in(&run);
	test_listings_rest(&run);
	test_draining(&run);
	test_ended_late(&run);
#ifndef __SANITIZE_ADDRESS__
	test_no_memory(&run);
#endif
	test_stop_between(&run);
	return test_end(&run);
}
