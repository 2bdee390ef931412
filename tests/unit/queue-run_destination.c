/* SPDX-License-Identifier: ISC */
/* Next hops: whose turn it is, who waits, what closes one. */
#include "../../queue-run/destination.c"

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

/* Which next hop the next attempt is for; all of it is answered with `answer`
   and the end with `end`. */
static bool
serve(struct run *run, const char *nexthop, const char *answer, const char *end)
{
	char request[4096], want[64], text[512];
	int fd = next_attempt(request);
	struct delivery *y;
	int n;

	(void)snprintf(want, sizeof(want), " nexthop=%s ", nexthop);
	if (fd == -1 || strstr(request, want) == NULL)
		return false;
	for (y = first_of(run, BUSY); y != NULL; y = TAILQ_NEXT(y, link))
		if (strstr(request, y->m->envelope.qid.text) != NULL)
			break;
	if (y == NULL)
		return false;
	n = snprintf(text, sizeof(text), "%s\nend qid=%s%s\n", answer,
	    y->m->envelope.qid.text, end);
	if (write(fd, text, (size_t)n) != n)
		abort();
	(void)close(fd);
	y->service.readable = true;
	destinations_read(run);
	return true;
}

/* A message for that next hop, asked for. */
static struct message *
add(struct run *run, const char *nexthop)
{
	struct qid qid = test_one_file("pager@example.org");
	struct message *m = window_add(&run->window, &qid, WINDOW_LISTED);
	struct fault f;

	if (store_read_envelope(&run->store, &qid, STORE_PLACE_IN, false,
	        &m->envelope, &f) != OK)
		abort();
	status_prepare(m);
	m->status[0].transport = transport_find(TRANSPORT_PROGRAM);
	m->status[0].path = message_keep(m, span_of(nexthop));
	destination_add(run, m, 0);
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

static size_t
known(const struct run *run)
{
	size_t n = 0;

	for (struct destination *d = run->destinations->first; d != NULL;
	     d = d->next)
		n++;
	return n;
}

static void
test_turns(struct run *run)
{
	struct message *m[4];
	bool in_turn;

	prog.settings.queue.transport_attempts = 2;
	for (int i = 0; i < 3; i++)
		m[i] = add(run, "many");
	m[3] = add(run, "few");
	destinations_begin_attempts(run);
	tap_ok(destinations_busy(run) == 2 && m[0]->attempts == 1,
	    "no more attempts are under way than may be");
	in_turn =
	    serve(run, "many", "ok n=1", "") && serve(run, "few", "ok n=1", "");
	tap_ok(in_turn, "the next hops take turns");
	tap_ok(m[0]->status[0].state == STATUS_DELIVERED &&
	        m[3]->status[0].state == STATUS_DELIVERED && m[3]->listed &&
	        !m[1]->listed,
	    "a message whose attempt has ended goes on");
	prog.settings.queue.transport_attempts = 20;
	prog.settings.queue.nexthop_attempts = 1;
	destinations_begin_attempts(run);
	tap_ok(destinations_busy(run) == 1,
	    "nor more to one next hop than may be");
	tap_ok(serve(run, "many", "temp n=1 code=4.2.0 text=later", "") &&
	        m[1]->status[0].state == STATUS_DEFERRED,
	    "one of two is deferred");
	destinations_begin_attempts(run);
	tap_ok(serve(run, "many", "ok n=1", "") &&
	        m[2]->status[0].state == STATUS_DELIVERED,
	    "which closes no next hop");
	for (int i = 0; i < 4; i++)
		end(run, m[i]);
	prog.settings.queue.nexthop_attempts = 3;
}

/* Nobody knows what came of it. */
static void
test_broken(struct run *run)
{
	struct message *m = add(run, "breaks");
	char request[4096];

	destinations_begin_attempts(run);
	(void)close(next_attempt(request));
	first_of(run, BUSY)->service.readable = true;
	destinations_read(run);
	tap_ok(is_deferred(m, "ended before it answered"),
	    "an attempt without an answer is deferred");
	destinations_begin_attempts(run);
	tap_ok(next_attempt(request) == -1 && destinations_busy(run) == 0,
	    "and not made again blindly");
	end(run, m);

	m = add(run, "breaks");
	destinations_begin_attempts(run);
	tap_ok(serve(run, "breaks", "ok n=7", "") && is_deferred(m, ""),
	    "an answer about another recipient is none");
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
		    "temp n=1 code=4.4.1 text=no%20such%20host",
		    " scope=nexthop", true },
		{ "a recipient that is refused there closes none", "strict",
		    "perm n=1 code=5.1.1 text=no%20such%20host",
		    " scope=nexthop", false },
		{ "nor one that is delivered", "well", "ok n=1",
		    " scope=nexthop", false },
		{ "nor one that is put off", "slow",
		    "temp n=1 code=4.4.1 text=no%20such%20host", "", false },
	};

	prog.settings.queue.nexthop_attempts = 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message *m = add(run, cases[i].nexthop);
		struct message *waits = add(run, cases[i].nexthop), *later;

		destinations_begin_attempts(run);
		(void)serve(
		    run, cases[i].nexthop, cases[i].answer, cases[i].scope);
		later = add(run, cases[i].nexthop);
		tap_ok(m->attempts == 0 &&
		        is_deferred(waits, "no such host") == cases[i].closes &&
		        is_deferred(later, "no such host") == cases[i].closes,
		    "%s", cases[i].title);
		destination_cancel(run, NULL);
		end(run, m);
		end(run, waits);
		end(run, later);
	}
	prog.settings.queue.nexthop_attempts = 3;
}

/* The transport does not run. */
static void
test_no_transport(struct run *run)
{
	struct message *m = add(run, "nobody");

	if (rename("run/deliver-program", "run/away") != 0)
		abort();
	destinations_begin_attempts(run);
	tap_ok(is_deferred(m, "deliver-program") &&
	        find(run, m->status[0].transport, "nobody")->closed_ms > 0,
	    "a transport that is not there closes its next hop");
	if (rename("run/away", "run/deliver-program") != 0)
		abort();
	end(run, m);
}

/* A next hop has a tenth of the window. */
static void
test_share(struct run *run)
{
	uint64_t window = prog.settings.queue.window;
	struct message *m[8], *other;
	size_t waiting = 0;

	prog.settings.queue.window = 30;
	for (int i = 0; i < 8; i++) {
		m[i] = add(run, "crowded");
		waiting += m[i]->attempts;
	}
	tap_ok(waiting == 4, "so many wait for one next hop");
	tap_ok(is_deferred(m[4], "too many messages wait for crowded") &&
	        m[4]->status[0].postponed &&
	        m[4]->status[0].next_ms > clock_wall_ms(),
	    "the others go back to the disk without a try");
	other = add(run, "quiet");
	tap_ok(other->attempts == 1, "another next hop has room");
	destination_cancel(run, m[0]);
	tap_ok(m[0]->attempts == 0 && m[0]->status[0].state == STATUS_OPEN &&
	        m[0]->listed && m[1]->attempts == 1,
	    "what was not begun is taken back, of one message");
	destination_cancel(run, NULL);
	tap_ok(m[1]->attempts == 0 && other->attempts == 0, "and of all");
	for (int i = 0; i < 8; i++)
		end(run, m[i]);
	end(run, other);
	prog.settings.queue.window = window;
}

/* Recipients of one message for one next hop. */
static void
test_shared(struct run *run)
{
	struct message *m = add(run, "one");
	struct path path = test_path("second@example.org");
	struct fault f;

	if (envelope_add_recipient(
	        &m->envelope, &path, SPAN_EMPTY, SPAN_EMPTY, &f) != OK)
		abort();
	destination_cancel(run, m);
	list_remove(&run->answered, m);
	status_prepare(m);
	for (size_t i = 0; i < 2; i++) {
		m->status[i].transport = transport_find(TRANSPORT_PROGRAM);
		m->status[i].path = message_keep(m, SPAN_LIT("one"));
		destination_add(run, m, i);
	}
	tap_ok(m->attempts == 1, "they share one attempt");
	destinations_begin_attempts(run);
	tap_ok(serve(run, "one",
	           "ok n=1\nperm n=2 code=5.1.1 text=no%20such%20user", "") &&
	        m->status[0].state == STATUS_DELIVERED &&
	        m->status[1].state == STATUS_FAILED,
	    "and each has an end of its own");
	end(run, m);
}

static void
test_forgotten(struct run *run)
{
	struct message *m;
	char name[16];

	for (int i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "host%d", i);
		m = add(run, name);
		destination_cancel(run, NULL);
		end(run, m);
	}
	/* Those that are closed, or had too many, are still known. */
	tap_ok(
	    known(run) < 10, "next hops that nothing waits for are forgotten");
}

int
main(void)
{
	static struct run run;

	test_begin(&run);
	listen_as_transport();
	test_turns(&run);
	test_broken(&run);
	test_closed(&run);
	test_no_transport(&run);
	test_share(&run);
	test_shared(&run);
	test_forgotten(&run);
	return test_end(&run);
}
