/* SPDX-License-Identifier: ISC */
/* destination.c: attempts at next hops, an attempt a connection. */
#include "destination.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "codes.h"
#include "fds.h"
#include "run.h"
#include "wire_attempt.h"
#include "wire_resolve.h"

#define MINUTE_MS 60000UL
/* A transport ends an attempt at its deadline; who is silent for so much longer
   hangs. Ours */
#define LATE_MS 60000
/* At most this part of the window waits for one next hop, and half of it for
   all: the rest waits on disk, minute by minute. Ours. */
#define NEXTHOP_PART 10
#define ALL_PART     2

static const struct transport transports[] = {
	{ TRANSPORT_PROGRAM, "deliver-program",
	    offsetof(struct settings, program.deadline_ms) },
};

const struct transport *
transport_find(const char *name)
{
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
		if (strcmp(transports[i].name, name) == 0)
			return &transports[i];
	return NULL;
}

/* Recipients of one message that share a next hop. */
struct attempt_at {
	struct attempt_at
	    *next; /* at its destination, or among the busy ones */
	struct destination *destination;
	struct message *m;
	uint32_t recipient[ATTEMPT_RCPT_MAX]; /* indexes */
	size_t n, answered;
	/* under way */
	struct service service;
	uint64_t answered_ms; /* last progress; monotonic */
	bool readable;
};

struct destination {
	struct destination *next; /* in the order of their turns */
	const struct transport *transport;
	struct attempt_at *first, **last; /* waiting */
	size_t waiting, busy;
	size_t postponed; /* put back to the disk lately */
	uint64_t closed_ms; /* not before; monotonic, 0: open */
	uint64_t pause_ms; /* how long it was closed for */
	struct fault why;
	char nexthop[ATTEMPT_NEXTHOP_MAX + 1];
};

struct destinations {
	struct destination *first;
	struct attempt_at *busy_first;
	size_t waiting, busy;
};

enum outcome
destinations_begin(struct run *run, struct fault *f)
{
	run->destinations = calloc(1, sizeof(*run->destinations));
	if (run->destinations == NULL)
		return fault_set(f, TEMP, "4.3.0", 0, "no memory");
	return OK;
}

static void
attempt_free_at(struct attempt_at *a)
{
	/* The connection ends; a transport's process is not waited for. */
	service_close(&a->service);
	service_free(&a->service);
	free(a);
}

static void
free_list(struct attempt_at *a)
{
	while (a != NULL) {
		struct attempt_at *next = a->next;

		attempt_free_at(a);
		a = next;
	}
}

void
destinations_end(struct run *run)
{
	struct destination *d;

	if (run->destinations == NULL)
		return;
	free_list(run->destinations->busy_first);
	while ((d = run->destinations->first) != NULL) {
		run->destinations->first = d->next;
		free_list(d->first);
		free(d);
	}
	free(run->destinations);
	run->destinations = NULL;
}

/* ---- Who waits. ---- */

static struct destination *
find(struct run *run, const struct transport *transport, const char *nexthop)
{
	struct destination **at = &run->destinations->first, *d;

	for (; (d = *at) != NULL; at = &d->next)
		if (d->transport == transport &&
		    strcmp(d->nexthop, nexthop) == 0)
			return d;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return NULL;
	d->transport = transport;
	d->last = &d->first;
	(void)span_copy(span_of(nexthop), d->nexthop, sizeof(d->nexthop));
	*at = d;
	return d;
}

static bool
is_full(const struct run *run, const struct destination *d)
{
	size_t window = run->settings->queue.window;

	return d->waiting > window / NEXTHOP_PART ||
	    run->destinations->waiting > window / ALL_PART;
}

/* Back to the disk, without an attempt: the later, the more were so before. */
static void
postpone(struct run *run, struct destination *d, struct message *m, size_t i)
{
	size_t share = run->settings->queue.window / NEXTHOP_PART + 1;
	struct fault f;

	(void)fault_set(
	    &f, TEMP, "4.3.2", 0, "too many messages wait for %s", d->nexthop);
	status_end(m, i, STATUS_DEFERRED, &f);
	m->status[i].postponed = true;
	m->status[i].next_ms =
	    clock_wall_ms() + MINUTE_MS * (1 + d->postponed++ / share);
}

/* The attempt of this message that still has room, or a new one; NULL: no
   memory. */
static struct attempt_at *
attempt_of(struct run *run, struct destination *d, struct message *m)
{
	struct attempt_at *a;

	for (a = d->first; a != NULL; a = a->next)
		if (a->m == m && a->n < ATTEMPT_RCPT_MAX)
			return a;
	a = malloc(sizeof(*a));
	if (a == NULL)
		return NULL;
	*a = (struct attempt_at){ .destination = d, .m = m };
	service_begin(&a->service, d->transport->service, SERVICE_TIMEOUT_MS);
	*d->last = a;
	d->last = &a->next;
	d->waiting++;
	run->destinations->waiting++;
	m->attempts++;
	return a;
}

void
destination_add(struct run *run, struct message *m, size_t i)
{
	struct status *status = &m->status[i];
	struct destination *d =
	    find(run, status->transport, message_text(m, status->path));
	struct attempt_at *a;
	struct fault f;

	if (d != NULL && d->closed_ms > clock_mono_ms()) {
		status_end(m, i, STATUS_DEFERRED, &d->why);
		return;
	}
	if (d != NULL && is_full(run, d)) {
		postpone(run, d, m, i);
		return;
	}
	a = d == NULL ? NULL : attempt_of(run, d, m);
	if (a == NULL) {
		(void)fault_set(&f, TEMP, "4.3.0", 0, "no memory");
		status_end(m, i, STATUS_DEFERRED, &f);
		return;
	}
	a->recipient[a->n++] = (uint32_t)i;
	status->state = STATUS_UNDER_WAY;
}

/* ---- The end of an attempt. ---- */

/* A message that stands in no list waits for this alone. */
static void
message_attempt_ended(struct run *run, struct message *m)
{
	m->attempts--;
	if (m->step == STEP_ATTEMPTS && !m->listed)
		run_message_answered(run, m);
}

/* Those without an answer end with f; it is in no list any more. */
static void
attempt_end(struct run *run, struct attempt_at *a, const struct fault *f)
{
	for (size_t k = a->answered; k < a->n; k++)
		status_end(a->m, a->recipient[k], STATUS_DEFERRED, f);
	message_attempt_ended(run, a->m);
	attempt_free_at(a);
}

/* The first that waits at d, out of its list; NULL: none. */
static struct attempt_at *
take_waiting(struct run *run, struct destination *d)
{
	struct attempt_at *a = d->first;

	if (a == NULL)
		return NULL;
	d->first = a->next;
	if (d->first == NULL)
		d->last = &d->first;
	a->next = NULL;
	d->waiting--;
	run->destinations->waiting--;
	return a;
}

/* The next hop fails as a whole: who waits for it waits on disk. */
static void
close_destination(
    struct run *run, struct destination *d, const struct fault *why)
{
	struct attempt_at *a;

	d->pause_ms = d->pause_ms == 0 ? run->settings->queue.retry_min_ms
	                               : 2 * d->pause_ms;
	if (d->pause_ms > run->settings->queue.retry_max_ms)
		d->pause_ms = run->settings->queue.retry_max_ms;
	d->closed_ms = clock_mono_ms() + d->pause_ms;
	d->why = *why;
	journal_alarm(&run->journal, NULL, "%s %s fails, closed for %llu s: %s",
	    d->transport->name, d->nexthop,
	    (unsigned long long)d->pause_ms / 1000, why->text);
	while ((a = take_waiting(run, d)) != NULL)
		attempt_end(run, a, why);
}

void
destination_cancel(struct run *run, const struct message *m)
{
	for (struct destination *d = run->destinations->first; d != NULL;
	     d = d->next)
		for (size_t n = d->waiting; n > 0; n--) {
			struct attempt_at *a = take_waiting(run, d);

			if (m != NULL && a->m != m) {
				*d->last = a;
				d->last = &a->next;
				d->waiting++;
				run->destinations->waiting++;
				continue;
			}
			for (size_t k = 0; k < a->n; k++)
				a->m->status[a->recipient[k]].state =
				    STATUS_OPEN;
			a->n = 0;
			attempt_end(run, a, NULL);
		}
}

/* Out of the busy ones, and ended; the one that a busy list's link points at. */
static void
busy_end(struct run *run, struct attempt_at **at, const struct fault *f,
    bool all_nexthop)
{
	struct attempt_at *a = *at;
	struct destination *d = a->destination;

	*at = a->next;
	d->busy--;
	run->destinations->busy--;
	if (d->postponed > 0)
		d->postponed--;
	attempt_end(run, a, f);
	if (all_nexthop)
		close_destination(run, d, f);
	else
		d->pause_ms = 0;
}

/* ---- Answers. ---- */

static void
journal_delivered(struct run *run, const struct attempt_at *a, size_t i,
    const struct attempt_ans *ans)
{
	struct record_out out =
	    journal_begin(&run->journal, CODE_DELIVERED, &a->m->envelope.qid);

	record_put_num(out, "n", a->m->envelope.recipient[i].n);
	record_puts(out, "transport", a->destination->transport->name);
	record_puts(out, "nexthop", a->destination->nexthop);
	record_put_optional(out, "host", span_of(ans->host));
	record_put_optional(out, "text", span_of(ans->fault.text));
	journal_end(&run->journal, out);
	journal_end(&run->journal,
	    run_entry_recipient(run, CODE_DELIVERED_RCPT, a->m, i));
}

static void
take_answer(
    struct run *run, struct attempt_at *a, const struct attempt_ans *ans)
{
	size_t i = a->recipient[a->answered++];

	if (ans->fault.outcome != OK) {
		status_end_by_fault(a->m, i, &ans->fault);
		return;
	}
	status_end(a->m, i, STATUS_DELIVERED, NULL);
	journal_delivered(run, a, i, ans);
}

/* OK: the attempt has ended, and last has what was said last. TEMP with EAGAIN:
   there is more to come; else its connection is of no use any more. */
static enum outcome
take_lines(struct run *run, struct attempt_at *a, bool *all_nexthop,
    struct fault *last, struct fault *f)
{
	struct attempt_ans ans;
	struct span line;

	while (service_next(&a->service, &line)) {
		a->answered_ms = clock_mono_ms();
		if (a->answered == a->n)
			return wire_attempt_get_end(
			    line, &a->m->envelope.qid, all_nexthop, f);
		if (wire_attempt_get_ans(line,
		        a->m->envelope.recipient[a->recipient[a->answered]].n,
		        &ans, f) != OK)
			return f->outcome;
		*last = ans.fault;
		take_answer(run, a, &ans);
	}
	return fault_set(f, TEMP, "4.3.0", EAGAIN, "no answer yet");
}

static uint64_t
attempt_ends_ms(const struct run *run, const struct attempt_at *a)
{
	uint64_t deadline_ms;

	memcpy(&deadline_ms,
	    (const char *)run->settings + a->destination->transport->deadline,
	    sizeof(deadline_ms));
	return a->answered_ms + deadline_ms + LATE_MS;
}

/* False: it is still under way. */
static bool
attempt_read(struct run *run, struct attempt_at **at)
{
	struct attempt_at *a = *at;
	struct fault f = FAULT_NONE, last, gone;
	bool all_nexthop = false, is_gone = false;

	(void)fault_set(&last, TEMP, "4.3.0", 0, "%s", a->service.name);
	if (a->readable)
		is_gone = service_pull(&a->service, &gone) != OK;
	a->readable = false;
	if (take_lines(run, a, &all_nexthop, &last, &f) != OK) {
		if (f.error == EAGAIN && !is_gone &&
		    attempt_ends_ms(run, a) > clock_mono_ms())
			return false;
		if (f.error == EAGAIN)
			(void)fault_set(&f, TEMP, "4.3.0", 0,
			    is_gone ? "%s ended before it answered"
			            : "%s did not answer",
			    a->service.name);
		run_alarm(run, a->m, &f);
		last = f;
	}
	last.outcome = TEMP;
	busy_end(run, at, &last, all_nexthop);
	return true;
}

void
destinations_read(struct run *run)
{
	struct attempt_at **at = &run->destinations->busy_first;

	while (*at != NULL)
		if (!attempt_read(run, at))
			at = &(*at)->next;
}

/* ---- Beginning. ---- */

static enum outcome
put_request(const struct attempt_at *a, struct buf *out, struct fault *f)
{
	const struct message *m = a->m;

	if (wire_attempt_put(out, &m->envelope, a->destination->nexthop, f) !=
	    OK)
		return f->outcome;
	for (size_t k = 0; k < a->n; k++) {
		size_t i = a->recipient[k];
		const char *address = message_text(m, m->status[i].address);

		if (wire_attempt_put_to(out, &m->envelope.recipient[i],
		        address[0] == '\0' ? NULL : address, f) != OK)
			return f->outcome;
	}
	wire_attempt_put_end(out);
	if (buf_failed(out))
		return fault_set(f, TEMP, "4.3.0", 0, "no memory");
	return OK;
}

/* The request, and with its first octets the content's descriptor. */
static enum outcome
send_request(struct service *s, int content, struct fault *f)
{
	ssize_t n = fds_send_some(s->fd, buf_span(&s->out), content);

	if (n < 0)
		return fault_set(f, TEMP, "4.3.0", errno, "%s", s->name);
	buf_drop(&s->out, (size_t)n);
	return OK;
}

/* *closed: no attempt at that next hop can be made now. */
static enum outcome
attempt_begin_at(
    struct run *run, struct attempt_at *a, bool *closed, struct fault *f)
{
	struct store_content content = STORE_CONTENT_NONE;
	enum outcome got;

	*closed = false;
	run_takes(run, a->m);
	if (store_open_content(&run->store, &a->m->envelope, &content, f) != OK)
		return f->outcome;
	got = service_open(&a->service, f); /* empties its buffers */
	*closed = got != OK;
	if (got == OK)
		got = put_request(a, &a->service.out, f);
	if (got == OK)
		got = send_request(&a->service, content.fd, f);
	store_close_content(&content);
	return got;
}

/* The next destination whose turn it is goes to the end of them; NULL: none. */
static struct destination *
take_turn(struct run *run)
{
	struct destination **at = &run->destinations->first, *d;

	while ((d = *at) != NULL &&
	    (d->waiting == 0 ||
	        d->busy >= run->settings->queue.nexthop_attempts))
		at = &d->next;
	if (d == NULL)
		return NULL;
	*at = d->next;
	while (*at != NULL)
		at = &(*at)->next;
	*at = d;
	d->next = NULL;
	return d;
}

static void
begin_attempts(struct run *run)
{
	struct destination *d;

	while (
	    run->destinations->busy < run->settings->queue.transport_attempts &&
	    (d = take_turn(run)) != NULL) {
		struct attempt_at *a = take_waiting(run, d);
		struct fault f;
		bool closed;

		if (attempt_begin_at(run, a, &closed, &f) != OK) {
			run_alarm(run, a->m, &f);
			f.outcome = TEMP;
			attempt_end(run, a, &f);
			if (closed)
				close_destination(run, d, &f);
			continue;
		}
		a->answered_ms = clock_mono_ms();
		a->next = run->destinations->busy_first;
		run->destinations->busy_first = a;
		run->destinations->busy++;
		d->busy++;
	}
}

void
destinations_write(struct run *run)
{
	struct attempt_at **at = &run->destinations->busy_first;
	struct fault f;

	if (!run->draining)
		begin_attempts(run);
	while (*at != NULL) {
		if (service_wants_write(&(*at)->service) &&
		    service_push(&(*at)->service, &f) != OK) {
			run_alarm(run, (*at)->m, &f);
			busy_end(run, at, &f, false);
			continue;
		}
		at = &(*at)->next;
	}
}

/* ---- Inside the poll loop. ---- */

size_t
destinations_poll(const struct run *run, struct pollfd *fds, size_t max)
{
	size_t n = 0;

	for (const struct attempt_at *a = run->destinations->busy_first;
	     a != NULL && n < max; a = a->next) {
		fds[n] =
		    (struct pollfd){ .fd = a->service.fd, .events = POLLIN };
		if (service_wants_write(&a->service))
			fds[n].events |= POLLOUT;
		n++;
	}
	return n;
}

void
destinations_ready(struct run *run, const struct pollfd *fds, size_t n)
{
	for (struct attempt_at *a = run->destinations->busy_first; a != NULL;
	     a = a->next)
		for (size_t k = 0; k < n; k++)
			if (fds[k].fd == a->service.fd &&
			    (fds[k].revents & ~POLLOUT) != 0)
				a->readable = true;
}

uint64_t
destinations_next_ms(const struct run *run)
{
	uint64_t at = 0;

	for (const struct attempt_at *a = run->destinations->busy_first;
	     a != NULL; a = a->next)
		if (at == 0 || attempt_ends_ms(run, a) < at)
			at = attempt_ends_ms(run, a);
	return at;
}

size_t
destinations_busy(const struct run *run)
{
	return run->destinations->busy;
}
