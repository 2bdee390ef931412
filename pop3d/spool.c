/* SPDX-License-Identifier: ISC */
/*
 * spool.c: a message to a client.
 *
 * What may be sent as it is: small ones are read straight into
 * the reply buffer and leave with their reply line in one send(), big ones go
 * from the page cache to the socket. All else passes through one loop.
 */
#include "spool.h"

#include <errno.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define CHUNK     (32UL * 1024)
#define END_ROOM  8 /* CRLF . CRLF, and the 0 of a buf */
#define SENDFILES (1024UL * 1024) /* octets of one sendfile() */

static enum outcome
read_some(int fd, char *p, size_t room, size_t *got, struct fault *f)
{
	ssize_t n;

	do
		n = read(fd, p, room);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fault_set(f, TEMP, "4.3.0", errno, "message");
	*got = (size_t)n;
	return OK;
}

/*
 * What was delivered ends with CRLF; one that was cut short must not take the
 * closing line with it.
 */
static enum outcome
close_message(struct stream *out, bool ends, struct fault *f)
{
	return stream_put(
	    out, ends ? SPAN_LIT(".\r\n") : SPAN_LIT("\r\n.\r\n"), f);
}

/* ---- Through the loop ---- */

void
spool_begin(struct spool *p, uint64_t lines)
{
	*p = (struct spool){ .lines = lines, .line_start = true };
}

/* A line of the body is about to begin; false: the top has been sent. */
static bool
may_begin_line(struct spool *p)
{
	if (!p->in_body || p->lines == SPOOL_ALL)
		return true;
	if (p->lines == 0)
		return false;
	p->lines--;
	return true;
}

/* Up to the next LF or the end of the piece; s is not empty. */
static enum outcome
spool_line(struct spool *p, struct stream *out, struct span *s, struct fault *f)
{
	size_t n = span_find(*s, '\n');
	struct span text = span_head(*s, n);
	bool ends = n < s->len, had_cr;

	if (p->line_start) {
		if (!may_begin_line(p)) {
			p->done = true;
			return OK;
		}
		if (s->p[0] == '.' && stream_put(out, SPAN_LIT("."), f) != OK)
			return f->outcome;
	}
	/* CR alone never makes a line; LF alone is sent as CRLF. */
	had_cr = text.len > 0 ? text.p[text.len - 1] == '\r' : p->last_cr;
	p->line_len += text.len;
	/* The empty line between header section and body. RFC 5322 2.1 */
	if (ends && p->line_len == (had_cr ? 1 : 0))
		p->in_body = true;
	if (stream_put(out, text, f) != OK ||
	    (ends &&
	        stream_put(
	            out, had_cr ? SPAN_LIT("\n") : SPAN_LIT("\r\n"), f) != OK))
		return f->outcome;
	p->line_start = ends;
	p->last_cr = !ends && had_cr;
	if (ends)
		p->line_len = 0;
	*s = span_from(*s, ends ? n + 1 : n);
	return OK;
}

enum outcome
spool_piece(struct spool *p, struct stream *out, struct span s, struct fault *f)
{
	while (s.len > 0 && !p->done)
		if (spool_line(p, out, &s, f) != OK)
			return f->outcome;
	return OK;
}

enum outcome
spool_end(struct spool *p, struct stream *out, struct fault *f)
{
	return close_message(out, p->line_start, f);
}

static enum outcome
through_loop(struct stream *out, const struct message_file *file,
    uint64_t lines, struct fault *f)
{
	static char chunk[CHUNK];
	struct spool p;
	size_t got;

	spool_begin(&p, lines);
	for (;;) {
		if (read_some(file->fd, chunk, sizeof(chunk), &got, f) != OK)
			return f->outcome;
		if (got == 0 || p.done)
			return spool_end(&p, out, f);
		if (spool_piece(&p, out, (struct span){ chunk, got }, f) != OK)
			return f->outcome;
	}
}

/* ---- As it lies ---- */

static enum outcome
from_page_cache(
    struct stream *out, const struct message_file *file, struct fault *f)
{
	char end[2] = "";
	off_t size;
	ssize_t n;

	/* Before the reply line leaves: later, only the connection's end says
	   that a message cannot be read. */
	if (pread(file->fd, end, 1, 0) < 0)
		return fault_set(f, TEMP, "4.3.0", errno, "message");
	if (stream_flush(out, f) != OK)
		return f->outcome;
	for (;;) {
		n = sendfile(out->out, file->fd, NULL, SENDFILES);
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			return fault_set(f, TEMP,
			    errno == EIO ? "4.3.0" : "4.4.2", errno, "message");
	}
	size = lseek(file->fd, 0, SEEK_CUR);
	if (size >= 2 && pread(file->fd, end, 2, size - 2) != 2)
		return fault_set(f, TEMP, "4.3.0", errno, "message");
	return close_message(out, end[0] == '\r' && end[1] == '\n', f);
}

/* A line of it begins with a dot. */
static bool
has_dots(const char *p, size_t len)
{
	return len > 0 && (p[0] == '.' || memmem(p, len, "\n.", 2) != NULL);
}

/*
 * Into the reply buffer, with one read() that finds the end as well. What
 * changed between fstat() and here, or kept its size, is seen.
 */
static enum outcome
in_one_go(struct stream *out, const struct message_file *file, uint64_t octets,
    struct fault *f)
{
	struct buf *w = &out->wbuf;
	size_t got;

	if (!buf_reserve(w, (size_t)octets + 1))
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "message");
	if (read_some(file->fd, w->p + w->len, (size_t)octets + 1, &got, f) !=
	    OK)
		return f->outcome;
	if (got != octets || has_dots(w->p + w->len, got)) {
		w->p[w->len] = '\0';
		if (lseek(file->fd, 0, SEEK_SET) != 0)
			return fault_set(f, TEMP, "4.3.0", errno, "message");
		return through_loop(out, file, SPOOL_ALL, f);
	}
	w->len += got;
	w->p[w->len] = '\0';
	return close_message(
	    out, got >= 2 && memcmp(w->p + w->len - 2, "\r\n", 2) == 0, f);
}

enum outcome
spool_message(struct stream *out, const struct message_file *file,
    uint64_t octets, uint64_t lines, struct fault *f)
{
	if (lines != SPOOL_ALL || !file->as_it_is)
		return through_loop(out, file, lines, f);
	if (octets + END_ROOM + out->wbuf.len < STREAM_OUT_MAX)
		return in_one_go(out, file, octets, f);
	return from_page_cache(out, file, f);
}
