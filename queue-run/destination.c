/* SPDX-License-Identifier: ISC */
/* destination.c: attempts at next hops, an attempt a connection. */
#include "destination.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "clock.h"
#include "codes.h"
#include "fds.h"
#include "mem.h"
#include "prog.h"
#include "run.h"
#include "wire_attempt.h"
#include "wire_resolve.h"

/* A transport ends an attempt at its deadline; who is silent for so much longer
   hangs. Ours */
#define LATE_MS 60000
/* At most this part of the window waits for one next hop, and half of it for
   all: the rest waits on disk, minute by minute. Ours. */
#define NEXTHOP_PART 10
#define ALL_PART     2

static const struct transport transports[] = {
	{ TRANSPORT_PROGRAM, "deliver-program",
	    &prog.settings.program.deadline_ms },
};

const struct transport *
transport_find(const char *name)
{
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
		if (strcmp(transports[i].name, name) == 0)
			return &transports[i];
	return NULL;
}

enum phase { WAITS, BUSY };

/* Recipients of one message that share a next hop: one attempt. */
struct delivery {
	TAILQ_ENTRY(delivery) link; /* of those in its phase */
	enum phase phase;
	struct destination *destination;
	struct message *m;
	uint32_t recipient[ATTEMPT_RCPT_MAX]; /* indexes */
	size_t n, answered;
	struct service service;
	uint64_t answered_ms; /* last progress; monotonic */
};

struct destination {
	struct destination *next;
	const struct transport *transport;
	size_t n[2]; /* deliveries of each phase */
	uint64_t served; /* serial of its last turn */
	size_t postponed; /* put back to the disk lately */
	uint64_t closed_ms; /* not before; monotonic, 0: open */
	uint64_t pause_ms; /* how long it was closed for */
	struct fault why;
	char nexthop[ATTEMPT_NEXTHOP_MAX + 1];
};

struct destinations {
	struct destination *first;
	/* Of each phase, the oldest first. */
	TAILQ_HEAD(deliveries, delivery) list[2];
	size_t n[2];
	uint64_t turns;
};

void
destinations_begin(struct run *run)
{
	run->destinations = mem_new(1, sizeof(*run->destinations));
	TAILQ_INIT(&run->destinations->list[WAITS]);
	TAILQ_INIT(&run->destinations->list[BUSY]);
}

static struct delivery *
first_of(const struct run *run, enum phase phase)
{
	return TAILQ_FIRST(&run->destinations->list[phase]);
}

static void
delivery_enters(struct run *run, struct delivery *delivery, enum phase phase)
{
	delivery->phase = phase;
	TAILQ_INSERT_TAIL(&run->destinations->list[phase], delivery, link);
	run->destinations->n[phase]++;
	delivery->destination->n[phase]++;
}

static void
delivery_leaves(struct run *run, struct delivery *delivery)
{
	TAILQ_REMOVE(&run->destinations->list[delivery->phase], delivery, link);
	run->destinations->n[delivery->phase]--;
	delivery->destination->n[delivery->phase]--;
}

/* ---- Who waits. ---- */

/* Nothing rests on it. After a failure it is known for as long again, so that
   its pauses grow when it fails the next time. */
static bool
is_idle(const struct destination *d)
{
	return d->n[WAITS] + d->n[BUSY] + d->postponed == 0 &&
	    d->closed_ms + d->pause_ms <= clock_mono_ms();
}

/* A new one, or the one that is known; idle ones are forgotten. */
static struct destination *
find(struct run *run, const struct transport *transport, const char *nexthop)
{
	struct destination **at = &run->destinations->first;
	struct destination *d, *found = NULL;

	while ((d = *at) != NULL) {
		if (d->transport == transport &&
		    strcmp(d->nexthop, nexthop) == 0) {
			found = d;
		} else if (is_idle(d)) {
			*at = d->next;
			free(d);
			continue;
		}
		at = &d->next;
	}
	if (found != NULL)
		return found;
	d = mem_new(1, sizeof(*d));
	d->transport = transport;
	d->served = ++run->destinations->turns;
	(void)span_copy(span_of(nexthop), d->nexthop, sizeof(d->nexthop));
	*at = d;
	return d;
}

static bool
is_full(const struct run *run, const struct destination *d)
{
	size_t window = run->set->window;

	return d->n[WAITS] > window / NEXTHOP_PART ||
	    run->destinations->n[WAITS] > window / ALL_PART;
}

/* Back to the disk, without an attempt: the later, the more were so before. */
static void
postpone(struct run *run, struct destination *d, struct message *m, size_t i)
{
	size_t share = run->set->window / NEXTHOP_PART + 1;
	struct fault f;

	(void)fault_set(
	    &f, TEMP, "4.3.2", 0, "too many messages wait for %s", d->nexthop);
	status_end(m, i, STATUS_DEFERRED, &f);
	m->status[i].postponed = true;
	m->status[i].next_ms =
	    clock_wall_ms() + MINUTE_MS * (1 + d->postponed++ / share);
}

/* The one of this message that still has room, or a new one; a message's
   recipients come one after the other. */
static struct delivery *
delivery_of(struct run *run, struct destination *d, struct message *m)
{
	struct delivery *delivery =
	    TAILQ_LAST(&run->destinations->list[WAITS], deliveries);

	for (; delivery != NULL && delivery->m == m;
	     delivery = TAILQ_PREV(delivery, deliveries, link))
		if (delivery->destination == d &&
		    delivery->n < ATTEMPT_RCPT_MAX)
			return delivery;
	delivery = mem_new(1, sizeof(*delivery));
	delivery->destination = d;
	delivery->m = m;
	service_begin(
	    &delivery->service, d->transport->service, SERVICE_TIMEOUT_MS);
	delivery_enters(run, delivery, WAITS);
	m->attempts++;
	return delivery;
}

void
destination_add(struct run *run, struct message *m, size_t i)
{
	struct status *status = &m->status[i];
	struct destination *d = find(run, status->transport, status->path);
	struct delivery *delivery;

	if (d->closed_ms > clock_mono_ms()) {
		status_end(m, i, STATUS_DEFERRED, &d->why);
	} else if (is_full(run, d)) {
		postpone(run, d, m, i);
	} else {
		delivery = delivery_of(run, d, m);
		delivery->recipient[delivery->n++] = (uint32_t)i;
		status->state = STATUS_UNDER_WAY;
	}
}

/* ---- The end of an attempt. ---- */

/* Those without an answer end so; a message that stands in no list may have
   waited for this alone. */
static void
delivery_end(struct run *run, struct delivery *delivery,
    enum status_state state, const struct fault *why)
{
	struct message *m = delivery->m;

	for (size_t k = delivery->answered; k < delivery->n; k++)
		status_end(m, delivery->recipient[k], state, why);
	delivery_leaves(run, delivery);
	/* The connection ends; a transport's process is not waited for. */
	service_free(&delivery->service);
	free(delivery);
	m->attempts--;
	if (m->step == STEP_ATTEMPTS && !m->listed)
		list_add(&run->answered, m);
}

/* What waits, of that message or for that next hop; NULL: of all, for all. */
static void
end_waiting(struct run *run, const struct message *m,
    const struct destination *d, enum status_state state,
    const struct fault *why)
{
	struct delivery *delivery = first_of(run, WAITS), *next;

	for (; delivery != NULL; delivery = next) {
		next = TAILQ_NEXT(delivery, link);
		if ((m == NULL || delivery->m == m) &&
		    (d == NULL || delivery->destination == d))
			delivery_end(run, delivery, state, why);
	}
}

void
destination_cancel(struct run *run, const struct message *m)
{
	end_waiting(run, m, NULL, STATUS_OPEN, NULL);
}

/* The next hop fails as a whole: who waits for it waits on disk. */
static void
close_destination(
    struct run *run, struct destination *d, const struct fault *why)
{
	d->pause_ms =
	    d->pause_ms == 0 ? run->set->retry_min_ms : 2 * d->pause_ms;
	if (d->pause_ms > run->set->retry_max_ms)
		d->pause_ms = run->set->retry_max_ms;
	d->closed_ms = clock_mono_ms() + d->pause_ms;
	d->why = *why;
	journal_alarm(&run->journal, NULL, "%s %s: no attempts for %llu s: %s",
	    d->transport->name, d->nexthop,
	    (unsigned long long)d->pause_ms / 1000, why->text);
	end_waiting(run, NULL, d, STATUS_DEFERRED, why);
}

/* The attempt was made. closes: the next hop fails as a whole. */
static void
delivery_made(struct run *run, struct delivery *delivery, const struct fault *f,
    bool closes)
{
	struct destination *d = delivery->destination;

	if (d->postponed > 0)
		d->postponed--;
	delivery_end(run, delivery, STATUS_DEFERRED, f);
	if (closes)
		close_destination(run, d, f);
	else
		d->pause_ms = 0;
}

/* ---- Answers. ---- */

static void
take_answer(
    struct run *run, struct delivery *delivery, const struct attempt_ans *ans)
{
	size_t i = delivery->recipient[delivery->answered++];

	if (ans->fault.outcome != OK) {
		status_end_by_fault(delivery->m, i, &ans->fault);
		return;
	}
	status_end(delivery->m, i, STATUS_DELIVERED, NULL);
	delivery->m->status[i].how = delivery->destination->transport->name;
	run_tell(run, CODE_DELIVERED, delivery->m,
	    JOURNAL_FIELDS(
	        JOURNAL_NUM("n", delivery->m->envelope.recipient[i].n),
	        JOURNAL_TEXT(
	            "transport", delivery->destination->transport->name),
	        JOURNAL_TEXT("nexthop", delivery->destination->nexthop),
	        JOURNAL_TEXT("host", ans->host),
	        JOURNAL_TEXT("text", ans->fault.text)));
	run_tell(run, CODE_DELIVERED_RCPT, delivery->m,
	    JOURNAL_FIELDS(RUN_RECIPIENT(delivery->m, i)));
}

/* OK: the attempt has ended, and last has what was said last. TEMP with EAGAIN:
   there is more to come; else its connection is of no use any more. */
static enum outcome
take_lines(struct run *run, struct delivery *delivery, bool *all_nexthop,
    struct fault *last, struct fault *f)
{
	struct attempt_ans ans;
	struct span line;
	size_t i;

	while (service_next(&delivery->service, &line)) {
		delivery->answered_ms = clock_mono_ms();
		if (delivery->answered == delivery->n)
			return wire_attempt_get_end(
			    line, &delivery->m->envelope.qid, all_nexthop, f);
		i = delivery->recipient[delivery->answered];
		if (wire_attempt_get_ans(line,
		        delivery->m->envelope.recipient[i].n, &ans, f) != OK)
			return f->outcome;
		*last = ans.fault;
		take_answer(run, delivery, &ans);
	}
	return fault_set(f, TEMP, "4.3.0", EAGAIN, "no answer yet");
}

static uint64_t
delivery_ends_ms(const struct delivery *delivery)
{
	return delivery->answered_ms +
	    *delivery->destination->transport->deadline_ms + LATE_MS;
}

/* A next hop is closed by what is temporary, not by who is refused there. */
static void
delivery_read(struct run *run, struct delivery *delivery)
{
	struct fault f = FAULT_NONE, last = FAULT_NONE, gone = FAULT_NONE;
	bool all_nexthop = false;

	if (service_push(&delivery->service, &gone) == OK &&
	    delivery->service.readable)
		(void)!service_pull(&delivery->service, &gone);
	if (take_lines(run, delivery, &all_nexthop, &last, &f) != OK) {
		if (f.error == EAGAIN && gone.outcome != OK)
			f = gone;
		else if (f.error == EAGAIN &&
		    delivery_ends_ms(delivery) > clock_mono_ms())
			return;
		else if (f.error == EAGAIN)
			(void)fault_set(&f, TEMP, "4.3.0", 0,
			    "%s did not answer", delivery->service.name);
		run_alarm(run, delivery->m, &f);
		last = f;
	}
	delivery_made(
	    run, delivery, &last, all_nexthop && last.outcome == TEMP);
}

void
destinations_read(struct run *run)
{
	struct delivery *delivery = first_of(run, BUSY), *next;

	for (; delivery != NULL; delivery = next) {
		next = TAILQ_NEXT(delivery, link);
		delivery_read(run, delivery);
	}
}

/* ---- Beginning. ---- */

static enum outcome
put_request(const struct delivery *delivery, struct buf *out, struct fault *f)
{
	const struct message *m = delivery->m;

	if (wire_attempt_put(
	        out, &m->envelope, delivery->destination->nexthop, f) != OK)
		return f->outcome;
	for (size_t k = 0; k < delivery->n; k++) {
		size_t i = delivery->recipient[k];
		const char *address = m->status[i].address;

		if (wire_attempt_put_to(out, &m->envelope.recipient[i],
		        address[0] == '\0' ? NULL : address, f) != OK)
			return f->outcome;
	}
	wire_attempt_put_end(out);
	return OK;
}

/* The request, and with its first octets the content's descriptor. *closes: no
   attempt at that next hop can be made now. */
static enum outcome
delivery_begin(
    struct run *run, struct delivery *delivery, bool *closes, struct fault *f)
{
	struct store_content content = STORE_CONTENT_NONE;
	struct service *s = &delivery->service;
	ssize_t sent = -1;

	run_takes(run, delivery->m);
	if (store_open_content(
	        &run->store, &delivery->m->envelope, &content, f) != OK)
		return f->outcome;
	*closes = service_open(s, f) != OK; /* empties its buffers */
	if (!*closes && put_request(delivery, &s->out, f) == OK) {
		sent = fds_send_some(s->fd, buf_span(&s->out), content.fd);
		if (sent < 0)
			(void)fault_set(f, TEMP, "4.3.0", errno, "%s", s->name);
		else
			buf_drop(&s->out, (size_t)sent);
	}
	store_close_content(&content);
	return sent < 0 ? f->outcome : OK;
}

/* Of the next hops that may have one more attempt, the one whose last turn is
   longest ago; NULL: there is none. */
static struct delivery *
next_delivery(const struct run *run)
{
	struct delivery *delivery = first_of(run, WAITS);
	struct delivery *best = NULL;

	if (run->draining ||
	    run->destinations->n[BUSY] >= run->set->transport_attempts)
		return NULL;
	for (; delivery != NULL; delivery = TAILQ_NEXT(delivery, link))
		if (delivery->destination->n[BUSY] <
		        run->set->nexthop_attempts &&
		    (best == NULL ||
		        delivery->destination->served <
		            best->destination->served))
			best = delivery;
	return best;
}

void
destinations_begin_attempts(struct run *run)
{
	struct delivery *delivery;

	while ((delivery = next_delivery(run)) != NULL) {
		bool closes = false;
		struct fault f;

		delivery->destination->served = ++run->destinations->turns;
		if (delivery_begin(run, delivery, &closes, &f) != OK) {
			run_alarm(run, delivery->m, &f);
			f.outcome = TEMP;
			delivery_made(run, delivery, &f, closes);
			continue;
		}
		delivery->answered_ms = clock_mono_ms();
		delivery_leaves(run, delivery);
		delivery_enters(run, delivery, BUSY);
	}
}

/* ---- Inside the poll loop. ---- */

size_t
destinations_poll(const struct run *run, struct pollfd *fds, size_t max)
{
	const struct delivery *delivery = first_of(run, BUSY);
	size_t n = 0;

	for (; delivery != NULL && n < max;
	     delivery = TAILQ_NEXT(delivery, link))
		n += service_poll(&delivery->service, &fds[n]);
	return n;
}

void
destinations_ready(struct run *run, const struct pollfd *fds, size_t n)
{
	struct delivery *delivery = first_of(run, BUSY);

	for (; delivery != NULL; delivery = TAILQ_NEXT(delivery, link))
		service_look(&delivery->service, fds, n);
}

uint64_t
destinations_next_ms(const struct run *run)
{
	const struct delivery *delivery = first_of(run, BUSY);
	uint64_t at = 0;

	for (; delivery != NULL; delivery = TAILQ_NEXT(delivery, link))
		at = run_earlier_ms(at, delivery_ends_ms(delivery));
	return at;
}

size_t
destinations_busy(const struct run *run)
{
	return run->destinations->n[BUSY];
}
