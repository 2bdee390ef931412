/* SPDX-License-Identifier: ISC */
/*
 * smtpd_stub.h: a server whose resolve and queue-add are functions of the
 * test, in place of lib/service.c: alice and bob of local.test exist, later@ is
 * temporary trouble, all else is not ours.
 */
#ifndef TESTS_UNIT_SMTPD_STUB_H
#define TESTS_UNIT_SMTPD_STUB_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../smtpd/session.h"
#include "config.h"
#include "wire_add.h"
#include "wire_resolve.h"

/* What queue-add would do with the next message. */
enum stub_queue { STUB_TAKES, STUB_TEMP, STUB_PERM, STUB_DIES, STUB_STRAYS };

enum stub_disk { STUB_DISK, STUB_DISK_FULL, STUB_DISK_FAILS };

static struct stub {
	enum stub_queue queue;
	uint64_t taken; /* messages answered `ok` */
	struct buf in; /* the request so far */
	struct envelope e; /* of the last message that was whole */
	struct buf content; /* its octets; a big one's are in the file */
	uint64_t content_size; /* as `data` or `written` said */
	struct buf answer;
	bool is_answered; /* an answer waits in `answer` */
	int file; /* of a big message: our side, or -1 */
	int pass; /* descriptor that goes with the answer, or -1 */
	uint64_t malformed;
	enum stub_disk disk; /* under a big message's file */
	uint64_t drops, closes; /* of queue-add's messages, connections */
	char drop_text[FAULT_TEXT_MAX]; /* why it was dropped, the last time */
	uint64_t sends_failing; /* the next so many */
	bool resolve_strays; /* answers for another address, once */
} stub = { .in = { buf_nothing, 0, 0, 1UL << 26, 0 },
	.content = { buf_nothing, 0, 0, 1UL << 26, 0 },
	.answer = { buf_nothing, 0, 0, 1UL << 16, 0 },
	.file = -1,
	.pass = -1 };

static void
stub_answer(enum add_answer word)
{
	struct fault f, why = FAULT_NONE;

	if (word == ADD_FAILED && stub.queue == STUB_TEMP)
		(void)fault_set(&why, TEMP, "4.3.1", 0, "no room");
	if (word == ADD_FAILED && stub.queue == STUB_PERM)
		(void)fault_set(&why, PERM, "5.7.0", 0, "not this one");
	if (stub.queue == STUB_STRAYS)
		stub.e.qid.text[QID_LEN - 1] ^= 1;
	buf_reset(&stub.answer);
	if (wire_add_put_answer(&stub.answer, word, &stub.e.qid, 0, &why, &f) !=
	    OK)
		abort();
	stub.is_answered = true;
}

static void
stub_end(void)
{
	buf_reset(&stub.in);
	if (stub.queue == STUB_TAKES || stub.queue == STUB_STRAYS) {
		stub.taken += stub.queue == STUB_TAKES;
		stub_answer(ADD_OK);
	} else if (stub.queue != STUB_DIES) {
		stub_answer(ADD_FAILED);
	}
}

static void
stub_close_file(void)
{
	if (stub.file != -1)
		(void)close(stub.file);
	if (stub.pass != -1)
		(void)close(stub.pass);
	stub.file = stub.pass = -1;
}

/* One line, and the octets behind it; false: more must come. */
static bool
stub_line(struct span *rest)
{
	struct add_line l = { .size = 0 };
	struct fault f;
	size_t n = span_find(*rest, '\n');

	if (n == rest->len)
		return false;
	if (wire_add_get(span_head(*rest, n), &stub.e, &l, &f) != OK) {
		stub.malformed++;
		*rest = SPAN_EMPTY;
		return true;
	}
	if (l.word == ADD_DATA) {
		if (rest->len - n - 1 < l.size)
			return false;
		buf_reset(&stub.content);
		buf_add(&stub.content,
		    span_head(span_from(*rest, n + 1), (size_t)l.size));
		stub.content_size = l.size;
		n += (size_t)l.size;
	} else if (l.word == ADD_DATA_FD) {
		stub.file = stub.disk == STUB_DISK_FULL
		    ? open("/dev/full", O_WRONLY | O_CLOEXEC)
		    : memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (stub.disk == STUB_DISK_FAILS)
			(void)fcntl(stub.file, F_ADD_SEALS, F_SEAL_WRITE);
		stub.pass = dup(stub.file);
		stub_answer(ADD_WRITE);
	} else if (l.word == ADD_WRITTEN) {
		stub.content_size = l.size;
	} else if (l.word == ADD_DROP) {
		stub.drops++;
		memcpy(stub.drop_text, l.text, sizeof(l.text));
		stub_close_file();
	}
	*rest = span_from(*rest, n + 1);
	if (l.word == ADD_END)
		stub_end();
	return true;
}

static void
stub_take(void)
{
	struct span rest = buf_span(&stub.in);

	while (rest.len > 0 && stub_line(&rest))
		if (stub.in.len == 0)
			return; /* `end`: all of it is gone */
	buf_drop(&stub.in, stub.in.len - rest.len);
}

/* ---- In place of lib/service.c. ---- */

void
service_begin(struct service *s, const char *name, uint64_t timeout_ms)
{
	*s = (struct service){ .name = name,
		.fd = -1,
		.timeout_ms = timeout_ms,
		.received_fd = -1 };
}

enum outcome
service_open(struct service *s, struct fault *f)
{
	(void)f;
	s->fd = 0;
	return OK;
}

void
service_close(struct service *s)
{
	s->fd = -1;
	if (s->received_fd != -1)
		(void)close(s->received_fd);
	s->received_fd = -1;
	if (strcmp(s->name, "queue-add") != 0)
		return;
	stub.closes++;
	buf_reset(&stub.in);
	stub.is_answered = false;
	stub_close_file();
}

void
service_free(struct service *s)
{
	service_close(s);
}

enum outcome
service_send(struct service *s, struct span octets, struct fault *f)
{
	if (stub.sends_failing > 0) {
		stub.sends_failing--;
		service_close(s);
		return fault_set(f, TEMP, "4.3.0", EPIPE, "%s", s->name);
	}
	buf_add(&stub.in, octets);
	stub_take();
	return OK;
}

bool
service_next(struct service *s, struct span *line)
{
	(void)s;
	*line = SPAN_EMPTY;
	return false;
}

enum outcome
service_line(struct service *s, struct span *line, struct fault *f)
{
	if (!stub.is_answered) {
		service_close(s);
		return fault_set(f, TEMP, "4.3.0", 0, "%s: gone", s->name);
	}
	stub.is_answered = false;
	s->received_fd = stub.pass;
	stub.pass = -1;
	*line = span_head(buf_span(&stub.answer), stub.answer.len - 1);
	return OK;
}

static enum outcome
stub_lookup(struct span to, struct resolve_ans *ans, struct fault *why)
{
	struct path p;
	struct fault f;

	memset(ans, 0, sizeof(*ans));
	if (path_parse_bare(to, &p, &f) != OK)
		abort(); /* smtpd must have parsed it already */
	if (path_domain(&p).len > 0 &&
	    !span_same_nocase(path_domain(&p), SPAN_LIT("local.test"))) {
		memcpy(ans->transport, TRANSPORT_SMTP, sizeof(TRANSPORT_SMTP));
		memcpy(ans->nexthop, "evil.test", sizeof("evil.test"));
		return OK;
	}
	memcpy(ans->transport, TRANSPORT_MAILBOX, sizeof(TRANSPORT_MAILBOX));
	memcpy(ans->nexthop, "local.test/x", sizeof("local.test/x"));
	if (span_same_nocase(path_local(&p), SPAN_LIT("alice")) ||
	    span_same_nocase(path_local(&p), SPAN_LIT("postmaster")) ||
	    span_same_nocase(path_local(&p), SPAN_LIT("bob")))
		return OK;
	if (span_same_nocase(path_local(&p), SPAN_LIT("later")))
		return fault_set(why, TEMP, "4.3.0", 0, "not now");
	return fault_set(why, PERM, "5.1.1", 0, "no such user");
}

enum outcome
service_ask(struct service *s, struct span request, bool again,
    struct span *line, struct fault *f)
{
	static struct buf out = { buf_nothing, 0, 0, 1UL << 16, 0 };
	static struct record r;
	struct resolve_req req;
	struct resolve_ans ans;
	struct fault why = FAULT_NONE;
	enum outcome outcome;

	(void)again;
	s->fd = 0;
	if (wire_resolve_get_req(request, &r, &req, f) != OK)
		return f->outcome;
	outcome = stub_lookup(req.forward_path, &ans, &why);
	buf_reset(&out);
	if (stub.resolve_strays)
		req.forward_path = SPAN_LIT("stray@local.test");
	stub.resolve_strays = false;
	if (wire_resolve_put_ans(
	        &out, req.forward_path, outcome, &ans, &why, f) != OK)
		return f->outcome;
	*line = span_head(buf_span(&out), out.len - 1);
	return OK;
}

/* ---- A server for the test. ---- */

static void
stub_server_begin(struct server *v, struct settings *set)
{
	struct buf errors = BUF_INIT(65536);
	struct fault f;

	if (config_load(set, NULL, &errors, &f) != OK)
		abort();
	buf_free(&errors);
	set->storage.min_free = 0;
	envelope_begin(&stub.e);
	server_begin(v, set, "mx.local.test", -1);
	service_begin(&v->resolve, "resolve", 0);
	submit_begin(&v->submit);
	v->journal = (struct journal){ .fd = -1,
		.program = "test",
		.pending = BUF_INIT(JOURNAL_PENDING_MAX) };
}

static inline void
stub_server_end(struct server *v, struct settings *set)
{
	submit_free(&v->submit);
	buf_free(&v->journal.pending);
	server_free(v);
	envelope_free(&stub.e);
	buf_free(&stub.in);
	buf_free(&stub.content);
	buf_free(&stub.answer);
	config_free(set);
}

#endif
