/* SPDX-License-Identifier: ISC */
/* Resolve, one attempt for each way, and the outcome per recipient. */
#include "queue-run.h"

#include <sys/socket.h>

/* The stages do not run: their questions are read and answered here. */
static struct ask
next_ask(struct stage *stage)
{
	struct ask *first = TAILQ_FIRST(&stage->asks), ask = *first;

	if (stage->unsent == first)
		stage->unsent = TAILQ_NEXT(first, link);
	TAILQ_REMOVE(&stage->asks, first, link);
	stage->n--;
	free(first);
	return ask;
}

/* As stage.c ends an ask. */
static void
ended(struct run *run, const struct ask *ask)
{
	if (ask->m != NULL && --ask->m->open == 0)
		list_add(&run->answered, ask->m);
	turn_answered(run);
}

static void
answer_ask(struct run *run, const struct ask *ask, const char *line)
{
	if (ask->m != NULL)
		run_takes(run, ask->m);
	(void)ask->question->answer(run, ask, span_of(line));
	ended(run, ask);
}

static void
fail_ask(
    struct run *run, const struct ask *ask, bool died, const struct fault *f)
{
	ask->question->failed(run, ask, died, f);
	ended(run, ask);
}

static void
answer(struct run *run, struct stage *stage, const char *line)
{
	struct ask ask = next_ask(stage);

	answer_ask(run, &ask, line);
}

static struct message *
begin(struct run *run, const char *to)
{
	struct message *m;
	struct envelope e;

	test_envelope(&e, "ann@example.net", to);
	m = window_add(&run->window, &e.qid, WINDOW_LISTED);
	envelope_free(&m->envelope);
	m->envelope = e;
	m->told = true;
	window_weigh(&run->window, m);
	status_prepare(m);
	message_go(run, m, STEP_RESOLVE);
	turn_step(run, STEP_RESOLVE);
	return m;
}

static void
end(struct run *run, struct message *m)
{
	turn_answered(run);
	(void)list_take(&run->step[m->step]);
	window_drop(&run->window, m);
}

static void
test_same_mailbox(struct run *run)
{
	struct message *m =
	    begin(run, "bob@example.org robert@example.org bob+x@example.org");

	tap_ok(run->stage[STAGE_RESOLVE].n == 3 && m->open == 3,
	    "each recipient is resolved");
	answer(run, &run->stage[STAGE_RESOLVE],
	    "deliver to=bob@example.org transport=mailbox "
	    "nexthop=example.org/bob");
	answer(run, &run->stage[STAGE_RESOLVE],
	    "deliver to=robert@example.org transport=mailbox "
	    "nexthop=example.org/bob rule=alias");
	answer(run, &run->stage[STAGE_RESOLVE],
	    "deliver to=bob+x@example.org transport=mailbox "
	    "nexthop=example.org/bob rule=plus");
	tap_ok(m->step == STEP_DELIVER, "all answered, it is to be delivered");
	turn_step(run, STEP_DELIVER);
	tap_ok(run->stage[STAGE_DELIVER].n == 2,
	    "an alias of the same mailbox gets no second copy, a plus-address "
	    "does");
	tap_ok(m->status[1].state == STATUS_SHARED && m->status[1].same == 0,
	    "the first one's copy serves the alias");
	while (run->stage[STAGE_DELIVER].n > 0) {
		char line[128];
		uint32_t i = TAILQ_FIRST(&run->stage[STAGE_DELIVER].asks)->i;

		(void)snprintf(line, sizeof(line), "ok qid=%s n=%u how=link",
		    m->envelope.qid.text, m->envelope.recipient[i].n);
		answer(run, &run->stage[STAGE_DELIVER], line);
	}
	tap_ok(m->step == STEP_SETTLE && m->status[0].state == STATUS_LINKED &&
	        m->status[2].state == STATUS_LINKED,
	    "delivered, it waits for its mailbox's sync");
	end(run, m);
}

static void
test_outcomes(struct run *run)
{
	static const struct {
		const char *title, *answer;
		enum status_state want;
		const char *code;
	} cases[] = {
		{ "perm is a failure",
		    "perm to=x@example.org code=5.1.1 text=no%20such%20user",
		    STATUS_FAILED, "5.1.1" },
		{ "temp is a deferral",
		    "temp to=x@example.org code=4.3.0 text=later",
		    STATUS_DEFERRED, "4.3.0" },
		{ "without a transport to the world there is no route",
		    "deliver to=x@example.org transport=smtp "
		    "nexthop=example.org",
		    STATUS_FAILED, "5.4.4" },
		{ "an unknown word is a deferral", "maybe to=x@example.org",
		    STATUS_DEFERRED, "4.3.0" },
		{ "an answer for another address is a deferral",
		    "deliver to=y@example.org transport=mailbox "
		    "nexthop=example.org/y",
		    STATUS_DEFERRED, "4.3.0" },
		{ "a path that leaves the mailboxes is a deferral",
		    "deliver to=x@example.org transport=mailbox nexthop=../x",
		    STATUS_DEFERRED, "4.3.0" },
		{ "raw octets are a deferral", "mailbox \001", STATUS_DEFERRED,
		    "4.3.0" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message *m = begin(run, "x@example.org");

		answer(run, &run->stage[STAGE_RESOLVE], cases[i].answer);
		turn_step(run, STEP_DELIVER);
		tap_ok(m->status[0].state == cases[i].want &&
		        strcmp(m->status[0].code, cases[i].code) == 0 &&
		        run->stage[STAGE_DELIVER].n == 0,
		    "%s", cases[i].title);
		end(run, m);
	}
}

static void
test_requests(struct run *run)
{
	struct buf b = BUF_INIT(4096);
	struct message *m = begin(run, "x@example.org");
	struct ask ask = *TAILQ_FIRST(&run->stage[STAGE_RESOLVE].asks);
	char want[256];
	struct fault f;

	tap_ok(ask.question->put(run, &ask, &b, &f) == OK &&
	        strcmp(b.p,
	            "resolve to=x@example.org from=ann@example.net\n") == 0,
	    "resolve is asked with both addresses");
	answer(run, &run->stage[STAGE_RESOLVE],
	    "deliver to=x@example.org transport=mailbox nexthop=example.org/x");
	turn_step(run, STEP_DELIVER);
	ask = next_ask(&run->stage[STAGE_DELIVER]);
	buf_reset(&b);
	(void)snprintf(want, sizeof(want), "deliver qid=%s n=1 file=in/%s ",
	    m->envelope.qid.text, m->envelope.qid.text);
	tap_ok(ask.question->put(run, &ask, &b, &f) == OK &&
	        span_has_prefix(buf_span(&b), want) &&
	        strstr(b.p, "again=") == NULL,
	    "a message that was told is delivered without looking first");
	ask.again = true;
	buf_reset(&b);
	tap_ok(ask.question->put(run, &ask, &b, &f) == OK &&
	        strstr(b.p, " again=1\n") != NULL,
	    "what was asked of a stage that died is looked for");
	fault_set(&f, TEMP, "4.3.0", 0, "deliver-mailbox died on it");
	fail_ask(run, &ask, true, &f);
	tap_ok(m->status[0].state == STATUS_DEFERRED && m->status[0].died &&
	        m->open == 0,
	    "a death is a deferral that says so");
	end(run, m);
	buf_free(&b);
}

/* Two messages wait for the sync of one mailbox. */
static void
test_sync(struct run *run)
{
	static const struct {
		const char *title, *answer;
		bool trouble;
	} cases[] = {
		{ "no mailbox is no trouble of the disk",
		    "temp path=example.org/x code=4.2.0 text=gone", false },
		{ "a quota that a sync met is",
		    "temp path=example.org/x code=4.2.2 text=quota", true },
		{ "an answer about another mailbox is", "ok path=example.org/y",
		    true },
		{ "a question that cannot be sent ends the batch", NULL,
		    false },
	};

	run->draining = true; /* at once */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message *m = begin(run, "x@example.org");
		struct fault f;
		struct ask ask;

		answer(run, &run->stage[STAGE_RESOLVE],
		    "deliver to=x@example.org transport=mailbox "
		    "nexthop=example.org/x");
		(void)list_take(&run->step[STEP_DELIVER]);
		status_end(m, 0, STATUS_LINKED, NULL);
		message_go(run, m, STEP_SETTLE);
		settle_work(run);
		ask = next_ask(&run->stage[STAGE_DELIVER]);
		if (cases[i].answer != NULL) {
			answer_ask(run, &ask, cases[i].answer);
		} else {
			fault_set(&f, TEMP, "4.3.0", 0, "no memory");
			fail_ask(run, &ask, false, &f);
		}
		tap_ok(!settle_is_busy(run) && m->step == STEP_REPORT &&
		        m->status[0].state == STATUS_DEFERRED &&
		        store_is_trouble(&run->store) == cases[i].trouble,
		    "%s", cases[i].title);
		if (store_trouble_clear(&run->store, &f) != OK)
			abort();
		end(run, m);
	}
	run->draining = false;
}

/* Two mailboxes in one batch: one is not there any more. */
static void
test_sync_of_two(struct run *run)
{
	static const char *const to[] = { "x@example.org", "y@example.org" };
	struct message *m[2];

	run->draining = true; /* at once */
	for (size_t i = 0; i < 2; i++) {
		char line[128];

		m[i] = begin(run, to[i]);
		(void)snprintf(line, sizeof(line),
		    "deliver to=%s transport=mailbox nexthop=example.org/%c",
		    to[i], to[i][0]);
		answer(run, &run->stage[STAGE_RESOLVE], line);
		(void)list_take(&run->step[STEP_DELIVER]);
		status_end(m[i], 0, STATUS_LINKED, NULL);
		message_go(run, m[i], STEP_SETTLE);
	}
	run->mail_is_far = true; /* one by one */
	settle_work(run);
	answer(run, &run->stage[STAGE_DELIVER],
	    "temp path=example.org/x code=4.2.0 text=gone");
	answer(run, &run->stage[STAGE_DELIVER], "ok path=example.org/y");
	tap_ok(m[0]->status[0].state == STATUS_DEFERRED &&
	        m[1]->status[0].state == STATUS_DELIVERED,
	    "a mailbox that cannot be synced puts off no other's mail");
	tap_ok(strcmp(m[1]->status[0].code, "") == 0,
	    "nor is its reason another's");
	end(run, m[0]);
	end(run, m[1]);
	run->mail_is_far = run->draining = false;
}

/* Resolved, and asked for. */
static struct message *
begin_delivery(struct run *run)
{
	struct message *m = begin(run, "x@example.org");

	answer(run, &run->stage[STAGE_RESOLVE],
	    "deliver to=x@example.org transport=mailbox nexthop=example.org/x");
	turn_step(run, STEP_DELIVER);
	return m;
}

static void
answer_delivery(struct run *run, const struct message *m, const char *how)
{
	char line[128];

	(void)snprintf(line, sizeof(line), "ok qid=%s n=1 how=%s",
	    m->envelope.qid.text, how);
	answer(run, &run->stage[STAGE_DELIVER], line);
}

/* A write failed since. What lies in a mailbox by then may not be on disk. */
static void
test_trouble(struct run *run)
{
	static const struct {
		const char *title, *how;
		bool trouble;
		enum status_state want;
	} cases[] = {
		{ "what is found in a mailbox is delivered", "found", false,
		    STATUS_LINKED },
		{ "but in trouble it waits, wherever it was listed", "found",
		    true, STATUS_DEFERRED },
		{ "a new name is believed in trouble too", "link", true,
		    STATUS_LINKED },
	};
	struct fault f;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message *m = begin_delivery(run);

		if (cases[i].trouble)
			store_trouble_set(&run->store, "test", "fsync");
		answer_delivery(run, m, cases[i].how);
		tap_ok(
		    m->status[0].state == cases[i].want, "%s", cases[i].title);
		end(run, m);
		if (store_trouble_clear(&run->store, &f) != OK)
			abort();
	}
}

/* A batch's sync is asked; another message is delivered meanwhile. */
static void
test_sync_again(struct run *run)
{
	static const struct {
		const char *title, *answer;
		bool again, trouble;
		enum status_state first, second;
	} cases[] = {
		{ "a sync that is asked again is believed",
		    "ok path=example.org/x", true, false, STATUS_DELIVERED,
		    STATUS_LINKED },
		{ "but not when who was asked first left trouble",
		    "ok path=example.org/x", true, true, STATUS_DEFERRED,
		    STATUS_DEFERRED },
		{ "older trouble stops no new sync", "ok path=example.org/x",
		    false, true, STATUS_DELIVERED, STATUS_LINKED },
		{ "one that failed was for all that was linked before it",
		    "temp path=example.org/x code=4.3.0 text=EIO", false, false,
		    STATUS_DEFERRED, STATUS_DEFERRED },
	};
	struct fault f;

	run->draining = true; /* at once */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message *m = begin_delivery(run), *other;
		struct ask ask;

		answer_delivery(run, m, "link");
		settle_work(run);
		ask = next_ask(&run->stage[STAGE_DELIVER]);
		ask.again = cases[i].again;
		other = begin_delivery(run);
		answer_delivery(run, other, "link");
		if (cases[i].trouble)
			store_trouble_set(&run->store, "test", "fsync");
		answer_ask(run, &ask, cases[i].answer);
		tap_ok(m->status[0].state == cases[i].first &&
		        other->status[0].state == cases[i].second,
		    "%s", cases[i].title);
		end(run, m);
		end(run, other);
		if (store_trouble_clear(&run->store, &f) != OK)
			abort();
	}
	run->draining = false;
}

/* The stage ends when it has one question. */
static void
ask_and_end(struct run *run)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		abort();
	run->stage[STAGE_RESOLVE].service.fd = ends[0];
	stage_write(run, &run->stage[STAGE_RESOLVE]);
	(void)close(ends[1]);
	run->stage[STAGE_RESOLVE].service.readable = true;
	stage_read(run, &run->stage[STAGE_RESOLVE]);
}

static void
test_death(struct run *run)
{
	struct message *m = begin(run, "x@example.org");

	ask_and_end(run);
	tap_ok(run->stage[STAGE_RESOLVE].n == 1 &&
	        run->stage[STAGE_RESOLVE].suspects == 1 && m->open == 1,
	    "a stage that was replaced is asked once more");
	ask_and_end(run);
	tap_ok(run->stage[STAGE_RESOLVE].n == 0 && m->open == 0 &&
	        m->status[0].died && m->status[0].state == STATUS_DEFERRED,
	    "one that ends again has died on that");
	end(run, m);
}

/* It hangs, on a store that is away perhaps: that is no message's fault. */
static void
test_silence(struct run *run)
{
	struct stage *stage = &run->stage[STAGE_RESOLVE];
	struct message *m = begin(run, "x@example.org");
	uint64_t timeout_ms = stage->service.timeout_ms;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		abort();
	stage->service.fd = ends[0];
	stage->service.timeout_ms = 0;
	stage_write(run, stage);
	stage_read(run, stage);
	tap_ok(stage->n == 0 && m->status[0].state == STATUS_DEFERRED &&
	        !m->status[0].died,
	    "what a silent stage was asked is put off, and not blamed");
	stage->service.timeout_ms = timeout_ms;
	(void)close(ends[1]);
	end(run, m);
}

/* A stage that says more than it was asked. */
static void
test_unasked(struct run *run)
{
	static const char said[] =
	    "deliver to=x@example.org transport=mailbox nexthop=example.org/x\n"
	    "deliver to=x@example.org transport=mailbox "
	    "nexthop=example.org/y\n";
	struct message *m;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		abort();
	run->stage[STAGE_RESOLVE].service.fd = ends[0];
	m = begin(run, "x@example.org");
	stage_write(run, &run->stage[STAGE_RESOLVE]);
	if (write(ends[1], said, sizeof(said) - 1) != sizeof(said) - 1)
		abort();
	run->stage[STAGE_RESOLVE].service.readable = true;
	stage_read(run, &run->stage[STAGE_RESOLVE]);
	turn_answered(run);
	tap_ok(m->step == STEP_DELIVER &&
	        strcmp(m->status[0].path, "example.org/x") == 0,
	    "the first answer is the answer");
	tap_ok(run->stage[STAGE_RESOLVE].service.fd == -1 &&
	        run->stage[STAGE_RESOLVE].n == 0,
	    "and a second one does not wait for the next question");
	(void)close(ends[1]);
	end(run, m);
}

static void
test_order(void)
{
	static const struct question none;
	struct message some = { .open = 0 }, other = { .open = 0 };
	struct stage stage;
	bool in_order = true;

	stage_begin(&stage, "test", 10);
	for (uint32_t i = 0; i < 300; i++)
		stage_ask(&stage, i % 3 == 0 ? &some : &other, &none, i);
	for (uint32_t i = 0; i < 100; i++)
		in_order &= next_ask(&stage).i == i;
	stage_cancel(&stage, &some);
	tap_ok(stage.n == 134 && some.open == 34 && other.open == 200,
	    "questions of one message are taken back");
	for (uint32_t i = 100; i < 300; i++)
		if (i % 3 != 0)
			in_order &= next_ask(&stage).i == i;
	tap_ok(in_order && stage.n == 0 && stage.unsent == NULL,
	    "the others keep their order");
}

/* The question that a failed recipient leads to. */
static struct ask
report_ask(struct run *run, struct message *m)
{
	message_go(run, m, STEP_REPORT);
	turn_step(run, STEP_REPORT);
	return next_ask(&run->stage[STAGE_ADD]);
}

/* A report without the header, which cannot be read. */
static void
test_report_without_header(struct run *run)
{
	struct message *m = begin(run, "x@example.org");
	struct buf b = BUF_INIT(65536);
	struct ask ask;
	struct fault f;
	int before, after;

	(void)next_ask(&run->stage[STAGE_RESOLVE]);
	m->open = 0;
	fault_set(&f, PERM, "5.1.1", 0, "no such user");
	status_end(m, 0, STATUS_FAILED, &f);
	ask = report_ask(run, m);
	before = dup(0);
	tap_ok(ask.question->put(run, &ask, &b, &f) == OK &&
	        strstr(b.p, "text/rfc822-headers") != NULL,
	    "a report is made without a header that cannot be read");
	after = dup(0);
	tap_ok(after == before + 1, "and no descriptor stays open");
	(void)close(before);
	(void)close(after);
	buf_free(&b);
	message_go(run, m, STEP_REST);
	end(run, m);
}

/* One copy for two, and the mailbox refuses it for good. */
static void
test_shared_failure(struct run *run)
{
	struct message *m = begin(run, "bob@example.org robert@example.org");
	char line[128];

	answer(run, &run->stage[STAGE_RESOLVE],
	    "deliver to=bob@example.org transport=mailbox "
	    "nexthop=example.org/bob");
	answer(run, &run->stage[STAGE_RESOLVE],
	    "deliver to=robert@example.org transport=mailbox "
	    "nexthop=example.org/bob rule=alias");
	turn_step(run, STEP_DELIVER);
	(void)snprintf(line, sizeof(line),
	    "perm qid=%s n=1 code=5.2.1 text=closed", m->envelope.qid.text);
	answer(run, &run->stage[STAGE_DELIVER], line);
	(void)list_take(&run->step[m->step]);
	m->status[0].reported = true;
	message_go(run, m, STEP_REST);
	turn_step(run, STEP_REST);
	tap_ok(m->status[1].state == STATUS_FAILED && m->step == STEP_REPORT,
	    "who shared a copy that failed is reported, too");
	end(run, m);
}

/* A second recipient fails while the report about the first is under way. */
static void
test_fails_meanwhile(struct run *run)
{
	struct message *m = begin(run, "a@example.org b@example.org");
	struct buf b = BUF_INIT(65536);
	char line[64];
	struct ask ask;
	struct fault f;

	while (run->stage[STAGE_RESOLVE].n > 0)
		(void)next_ask(&run->stage[STAGE_RESOLVE]);
	m->open = 0;
	fault_set(&f, PERM, "5.1.1", 0, "no such user");
	status_end(m, 1, STATUS_FAILED, &f);
	m->status[0].state = STATUS_UNDER_WAY;
	ask = report_ask(run, m);
	tap_ok(ask.question->put(run, &ask, &b, &f) == OK,
	    "a report about one is to be entered");
	fault_set(&f, PERM, "5.3.0", 0, "not in this mood");
	status_end(m, 0, STATUS_FAILED, &f);
	(void)snprintf(line, sizeof(line), "ok qid=%s", m->notice.text);
	answer_ask(run, &ask, line);
	tap_ok(m->status[1].reported && !m->status[0].reported,
	    "who fails meanwhile is not taken for told");
	turn_step(run, STEP_REPORT);
	tap_ok(run->stage[STAGE_ADD].n == 1 && m->open == 1,
	    "and gets a report of his own");
	ask = next_ask(&run->stage[STAGE_ADD]);
	m->open = 0;
	buf_free(&b);
	message_go(run, m, STEP_REST);
	end(run, m);
}

static size_t
count_in_journal(const struct run *run, const char *text)
{
	const char *at = run->journal.pending.p;
	size_t n = 0;

	while ((at = strstr(at, text)) != NULL) {
		n++;
		at++;
	}
	return n;
}

/* A sender cannot be told of a delay: that is said once. */
static void
test_delay_not_told(struct run *run)
{
	struct message *m = begin(run, "x@example.org");
	int ends[2], fd = run->journal.fd;
	char line[128];
	struct fault f;

	(void)next_ask(&run->stage[STAGE_RESOLVE]);
	m->open = 0;
	if (pipe(ends) != 0)
		abort();
	run->journal.fd = ends[1];
	for (int i = 0; i < 2; i++) {
		struct ask ask;

		fault_set(&f, TEMP, "4.2.1", 0, "later");
		status_end(m, 0, STATUS_DEFERRED, &f);
		m->status[0].delayed = true;
		ask = report_ask(run, m);
		qid_derive(&m->envelope.qid, 1, &m->notice);
		(void)snprintf(line, sizeof(line),
		    "temp qid=%s code=4.3.1 text=it%%20is%%20full",
		    m->notice.text);
		journal_flush(&run->journal);
		answer_ask(run, &ask, line);
		tap_ok(count_in_journal(run, "full") == 1 &&
		        m->status[0].reported && !m->status[0].delayed &&
		        m->status[0].state == STATUS_DEFERRED,
		    "a delay that could not be told is one alarm");
		turn_step(run, STEP_REPORT);
		tap_ok(m->step == STEP_REST && m->open == 0,
		    "and not told again before the next attempt");
		(void)list_take(&run->step[STEP_REST]);
	}
	journal_flush(&run->journal);
	run->journal.fd = fd;
	(void)close(ends[0]);
	(void)close(ends[1]);
	message_go(run, m, STEP_REST);
	end(run, m);
}

/* What queue-run would be said to have died on, were it killed now. */
static bool
is_named(const struct run *run, const struct message *m)
{
	struct qid took;

	return store_run_took(&run->store, &took) &&
	    strcmp(took.text, m->envelope.qid.text) == 0;
}

static void
test_careful(struct run *run)
{
	struct message *m = begin(run, "x@example.org");
	struct ask ask = next_ask(&run->stage[STAGE_RESOLVE]);

	tap_ok(!is_named(run, m), "no step names its message");
	run->careful = true;
	answer_ask(run, &ask, "perm to=x@example.org code=5.1.1 text=no");
	tap_ok(is_named(run, m), "but after an unclean end each does");
	(void)list_take(&run->step[STEP_DELIVER]);
	message_go(run, m, STEP_DELIVER);
	run_takes(run, NULL);
	turn_step(run, STEP_DELIVER);
	tap_ok(is_named(run, m), "the next step too");
	run_takes(run, NULL);
	tap_ok(!is_named(run, m), "and between two turns none is named");
	run->careful = false;
	end(run, m);
}

/* queue-run dies while it makes a report of what a stranger wrote. */
static void
test_report_death(struct run *run)
{
	struct message *m = begin(run, "x@example.org");
	struct buf b = BUF_INIT(65536);
	struct ask ask;
	struct fault f;
	pid_t pid;

	(void)next_ask(&run->stage[STAGE_RESOLVE]);
	m->open = 0;
	fault_set(&f, PERM, "5.1.1", 0, "no such user");
	status_end(m, 0, STATUS_FAILED, &f);
	ask = report_ask(run, m);
	pid = fork();
	if (pid == 0) {
		(void)close(2);
		/* The first octet that it reads of this kills it. */
		run->hostname = (const char *)16;
		(void)!ask.question->put(run, &ask, &b, &f);
		_exit(0);
	}
	(void)waitpid(pid, NULL, 0);
	tap_ok(is_named(run, m), "what it died on has a name");
	tap_ok(ask.question->put(run, &ask, &b, &f) == OK && !is_named(run, m),
	    "a report that was made leaves none");
	buf_free(&b);
	message_go(run, m, STEP_REST);
	end(run, m);
}

int
main(void)
{
	static struct run run;

	test_begin(&run);
	test_same_mailbox(&run);
	test_outcomes(&run);
	test_requests(&run);
	test_sync(&run);
	test_sync_of_two(&run);
	test_trouble(&run);
	test_sync_again(&run);
	test_death(&run);
	test_silence(&run);
	test_unasked(&run);
	test_report_without_header(&run);
	test_careful(&run);
	test_report_death(&run);
	test_delay_not_told(&run);
	test_fails_meanwhile(&run);
	test_shared_failure(&run);
	test_order();
	return test_end(&run);
}
