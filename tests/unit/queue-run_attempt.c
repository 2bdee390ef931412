/* SPDX-License-Identifier: ISC */
/* Attempts: what is asked of a transport, and what its answers mean. */
#include "../../queue-run/attempt.c"

#include "queue-run.h"

#include <sys/socket.h>
#include <sys/un.h>

static int listener;

/* The transport: the test answers what is asked of it. */
static void
listen_as_transport(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX,
		.sun_path = "run/deliver-program" };

	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (mkdir("run", 0700) != 0 || listener == -1 ||
	    bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    listen(listener, 64) != 0)
		abort();
}

/* The next attempt's connection, and its request; -1: none was begun. */
static int
next_attempt(char request[4096])
{
	int fd = accept(listener, NULL, NULL);
	ssize_t n = fd == -1 ? 0 : recv(fd, request, 4095, 0);

	if (n < 0)
		abort();
	request[n] = '\0';
	return fd;
}

static void
say(struct run *run, int fd, struct delivery *y, const char *text)
{
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	y->service.readable = true;
	attempts_read(run);
}

/* The next attempt is answered with `answer`, and after that came with its end,
   which says `end`. */
static bool
serve(struct run *run, const char *answer, const char *end)
{
	char request[4096], text[512];
	int fd = next_attempt(request);
	struct delivery *y = TAILQ_FIRST(&run->attempts->busy);

	if (fd == -1 || y == NULL ||
	    strstr(request, y->m->envelope.qid.text) == NULL)
		return false;
	(void)snprintf(
	    text, sizeof(text), "end qid=%s%s\n", y->m->envelope.qid.text, end);
	say(run, fd, y, answer);
	if (!TAILQ_EMPTY(&run->attempts->busy) &&
	    TAILQ_FIRST(&run->attempts->busy) == y)
		say(run, fd, y, text);
	(void)close(fd);
	return true;
}

static void
ask(struct run *run, struct message *m, size_t i, const char *nexthop)
{
	m->status[i].transport = transport_find(TRANSPORT_PROGRAM);
	m->status[i].path = message_keep(m, span_of(nexthop));
	destination_add(run, m, i);
}

static struct message *
add(struct run *run, const char *nexthop, bool two)
{
	struct qid qid = test_one_file("pager@example.org");
	struct message *m = window_add(&run->window, &qid, WINDOW_LISTED);
	struct path path = test_path("second@example.org");
	struct fault f;

	if (store_read_envelope(&run->store, &qid, STORE_PLACE_IN, false,
	        &m->envelope, &f) != OK ||
	    (two &&
	        envelope_add_recipient(
	            &m->envelope, &path, SPAN_EMPTY, SPAN_EMPTY, &f) != OK))
		abort();
	status_prepare(m);
	for (size_t i = 0; i < m->envelope.recipients; i++)
		ask(run, m, i, nexthop);
	m->step = STEP_ATTEMPTS;
	return m;
}

static void
end(struct run *run, struct message *m)
{
	if (m->listed)
		list_remove(&run->answered, m);
	window_drop(&run->window, m);
}

static bool
is_deferred(const struct message *m, const char *why)
{
	return m->attempts == 0 && m->status[0].state == STATUS_DEFERRED &&
	    strstr(m->status[0].text, why) != NULL;
}

static void
test_ends(struct run *run)
{
	struct message *m = add(run, "one", true);

	attempts_make(run);
	tap_ok(attempts_busy(run) == 1 && m->attempts == 1,
	    "recipients that share a next hop share an attempt");
	tap_ok(serve(run, "ok n=1\nperm n=2 code=5.1.1 text=no%20such%20user\n",
	           "") &&
	        m->status[0].state == STATUS_DELIVERED &&
	        m->status[1].state == STATUS_FAILED,
	    "and each has an end of its own");
	tap_ok(m->listed && m->attempts == 0 && attempts_busy(run) == 0,
	    "with which the message goes on");
	end(run, m);

	prog.settings.queue.transport_attempts = 2;
	for (int i = 0; i < 3; i++)
		m = add(run, "one", false);
	attempts_make(run);
	tap_ok(attempts_busy(run) == 2, "no more are under way than may be");
	for (int i = 0; i < 3; i++) {
		(void)serve(run, "ok n=1\n", "");
		attempts_make(run);
	}
	tap_ok(attempts_busy(run) == 0, "then the others");
	prog.settings.queue.transport_attempts = 20;
	while ((m = list_take(&run->answered)) != NULL)
		end(run, m);
}

/* Nobody knows what came of it. */
static void
test_broken(struct run *run)
{
	struct message *m = add(run, "breaks", false);
	char request[4096];

	attempts_make(run);
	(void)close(next_attempt(request));
	TAILQ_FIRST(&run->attempts->busy)->service.readable = true;
	attempts_read(run);
	tap_ok(is_deferred(m, "ended before it answered"),
	    "an attempt without an answer is deferred");
	attempts_make(run);
	tap_ok(next_attempt(request) == -1 && attempts_busy(run) == 0,
	    "and not made again blindly");
	end(run, m);

	m = add(run, "breaks", false);
	attempts_make(run);
	tap_ok(serve(run, "ok n=7\n", "") && is_deferred(m, ""),
	    "an answer about another recipient is none");
	end(run, m);

	m = add(run, "breaks", false);
	attempts_make(run);
	TAILQ_FIRST(&run->attempts->busy)->answered_ms = 0;
	attempts_read(run);
	tap_ok(is_deferred(m, "did not answer") ==
	        (clock_mono_ms() >
	            *m->status[0].transport->deadline_ms + LATE_MS),
	    "nor is it waited for longer than its deadline and a while");
	if (attempts_busy(run) > 0)
		(void)serve(run, "ok n=1\n", "");
	else
		(void)close(next_attempt(request));
	end(run, m);
}

static void
test_closed(struct run *run)
{
	static const struct {
		const char *title, *nexthop, *answer, *scope;
		bool closes;
	} cases[] = {
		{ "a next hop that fails as a whole is closed", "away",
		    "temp n=1 code=4.4.1 text=no%20such%20host\n",
		    " scope=nexthop", true },
		{ "a recipient that is refused there closes none", "strict",
		    "perm n=1 code=5.1.1 text=no%20such%20host\n",
		    " scope=nexthop", false },
		{ "nor one that is delivered", "well", "ok n=1\n",
		    " scope=nexthop", false },
		{ "nor one that is put off", "slow",
		    "temp n=1 code=4.4.1 text=no%20such%20host\n", "", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message *m = add(run, cases[i].nexthop, false), *later;

		attempts_make(run);
		(void)serve(run, cases[i].answer, cases[i].scope);
		later = add(run, cases[i].nexthop, false);
		tap_ok(m->attempts == 0 &&
		        is_deferred(later, "no such host") == cases[i].closes,
		    "%s", cases[i].title);
		destination_cancel(run, NULL);
		end(run, m);
		end(run, later);
	}
}

/* The transport does not run. */
static void
test_no_transport(struct run *run)
{
	struct message *m = add(run, "nobody", false), *later;

	if (rename("run/deliver-program", "run/away") != 0)
		abort();
	attempts_make(run);
	later = add(run, "nobody", false);
	tap_ok(is_deferred(m, "deliver-program") &&
	        is_deferred(later, "deliver-program"),
	    "a transport that is not there closes its next hop");
	if (rename("run/away", "run/deliver-program") != 0)
		abort();
	end(run, m);
	end(run, later);
}

int
main(void)
{
	static struct run run;

	test_begin(&run);
	listen_as_transport();
	test_ends(&run);
	test_broken(&run);
	test_closed(&run);
	test_no_transport(&run);
	return test_end(&run);
}
