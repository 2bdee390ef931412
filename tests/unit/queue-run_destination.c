/* SPDX-License-Identifier: ISC */
/* Next hops: whose turn it is, who waits, what closes one. */
#include "../../queue-run/destination.c"

#include "queue-run.h"

/* A message for so many recipients at that next hop. */
static struct message *
add(struct run *run, const char *nexthop, size_t recipients)
{
	struct path path = test_path("other@example.org");
	struct message *m;
	struct envelope e;
	struct fault f;

	test_envelope(&e, "ann@example.net", "pager@example.org");
	while (e.recipients < recipients)
		if (envelope_add_recipient(
		        &e, &path, SPAN_EMPTY, SPAN_EMPTY, &f) != OK)
			abort();
	m = window_add(&run->window, &e.qid, WINDOW_LISTED);
	envelope_free(&m->envelope);
	m->envelope = e;
	status_prepare(m);
	for (size_t i = 0; i < recipients; i++) {
		m->status[i].transport = transport_find(TRANSPORT_PROGRAM);
		m->status[i].path = message_keep(m, span_of(nexthop));
		destination_add(run, m, i);
	}
	m->step = STEP_ATTEMPTS;
	return m;
}

/* None is left of a test: neither messages nor what is known of next hops. */
static void
end(struct run *run)
{
	struct destinations *all = run->destinations;
	struct destination *d;
	struct message *m;

	destination_cancel(run, NULL);
	while ((m = TAILQ_FIRST(&run->window.messages)) != NULL) {
		if (m->listed)
			list_remove(&run->answered, m);
		window_drop(&run->window, m);
	}
	while ((d = TAILQ_FIRST(&all->turns[TURNS_NONE])) != NULL)
		forget(all, d);
	if (all->busy + all->waiting + all->unproven + all->known > 0)
		abort();
	free(all);
	destinations_begin(run);
}

/* An attempt, as attempt.c makes one. */
struct
try {
	struct destination *d;
	struct message *m;
	uint32_t *recipient;
	size_t n;
};

static bool
begin(struct run *run, struct try *try)
{
	struct share *share = destination_next(run);

	if (share == NULL)
		return false;
	try->d = share->destination;
	try->m = share->m;
	try->recipient = destination_take(run, share, 100, &try->n);
	return true;
}

static void
went(struct run *run, struct try *try, enum destination_went went)
{
	struct fault f;

	(void)fault_set(&f, TEMP, "4.4.1", 0, "connection refused");
	for (size_t k = 0; k < try->n; k++)
		status_end(try->m, try->recipient[k],
		    went == DESTINATION_ANSWERED ? STATUS_DELIVERED
		                                 : STATUS_DEFERRED,
		    &f);
	free(try->recipient);
	destination_made(run, try->d, went, &f);
	destination_part_ended(run, try->m);
}

/* So many can begin now; all of them end so. */
static size_t
round_of(struct run *run, enum destination_went how)
{
	struct try try[64];
	size_t n = 0;

	while (n < 64 && begin(run, &try[n]))
		n++;
	for (size_t i = 0; i < n; i++)
		went(run, &try[i], how);
	return n;
}

static bool
is_deferred(const struct message *m, const char *why)
{
	return m->attempts == 0 && m->status[0].state == STATUS_DEFERRED &&
	    strstr(m->status[0].text, why) != NULL;
}

/* The names of those whose attempts begin, in their order. */
static const char *
order(struct run *run)
{
	static char names[512];
	struct try try[64];
	size_t n = 0;

	names[0] = '\0';
	while (n < 64 && begin(run, &try[n])) {
		(void)snprintf(names + strlen(names),
		    sizeof(names) - strlen(names), " %s", try[n].d->nexthop);
		n++;
	}
	for (size_t i = 0; i < n; i++)
		went(run, &try[i], DESTINATION_ANSWERED);
	return names;
}

static void
test_turns(struct run *run)
{
	struct message *m;

	for (int i = 0; i < 3; i++)
		(void)add(run, "many", 1);
	m = add(run, "few", 1);
	tap_ok(strcmp(order(run), " many few many") == 0 && m->listed,
	    "the next hops take turns");
	(void)order(run);
	for (int i = 0; i < 3; i++)
		(void)add(run, "many", 1);
	(void)add(run, "new", 1);
	tap_ok(strcmp(order(run), " many new many many") == 0,
	    "one that is not known yet among them");
	end(run);

	m = add(run, "one", 250);
	(void)add(run, "one", 1);
	tap_ok(m->attempts == 1,
	    "recipients that share a next hop wait there "
	    "together");
	prog.settings.queue.nexthop_attempts = 1;
	tap_ok(round_of(run, DESTINATION_ANSWERED) == 1 && m->attempts == 1 &&
	        m->status[99].state == STATUS_DELIVERED &&
	        m->status[100].state == STATUS_UNDER_WAY,
	    "a part of them is an attempt");
	tap_ok(round_of(run, DESTINATION_ANSWERED) == 1 &&
	        m->status[100].state == STATUS_UNDER_WAY,
	    "then it is another message's turn");
	tap_ok(round_of(run, DESTINATION_ANSWERED) == 1 &&
	        round_of(run, DESTINATION_ANSWERED) == 1 && m->attempts == 0 &&
	        m->status[249].state == STATUS_DELIVERED,
	    "and the rest follows");
	prog.settings.queue.nexthop_attempts = 5;
	end(run);
}

static void
test_allowed(struct run *run)
{
	size_t got[6];

	for (int i = 0; i < 40; i++)
		(void)add(run, "grows", 1);
	for (int i = 0; i < 3; i++)
		got[i] = round_of(run, DESTINATION_ANSWERED);
	tap_ok(got[0] == 2 && got[1] == 4 && got[2] == 5,
	    "each success allows one attempt more, up to the setting: "
	    "%zu %zu %zu",
	    got[0], got[1], got[2]);
	for (int i = 3; i < 6; i++) {
		struct try try;

		if (!begin(run, &try))
			abort();
		went(run, &try, DESTINATION_SILENT);
		got[i] = try.d->allowed;
	}
	tap_ok(got[3] == 3 && got[4] == 2 && got[5] == 1 &&
	        destination_next(run) != NULL,
	    "each failure halves that, down to one");
	end(run);
}

static void
test_unproven(struct run *run)
{
	char name[16];
	size_t n;

	for (int i = 0; i < 30; i++) {
		(void)snprintf(name, sizeof(name), "dark%d", i);
		(void)add(run, name, 1);
	}
	n = round_of(run, DESTINATION_SILENT);
	tap_ok(n == 10,
	    "those that are not known to answer have half of all "
	    "attempts: %zu",
	    n);
	end(run);

	(void)add(run, "well", 1);
	(void)round_of(run, DESTINATION_ANSWERED);
	for (int i = 0; i < 30; i++) {
		(void)snprintf(name, sizeof(name), "dark%d", i);
		(void)add(run, name, 1);
	}
	for (int i = 0; i < 4; i++)
		(void)add(run, "well", 1);
	n = round_of(run, DESTINATION_ANSWERED);
	tap_ok(n == 13, "one that is, has others: %zu", n);
	n = round_of(run, DESTINATION_ANSWERED);
	tap_ok(n == 11, "and so have those that answered since: %zu", n);
	end(run);
}

/* One hangs, twenty are well. */
static void
test_hanging(struct run *run)
{
	struct try hung[64], try;
	size_t hangs = 0, done = 0, turns = 0;
	char name[16];

	for (int i = 0; i < 8; i++)
		(void)add(run, "hangs", 1);
	for (int i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "well%d", i % 20);
		(void)add(run, name, 1);
	}
	while (hangs < 64 && begin(run, &try)) {
		turns++;
		if (strcmp(try.d->nexthop, "hangs") == 0) {
			hung[hangs++] = try;
			continue;
		}
		went(run, &try, DESTINATION_ANSWERED);
		done++;
	}
	tap_ok(hangs == 2 && done == 200 && turns == 202,
	    "one that hangs has two attempts, and twenty others all the rest");
	while (hangs > 0)
		went(run, &hung[--hangs], DESTINATION_FAILED);
	end(run);
}

static void
test_closed(struct run *run)
{
	struct message *m = add(run, "away", 1), *waits, *later;
	struct destination *d = find(run, m->status[0].transport, "away");
	uint64_t pause;
	struct try try[2];

	waits = add(run, "away", 1);
	(void)add(run, "away", 1);
	if (!begin(run, &try[0]) || !begin(run, &try[1]))
		abort();
	tap_ok(!begin(run, &(struct try){ .n = 0 }), "the third one waits");
	waits = TAILQ_FIRST(&d->shares)->m;
	went(run, &try[0], DESTINATION_FAILED);
	later = add(run, "away", 1);
	pause = d->pause_ms;
	tap_ok(pause == run->set->retry_min_ms &&
	        is_deferred(waits, "connection refused") && waits->listed,
	    "one that fails as a whole is closed, and who waits for it "
	    "deferred");
	tap_ok(is_deferred(later, "connection refused") && !later->listed,
	    "and who comes then");
	went(run, &try[1], DESTINATION_FAILED);
	tap_ok(d->pause_ms == pause, "two attempts at once are one failure");

	d->closed_ms = clock_mono_ms();
	for (int i = 0; i < 3; i++)
		later = add(run, "away", 1);
	tap_ok(round_of(run, DESTINATION_FAILED) == 1 &&
	        d->pause_ms == 2 * pause && later->attempts == 0,
	    "after that time one attempt is made; if it fails, the next time "
	    "is twice as long");
	for (int i = 0; i < 20; i++) {
		d->closed_ms = clock_mono_ms();
		(void)add(run, "away", 1);
		(void)round_of(run, DESTINATION_FAILED);
	}
	tap_ok(d->pause_ms == run->set->retry_max_ms, "up to the longest");
	d->closed_ms = clock_mono_ms();
	for (int i = 0; i < 3; i++)
		(void)add(run, "away", 1);
	tap_ok(round_of(run, DESTINATION_ANSWERED) == 1 && d->pause_ms == 0 &&
	        round_of(run, DESTINATION_ANSWERED) == 2,
	    "if it answers, more follow");
	(void)add(run, "away", 1);
	m = add(run, "away", 1);
	if (!begin(run, &try[0]))
		abort();
	went(run, &try[0], DESTINATION_FAILED);
	tap_ok(d->closed_ms == 0 && m->attempts == 1,
	    "one that answered is not closed by the first failure");
	(void)round_of(run, DESTINATION_FAILED);
	tap_ok(d->closed_ms > 0, "but by the second");
	end(run);
}

/* A next hop has a tenth of the window. */
static void
test_full(struct run *run)
{
	uint64_t window = prog.settings.queue.window;
	struct message *m[8], *other;
	size_t waiting = 0;

	prog.settings.queue.window = 30;
	for (int i = 0; i < 8; i++) {
		m[i] = add(run, "crowded", 3);
		waiting += m[i]->attempts;
	}
	tap_ok(waiting == 4, "so many wait for one next hop");
	tap_ok(is_deferred(m[4], "too many messages wait for crowded") &&
	        m[4]->status[0].postponed &&
	        m[4]->status[0].next_ms > clock_wall_ms(),
	    "the others go back to the disk without a try");
	tap_ok(m[3]->status[2].state == STATUS_UNDER_WAY,
	    "a message that waits, waits with all its recipients");
	other = add(run, "quiet", 1);
	tap_ok(other->attempts == 1, "another next hop has room");
	destination_cancel(run, m[0]);
	tap_ok(m[0]->attempts == 0 && m[0]->status[2].state == STATUS_OPEN &&
	        m[0]->listed && m[1]->attempts == 1,
	    "what was not begun is taken back, of one message");
	destination_cancel(run, NULL);
	tap_ok(m[1]->attempts == 0 && other->attempts == 0 &&
	        destination_next(run) == NULL,
	    "and of all");
	prog.settings.queue.window = window;
	end(run);
}

static void
test_undone(struct run *run)
{
	struct message *first = add(run, "kept", 2);
	struct try try;

	(void)add(run, "kept", 1);
	if (!begin(run, &try))
		abort();
	destination_undone(run, try.d, try.m, try.recipient, try.n);
	tap_ok(first->attempts == 1 && try.d->busy == 0,
	    "an attempt that had not begun waits again");
	if (!begin(run, &try))
		abort();
	tap_ok(try.m == first && try.n == 2, "before all others");
	run->draining = true;
	destination_undone(run, try.d, try.m, try.recipient, try.n);
	tap_ok(first->attempts == 0 && first->status[1].state == STATUS_OPEN &&
	        destination_next(run) == NULL,
	    "but not in a stop, in which none begins");
	run->draining = false;
	end(run);
}

static void
test_forgotten(struct run *run)
{
	struct destinations *all = run->destinations;
	char name[16];

	for (int i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "host%d", i);
		(void)add(run, name, 1);
		destination_cancel(run, NULL);
	}
	tap_ok(all->known < 5, "next hops without an attempt are forgotten");
	(void)add(run, "well", 1);
	(void)round_of(run, DESTINATION_ANSWERED);
	(void)add(run, "away", 1);
	(void)round_of(run, DESTINATION_FAILED);
	for (int i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "host%d", i);
		(void)add(run, name, 1);
		destination_cancel(run, NULL);
	}
	tap_ok(find(run, transport_find(TRANSPORT_PROGRAM), "well")->answers &&
	        find(run, transport_find(TRANSPORT_PROGRAM), "away")->why !=
	            NULL,
	    "what one had said is known for a while");
	for (int i = 0; i < KNOWN_MAX + 1000; i++) {
		(void)snprintf(name, sizeof(name), "x%d", i);
		find(run, transport_find(TRANSPORT_PROGRAM), name)->known_ms =
		    UINT64_MAX;
	}
	tap_ok(
	    all->known <= KNOWN_MAX + LOOKS, "but of so many: %zu", all->known);
	end(run);
}

int
main(void)
{
	static struct run run;

	test_begin(&run);
	test_turns(&run);
	test_allowed(&run);
	test_unproven(&run);
	test_hanging(&run);
	test_closed(&run);
	test_full(&run);
	test_undone(&run);
	test_forgotten(&run);
	return test_end(&run);
}
