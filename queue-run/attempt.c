/* SPDX-License-Identifier: ISC */
/* attempt.c: attempts at next hops, an attempt a connection. */
#include "attempt.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "codes.h"
#include "destination.h"
#include "fds.h"
#include "mem.h"
#include "run.h"
#include "wire_attempt.h"

/* A transport ends an attempt at its deadline; who is silent for so much longer
   hangs. Ours */
#define LATE_MS 60000

/* One attempt. */
struct delivery {
	TAILQ_ENTRY(delivery) link;
	struct destination *destination;
	struct message *m;
	uint32_t *recipient; /* indexes */
	size_t n, answered;
	struct fault last; /* what was said last */
	struct service service;
	uint64_t answered_ms; /* last progress; monotonic */
};

struct attempts {
	TAILQ_HEAD(deliveries, delivery) busy;
	size_t n;
};

void
attempts_begin(struct run *run)
{
	run->attempts = mem_new(1, sizeof(*run->attempts));
	TAILQ_INIT(&run->attempts->busy);
}

/* ---- The end of an attempt. ---- */

/* Those without an answer are deferred. */
static void
delivery_end(struct run *run, struct delivery *delivery,
    enum destination_went went, const struct fault *why)
{
	struct destination *d = delivery->destination;
	struct message *m = delivery->m;

	for (size_t k = delivery->answered; k < delivery->n; k++)
		status_end(m, delivery->recipient[k], STATUS_DEFERRED, why);
	TAILQ_REMOVE(&run->attempts->busy, delivery, link);
	run->attempts->n--;
	/* The connection ends; a transport's process is not waited for. */
	service_free(&delivery->service);
	free(delivery->recipient);
	free(delivery);
	destination_made(run, d, went, why);
	destination_part_ended(run, m);
}

/* ---- Answers. ---- */

static void
take_answer(
    struct run *run, struct delivery *delivery, const struct attempt_ans *ans)
{
	const struct destination *d = delivery->destination;
	size_t i = delivery->recipient[delivery->answered++];
	struct message *m = delivery->m;

	if (ans->fault.outcome != OK) {
		status_end_by_fault(m, i, &ans->fault);
		m->status[i].host = message_keep(m, span_of(ans->host));
		m->status[i].reply = (uint32_t)ans->reply;
		return;
	}
	status_end(m, i, STATUS_DELIVERED, NULL);
	m->status[i].how = d->transport->name;
	run_tell(run, CODE_DELIVERED, m,
	    JOURNAL_FIELDS(JOURNAL_NUM("n", m->envelope.recipient[i].n),
	        JOURNAL_TEXT("transport", d->transport->name),
	        JOURNAL_TEXT("nexthop", d->nexthop),
	        JOURNAL_TEXT("host", ans->host),
	        JOURNAL_TEXT("text", ans->fault.text)));
	run_tell(
	    run, CODE_DELIVERED_RCPT, m, JOURNAL_FIELDS(RUN_RECIPIENT(m, i)));
}

/* OK: the attempt has ended. TEMP with EAGAIN: there is more to come; else its
   connection is of no use any more. */
static enum outcome
take_lines(struct run *run, struct delivery *delivery, bool *all_nexthop,
    struct fault *f)
{
	const struct envelope *e = &delivery->m->envelope;
	struct attempt_ans ans;
	struct span line;
	size_t i;

	while (service_next(&delivery->service, &line)) {
		delivery->answered_ms = clock_mono_ms();
		if (delivery->answered == 0 &&
		    wire_attempt_is_begin(line, &e->qid))
			continue;
		if (delivery->answered == delivery->n)
			return wire_attempt_get_end(
			    line, &e->qid, all_nexthop, f);
		i = delivery->recipient[delivery->answered];
		if (wire_attempt_get_ans(line, e->recipient[i].n, &ans, f) !=
		    OK)
			return f->outcome;
		delivery->last = ans.fault;
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
	struct fault f = FAULT_NONE, gone = FAULT_NONE;
	bool all_nexthop = false;

	if (service_push(&delivery->service, &gone) == OK &&
	    delivery->service.readable)
		(void)!service_pull(&delivery->service, &gone);
	if (take_lines(run, delivery, &all_nexthop, &f) == OK) {
		struct fault last = delivery->last; /* it goes */

		delivery_end(run, delivery,
		    all_nexthop && last.outcome == TEMP ? DESTINATION_FAILED
		                                        : DESTINATION_ANSWERED,
		    &last);
		return;
	}
	if (f.error == EAGAIN && gone.outcome != OK)
		f = gone;
	else if (f.error == EAGAIN &&
	    delivery_ends_ms(delivery) > clock_mono_ms())
		return;
	else if (f.error == EAGAIN)
		(void)fault_set(&f, TEMP, "4.3.0", 0, "%s did not answer",
		    delivery->service.name);
	run_alarm(run, delivery->m, &f);
	delivery_end(run, delivery, DESTINATION_SILENT, &f);
}

void
attempts_read(struct run *run)
{
	struct delivery *delivery = TAILQ_FIRST(&run->attempts->busy), *next;

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

/* The request, and with its first octets the content's descriptor. *away: no
   attempt by that transport can be made now. */
static enum outcome
delivery_begin(
    struct run *run, struct delivery *delivery, bool *away, struct fault *f)
{
	struct store_content content = STORE_CONTENT_NONE;
	struct service *s = &delivery->service;
	ssize_t sent = -1;

	run_takes(run, delivery->m);
	if (store_open_content(
	        &run->store, &delivery->m->envelope, &content, f) != OK)
		return f->outcome;
	*away = service_open(s, f) != OK; /* empties its buffers */
	if (!*away && put_request(delivery, &s->out, f) == OK) {
		sent = fds_send_some(s->fd, buf_span(&s->out), content.fd);
		if (sent < 0)
			(void)fault_set(f, TEMP, "4.3.0", errno, "%s", s->name);
		else
			buf_drop(&s->out, (size_t)sent);
	}
	store_close_content(&content);
	return sent < 0 ? f->outcome : OK;
}

static struct delivery *
delivery_of(struct run *run, struct share *share)
{
	struct delivery *delivery = mem_new(1, sizeof(*delivery));

	delivery->destination = share->destination;
	delivery->m = share->m;
	delivery->recipient =
	    destination_take(run, share, ATTEMPT_RCPT_MAX, &delivery->n);
	service_begin(&delivery->service,
	    delivery->destination->transport->service, SERVICE_TIMEOUT_MS);
	delivery->answered_ms = clock_mono_ms();
	TAILQ_INSERT_TAIL(&run->attempts->busy, delivery, link);
	run->attempts->n++;
	return delivery;
}

void
attempts_make(struct run *run)
{
	struct share *share;

	while ((share = destination_next(run)) != NULL) {
		struct delivery *delivery = delivery_of(run, share);
		bool away = false;
		struct fault f;

		if (delivery_begin(run, delivery, &away, &f) == OK)
			continue;
		run_alarm(run, delivery->m, &f);
		f.outcome = TEMP;
		delivery_end(run, delivery,
		    away ? DESTINATION_FAILED : DESTINATION_SILENT, &f);
	}
}

/* ---- Inside the poll loop. ---- */

size_t
attempts_poll(const struct run *run, struct pollfd *fds, size_t max)
{
	const struct delivery *delivery = TAILQ_FIRST(&run->attempts->busy);
	size_t n = 0;

	for (; delivery != NULL && n < max;
	     delivery = TAILQ_NEXT(delivery, link))
		n += service_poll(&delivery->service, &fds[n]);
	return n;
}

void
attempts_ready(struct run *run, const struct pollfd *fds, size_t n)
{
	struct delivery *delivery = TAILQ_FIRST(&run->attempts->busy);

	for (; delivery != NULL; delivery = TAILQ_NEXT(delivery, link))
		service_look(&delivery->service, fds, n);
}

uint64_t
attempts_next_ms(const struct run *run)
{
	const struct delivery *delivery = TAILQ_FIRST(&run->attempts->busy);
	uint64_t at = 0;

	for (; delivery != NULL; delivery = TAILQ_NEXT(delivery, link))
		at = run_earlier_ms(at, delivery_ends_ms(delivery));
	return at;
}

size_t
attempts_busy(const struct run *run)
{
	return run->attempts->n;
}
