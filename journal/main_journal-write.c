/* SPDX-License-Identifier: ISC */
/*
 * journal-write: records from fd 0 (the FIFO run/journal, or a pipe) to the
 * end of the attached receiver. It trusts no writer: a line is taken as text,
 * control octets become '?', and nothing in it is obeyed.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "prog.h"
#include "receiver.h"
#include "record.h"
#include "serve.h"

/*
 * Entries arrive by the hundred; each wake-up costs more than the entry. So
 * after the first one the FIFO collects for this long (it holds 1 MiB).
 */
#define COLLECT_MS 20
#define TAKE_MAX   (1024UL * 1024)

static const struct prog_about about = {
	.name = "journal-write",
	.usage = "[-C DIR] < records",
	.promises = "stdio rpath wpath cpath sync proc",
	.summary = "Append journal records to the attached receiver.",
};

/* Nothing but text and line ends reaches a file that people will look at. */
static void
make_text(char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p[i] < 0x20 && p[i] != '\n')
			p[i] = '?';
}

/* The whole lines of b; an over-long one ends where it passes the maximum. */
static size_t
whole_lines(struct buf *b)
{
	size_t n = b->len;

	while (n > 0 && b->p[n - 1] != '\n')
		n--;
	if (b->len - n >= RECORD_MAX) {
		b->p[n + RECORD_MAX - 1] = '\n';
		n += RECORD_MAX;
	}
	return n;
}

static void
append_lines(struct receiver *r, struct buf *b, bool ended)
{
	struct fault f = FAULT_NONE;
	size_t n;

	if (ended && b->len > 0 && b->p[b->len - 1] != '\n')
		buf_addc(b, '\n');
	n = whole_lines(b);
	if (n == 0)
		return;
	make_text(b->p, n);
	if (receiver_append(r, span_head(buf_span(b), n), &f) != OK &&
	    r->lost == 0)
		prog_warn("%s", f.text);
	buf_drop(b, n);
}

/* What is there now. false: end of input, or nothing and we are to stop. */
static bool
read_some(struct buf *b)
{
	ssize_t n;

	if (!buf_reserve(b, 65536)) {
		buf_reset(b);
		return true;
	}
	n = read(STDIN_FILENO, b->p + b->len, 65536);
	if (n > 0) {
		b->len += (size_t)n;
		b->p[b->len] = '\0';
	}
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static bool
is_waiting(int wait_ms)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&p, 1, wait_ms) > 0;
}

static void
collect(struct receiver *r, struct buf *b)
{
	bool more = true;

	while (more) {
		if (!is_waiting(serve_stopping ? 0 : -1)) {
			if (serve_stopping)
				break;
			continue;
		}
		if (!serve_stopping)
			(void)poll(NULL, 0, COLLECT_MS);
		do
			more = read_some(b);
		while (more && b->len < TAKE_MAX && is_waiting(0));
		append_lines(r, b, !more);
	}
	append_lines(r, b, true);
}

int
main(int argc, char *argv[])
{
	static const struct sandbox_path paths[] = {
		{ "!" RECEIVER_DIRECTORY, "rwc" },
		{ NULL, NULL },
	};
	struct fault f = FAULT_NONE;
	struct receiver r;
	struct buf b = BUF_INIT(TAKE_MAX + 2 * 65536);
	const char *value;

	prog_begin(&about, argv[0]);
	while (prog_option(argc, argv, &value) != -1)
		continue;
	serve_signals();
	if (prog_home(&f) != OK ||
	    receiver_open(&r, prog.settings.journal.rotate_size,
	        prog.settings.journal.keep, &f) != OK ||
	    sandbox_enter(prog.settings.pneu.sandbox, about.promises, paths,
	        NULL, &f) != OK ||
	    receiver_start(&r, prog.settings.journal.sync_ms, &f) != OK)
		prog_exit(&f);
	collect(&r, &b);
	receiver_close(&r);
	buf_free(&b);
	prog_exit(&f);
}
