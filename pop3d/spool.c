/* SPDX-License-Identifier: ISC */
/*
 * spool.c: a message to a client. What may be sent as it is: small ones are read
 * straight into the reply buffer and leave with their reply line in one send(),
 * big ones go from the page cache to the socket. All else passes through one
 * loop.
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
static struct span
closing(bool ends)
{
	return ends ? SPAN_LIT(".\r\n") : SPAN_LIT("\r\n.\r\n");
}

/* ---- Octet by octet ---- */

void
spool_begin(struct spool *p, uint64_t lines)
{
	*p = (struct spool){ .lines = lines, .last = { '\r', '\n' } };
}

size_t
spool_piece(struct spool *p, struct span in, char *out)
{
	char *to = out;

	for (size_t i = 0; i < in.len; i++) {
		char c = in.p[i];

		if (p->last[1] == '\n') { /* c begins a line */
			p->done = p->in_body && p->lines == 0;
			if (p->done)
				break;
			if (p->in_body && p->lines != SPOOL_ALL)
				p->lines--;
			if (c == '.')
				*to++ = '.';
		}
		if (c == '\n') {
			/* Of header section and body. RFC 5322 2.1 */
			p->in_body |= p->last[1] == '\n' ||
			    (p->last[0] == '\n' && p->last[1] == '\r');
			/* CR alone never makes a line; LF alone does. */
			if (p->last[1] != '\r')
				*to++ = '\r';
		}
		*to++ = c;
		p->last[0] = p->last[1];
		p->last[1] = c;
	}
	return (size_t)(to - out);
}

struct span
spool_end(const struct spool *p)
{
	return closing(p->last[1] == '\n');
}

static enum outcome
through_loop(struct stream *out, const struct message_file *file,
    uint64_t lines, struct fault *f)
{
	static char chunk[CHUNK], sent[2 * CHUNK];
	struct spool p;
	size_t got = 1;

	spool_begin(&p, lines);
	while (!p.done) {
		if (read_some(file->fd, chunk, sizeof(chunk), &got, f) != OK)
			return f->outcome;
		if (got == 0)
			break;
		got = spool_piece(&p, (struct span){ chunk, got }, sent);
		if (stream_put(out, (struct span){ sent, got }, f) != OK)
			return f->outcome;
	}
	return stream_put(out, spool_end(&p), f);
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
	/* As that write told at the latest. What is no socket has no deadline in
	   sendfile(), and a terminal or a file opened to append refuses it. */
	if (!out->is_socket)
		return through_loop(out, file, SPOOL_ALL, f);
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
	return stream_put(out, closing(end[0] == '\r' && end[1] == '\n'), f);
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
in_one_go(struct stream *out, const struct message_file *file, struct fault *f)
{
	size_t most = (size_t)file->octets + 1, got;
	struct buf *w = &out->wbuf;
	const char *p;

	(void)buf_reserve(w, most);
	if (read_some(file->fd, w->p + w->len, most, &got, f) != OK)
		return f->outcome;
	p = w->p + w->len;
	if (got != file->octets || has_dots(p, got)) {
		w->p[w->len] = '\0';
		if (lseek(file->fd, 0, SEEK_SET) != 0)
			return fault_set(f, TEMP, "4.3.0", errno, "message");
		return through_loop(out, file, SPOOL_ALL, f);
	}
	w->len += got;
	w->p[w->len] = '\0';
	return stream_put(
	    out, closing(got >= 2 && memcmp(p + got - 2, "\r\n", 2) == 0), f);
}

enum outcome
spool_message(struct stream *out, const struct message_file *file,
    uint64_t lines, struct fault *f)
{
	if (lines != SPOOL_ALL || !file->as_it_is)
		return through_loop(out, file, lines, f);
	if (file->octets + END_ROOM + out->wbuf.len < STREAM_OUT_MAX)
		return in_one_go(out, file, f);
	return from_page_cache(out, file, f);
}
