/* SPDX-License-Identifier: ISC */
/*
 * journal-write: records from fd 0 (the FIFO run/journal, or a pipe) to the
 * end of the attached receiver. It trusts no writer: a line is taken as text,
 * control octets become '?', an over-long line is cut, nothing is obeyed.
 */
#include <errno.h>
#include <poll.h>
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
#define READ_MAX   65536
#define TAKE_MAX   (1024UL * 1024)

static const struct prog_about about = {
	.name = "journal-write",
	.usage = "[-C DIR] < records",
	.promises = "stdio rpath wpath cpath sync proc",
	.summary = "Append journal records to the attached receiver.",
};

/* What was read and is not yet appended. */
struct input {
	struct buf b;
	size_t column; /* of its last line, in octets */
};

/*
 * Of n octets that were read, what may stand in a file that people will look
 * at: text, in lines that are no longer than a record.
 */
static void
keep_text(struct input *in, size_t n)
{
	char *to = in->b.p + in->b.len;
	const char *from = to;

	for (; n > 0; n--, from++) {
		if (*from == '\n')
			in->column = 0;
		else if (++in->column >= RECORD_MAX)
			continue;
		*to++ =
		    (unsigned char)*from < 0x20 && *from != '\n' ? '?' : *from;
	}
	in->b.len = (size_t)(to - in->b.p);
}

static void
append_lines(struct receiver *r, struct input *in, bool ended)
{
	struct span lines;

	if (ended && in->column > 0) {
		buf_addc(&in->b, '\n');
		in->column = 0;
	}
	lines = span_whole_lines(buf_span(&in->b));
	if (lines.len > 0)
		receiver_append(r, lines);
	buf_drop(&in->b, lines.len);
}

/* What is there now. false: end of input, or nothing and we are to stop. */
static bool
read_some(struct input *in)
{
	ssize_t n = read(STDIN_FILENO, in->b.p + in->b.len, READ_MAX);

	if (n > 0)
		keep_text(in, (size_t)n);
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static bool
is_waiting(int wait_ms)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&p, 1, wait_ms) > 0;
}

static void
collect(struct receiver *r, struct input *in)
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
			more = read_some(in);
		while (more && in->b.len < TAKE_MAX && is_waiting(0));
		append_lines(r, in, !more);
	}
	append_lines(r, in, true);
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
	struct input in = { .b = BUF_INIT(TAKE_MAX + READ_MAX) };

	prog_start(&about, argc, argv);
	serve_signals();
	(void)buf_reserve(&in.b, TAKE_MAX + READ_MAX);
	if (prog_home(&f) != OK ||
	    receiver_open(&r, &prog.settings, &f) != OK ||
	    prog_sandbox(about.promises, paths, &f) != OK ||
	    receiver_start(&r, &f) != OK)
		prog_exit(&f);
	serve_say_ready();
	collect(&r, &in);
	receiver_close(&r);
	buf_free(&in.b);
	prog_exit(&f);
}
