/* SPDX-License-Identifier: ISC */
/*
 * Any message and any words of a command line: what leaves has no line over its
 * limit, no Bcc, no end of data within, and each recipient is one line.
 */
#include <stdlib.h>
#include <string.h>

#include "../../submit/arguments.h"
#include "../../submit/message.h"
#include "field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum outcome
put(void *arg, struct span piece, struct fault *f)
{
	(void)f;
	buf_add(arg, piece);
	return OK;
}

static void
check_text(struct span out)
{
	struct span line;
	/* A first line that is none ends the header section, as smtpd has it. */
	bool in_header = field_name(out) > 0;

	if (out.len > 0 && out.p[out.len - 1] != '\n')
		abort();
	while (span_next(&out, '\n', &line)) {
		if (line.len == 0 || line.p[line.len - 1] != '\r' ||
		    line.len > MESSAGE_LINE_MAX + 2 || span_eq(line, ".\r"))
			abort();
		in_header =
		    in_header && (field_name(line) > 0 || is_wsp(line.p[0]));
		if (in_header && span_has_prefix_nocase(line, "Bcc:"))
			abort();
	}
}

static void
check_addresses(const struct addresses *a)
{
	struct span text = buf_span(&a->text), line;
	size_t n = 0;

	for (; span_next(&text, '\n', &line); n++)
		if (line.len == 0 || span_has_control(line))
			abort();
	if (n != a->n)
		abort();
}

/* The words of its first line. */
static void
check_arguments(struct span line)
{
	char text[1024];
	char *argv[64] = { text };
	struct arguments a;
	struct fault f;
	int n = 1;

	if (!span_copy(line, text, sizeof(text)))
		return;
	for (char *p = text; (p = strchr(p, ' ')) != NULL && n < 63;) {
		*p++ = '\0';
		argv[n++] = p;
	}
	if (arguments_parse(n, argv, &a, &f) == OK)
		for (size_t i = 0; i < a.recipients; i++)
			if (a.recipient[i][0] == '-')
				abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };
	struct addresses to = ADDRESSES_INIT;
	struct buf out = BUF_INIT(1UL << 26);
	struct message m;
	struct fault f;

	check_arguments(span_head(in, span_find(in, '\n')));
	message_begin(&m, in, size > 0 && (data[0] & 1) != 0);
	if (message_recipients(&m, &to, &f) == OK)
		check_addresses(&to);
	if (message_put(&m, put, &out, &f) != OK)
		abort();
	check_text(buf_span(&out));
	addresses_free(&to);
	buf_free(&out);
	return 0;
}
