/* SPDX-License-Identifier: ISC */
/* submit.c: hands a message to queue-add. */
#include "submit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "fds.h"
#include "wire_add.h"

/* Octets after which the disk begins to write: the sync at the end waits less. */
#define WRITE_BEHIND (1024UL * 1024)
/* Octets between two yields of the processor, some 50 us. doc/performance.md */
#define WRITE_PIECE (16UL * 1024)

#define REQUEST_MAX (64UL * 1024 * 1024) /* octets: 100,000 recipients */

void
submit_begin(struct submit *s)
{
	*s = (struct submit){ .request = BUF_INIT(REQUEST_MAX), .fd = -1 };
	service_begin(&s->add, "queue-add", SUBMIT_TIMEOUT_MS);
}

void
submit_free(struct submit *s)
{
	submit_drop(s);
	service_free(&s->add);
	buf_free(&s->request);
}

/*
 * queue-add waits for `written`: `drop` says that none comes. The connection
 * is kept, since it may be the only one there ever is (lib/service.h).
 */
static void
drop_file(struct submit *s, const char *text)
{
	struct add_line drop = { .word = ADD_DROP };
	struct fault f;

	fds_close(&s->fd);
	buf_reset(&s->request);
	(void)span_copy(span_of(text), drop.text, sizeof(drop.text));
	if (wire_add_put_line(&s->request, &drop, &f) != OK ||
	    service_send(&s->add, buf_span(&s->request), &f) != OK)
		service_close(&s->add);
}

void
submit_drop(struct submit *s)
{
	if (s->fd != -1)
		drop_file(s, "");
}

/* A full disk raises no alarm; an I/O error does. */
static enum outcome
disk_failed(struct submit *s, int error, const char *call, struct fault *f)
{
	bool is_full = error == ENOSPC || error == EDQUOT;

	(void)fault_set(f, TEMP, is_full ? FAULT_NO_SPACE : "4.3.0", error,
	    "message file: %s", call);
	drop_file(s, is_full ? "" : f->text);
	return TEMP;
}

/*
 * If queue-add was restarted since the last message, the connection is dead: a
 * request that could not be sent whole was never begun there, so it is sent once
 * more, on a new connection. Nothing else is repeated: without an answer it is
 * not known whether the message was queued.
 */
static enum outcome
send_request(struct submit *s, struct fault *f)
{
	if (buf_failed(&s->request))
		return fault_set(f, TEMP, "4.3.0", EMSGSIZE, "queue-add");
	for (int attempt = 0; attempt < 2; attempt++) {
		if (service_open(&s->add, f) != OK)
			return f->outcome;
		if (service_send(&s->add, buf_span(&s->request), f) == OK) {
			*f = FAULT_NONE; /* of the first try */
			return OK;
		}
		if (f->error == ETIMEDOUT)
			break;
	}
	return fault_context(f, "queue-add");
}

static enum outcome
wait_for_answer(struct submit *s, const struct qid *qid, enum add_answer want,
    struct fault *f)
{
	enum add_answer answer;
	struct span line;
	uint64_t offset = 0;

	if (service_line(&s->add, &line, f) != OK)
		return fault_context(f, "queue-add");
	if (wire_add_get_answer(line, qid, &answer, &offset, f) != OK) {
		if (f->error == EPROTO)
			service_close(&s->add);
		return f->outcome;
	}
	if (answer == want || (answer == ADD_EXISTS && s->is_derived))
		return OK;
	/* `exists`: another message has this qid, which cannot be by chance */
	service_close(&s->add);
	return fault_set(f, TEMP, "4.3.0", 0, "queue-add: unexpected answer");
}

static enum outcome
begin_file(struct submit *s, const struct envelope *e, struct fault *f)
{
	static const struct add_line data = { .word = ADD_DATA_FD };
	enum outcome answer;

	buf_reset(&s->request);
	if (wire_add_put(&s->request, e, f) != OK ||
	    wire_add_put_line(&s->request, &data, f) != OK ||
	    send_request(s, f) != OK)
		return f->outcome;
	s->add.takes_fd = true;
	answer = wait_for_answer(s, &e->qid, ADD_WRITE, f);
	s->add.takes_fd = false;
	if (answer != OK)
		return answer;
	s->fd = s->add.received_fd;
	s->add.received_fd = -1;
	if (s->fd == -1) {
		service_close(&s->add);
		return fault_set(
		    f, TEMP, "4.3.0", 0, "queue-add: no descriptor came");
	}
	s->has_held = true;
	s->written = s->behind = 0;
	envelope_digest_begin(&s->digest);
	return OK;
}

/* All of the content that is there, to the file. */
static enum outcome
write_out(struct submit *s, struct buf *c, struct fault *f)
{
	struct span piece, rest = buf_span(c);

	for (; rest.len > 0; rest = span_from(rest, piece.len)) {
		piece = span_head(rest, WRITE_PIECE);
		if (fds_write_all(s->fd, piece, f) != OK)
			return disk_failed(s, f->error, "write", f);
		envelope_digest_add(&s->digest, piece);
		/* Whoever waits to handle a small message goes first. */
		(void)sched_yield();
	}
	s->written += c->len;
	if (s->written - s->behind >= WRITE_BEHIND) {
		(void)sync_file_range(s->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
		s->behind = s->written;
	}
	buf_reset(c);
	return OK;
}

enum outcome
submit_spill(
    struct submit *s, const struct envelope *e, struct buf *c, struct fault *f)
{
	if (c->len <= ADD_INLINE_MAX)
		return OK;
	if (s->fd == -1 && begin_file(s, e, f) != OK)
		return f->outcome;
	return write_out(s, c, f);
}

/* The rest of a big message, and that it is whole. */
static enum outcome
finish_file(struct submit *s, struct buf *c, bool dots, struct fault *f)
{
	struct add_line written = { .word = ADD_WRITTEN, .dots = dots };

	if (write_out(s, c, f) != OK)
		return f->outcome;
	/* Here, where no round waits for it; its name is synced with it later. */
	if (fsync(s->fd) != 0)
		return disk_failed(s, errno, "fsync", f);
	fds_close(&s->fd);
	written.size = s->written;
	envelope_digest_end(&s->digest, written.digest);
	buf_reset(&s->request);
	if (wire_add_put_line(&s->request, &written, f) != OK) {
		service_close(&s->add);
		return f->outcome;
	}
	wire_add_put_end(&s->request);
	return service_send(&s->add, buf_span(&s->request), f) == OK
	    ? OK
	    : fault_context(f, "queue-add");
}

/* Request lines, content and `end`, in one write. */
static enum outcome
send_whole(
    struct submit *s, const struct envelope *e, struct buf *c, struct fault *f)
{
	const struct add_line data = { .word = ADD_DATA, .size = c->len };

	buf_reset(&s->request);
	if (wire_add_put(&s->request, e, f) != OK ||
	    wire_add_put_line(&s->request, &data, f) != OK)
		return f->outcome;
	buf_add(&s->request, buf_span(c));
	wire_add_put_end(&s->request);
	return send_request(s, f);
}

enum outcome
submit_finish(struct submit *s, const struct envelope *e, struct buf *c,
    bool dots, struct fault *f)
{
	if (submit_spill(s, e, c, f) != OK ||
	    (s->fd == -1 ? send_whole(s, e, c, f)
	                 : finish_file(s, c, dots, f)) != OK)
		return f->outcome;
	return wait_for_answer(s, &e->qid, ADD_OK, f);
}
