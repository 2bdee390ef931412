/* SPDX-License-Identifier: ISC */
/*
 * A whole SMTP session: the first octet chooses settings and what queue-add
 * does, the rest is what the client sends. Replies are printable and short,
 * what is queued has CRLF ends only, and nothing stays of a transaction.
 */
#include <stdint.h>

#include "../unit/smtpd_stub.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct settings set;
static struct server server;

static int
file_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd == -1 || write(fd, data, size) != (ssize_t)size ||
	    lseek(fd, 0, SEEK_SET) != 0)
		abort();
	return fd;
}

/* Every line: three digits, ' ' or '-', printable ASCII, CRLF. */
static void
check_replies(int fd)
{
	static char text[1UL << 22];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	struct span rest = { text, n < 0 ? 0 : (size_t)n }, line;

	while (span_next(&rest, '\n', &line)) {
		if (line.len < 5 || line.len > 511 ||
		    line.p[line.len - 1] != '\r' ||
		    (line.p[3] != ' ' && line.p[3] != '-'))
			abort();
		for (size_t i = 0; i + 1 < line.len; i++)
			if (line.p[i] < ' ' || line.p[i] > '~')
				abort();
	}
}

static void
check_content(void)
{
	struct span c = buf_span(&stub.content);

	for (size_t i = 0; i < c.len; i++)
		if ((c.p[i] == '\n' && (i == 0 || c.p[i - 1] != '\r')) ||
		    (c.p[i] == '\r' && (i + 1 == c.len || c.p[i + 1] != '\n')))
			abort();
	if (c.len > 0 && c.p[c.len - 1] != '\n')
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;
	struct peer peer = { .loopback = true };
	struct session s;
	int in, out;

	if (size == 0)
		return 0;
	if (!begun) {
		stub_server_begin(&server, &set);
		begun = true;
	}
	set.smtpd.bare_lf = data[0] & 1;
	set.smtpd.max_size = (data[0] & 2) != 0 ? 100 : 1000000;
	stub.queue = (enum stub_queue)(data[0] >> 2 & 3);
	stub.malformed = 0;
	buf_reset(&stub.content);
	in = file_of(data + 1, size - 1);
	out = file_of(data, 0);
	session_begin(&s, &server, &peer, in, out);
	session_greet(&s);
	while (session_step(&s)) {
		const struct envelope *e = s.envelope;

		if ((s.phase >= PHASE_RCPT) != (e->recipients > 0) ||
		    (s.phase >= PHASE_MAIL) != (e->qid.text[0] != '\0') ||
		    s.phase == PHASE_CONTENT)
			abort();
	}
	session_end(&s);
	if (s.envelope->recipients > 0 || server.submit.fd != -1 ||
	    stub.malformed > 0)
		abort();
	serve_stopping = 0;
	server.submit.has_held = false;
	check_replies(out);
	check_content();
	stub_close_file();
	(void)close(in);
	(void)close(out);
	return 0;
}
