/* SPDX-License-Identifier: ISC */
/*
 * auth: name and password to identity. A line service: requests on fd 0,
 * answers on fd 1; its caller is pop3d, which may be in an attacker's hands.
 * It reads the directory's secrets, nothing else, and writes nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alarm.h"
#include "clock.h"
#include "prog.h"
#include "serve.h"
#include "verify.h"

#define CLIENTS_MAX 1024 /* connections: each pop3d keeps one */

struct authority {
	struct verifier verifier;
	struct journal journal;
	uint64_t alarm_ms; /* of the last alarm about a login */
};

/* Before each login: a changed password counts at once. */
static void
look(struct authority *a)
{
	struct fault f;

	if (compiled_look(&a->verifier.secrets, &f) != OK)
		alarm_raise(&a->journal, "directory", f.text);
}

static enum outcome
answer(struct authority *a, struct span line, struct buf *out, struct fault *f)
{
	struct record record;
	struct auth_req req;
	struct auth_ans ans;
	struct fault why = FAULT_NONE;
	enum outcome got = wire_auth_get_req(line, &record, &req, f);

	if (got == OK) {
		enum outcome who = verify_login(
		    &a->verifier, &req, clock_mono_ms(), &ans, &why);

		if (who == TEMP)
			alarm_raise_seldom(
			    &a->journal, &a->alarm_ms, "directory", why.text);
		got = wire_auth_put_ans(out, who, &ans, &why, f);
	}
	sodium_memzero(&record, sizeof(record));
	return got;
}

/*
 * A hash takes long, and the answers of a round leave together: a client whose
 * answer is ready must not wait for the hashes of the others. What the socket
 * does not take at once stays for the end of the round.
 */
static void
answer_now(struct client *client)
{
	ssize_t n;

	if (!client->is_socket)
		return;
	n = send(client->out, client->outbuf.p, client->outbuf.len,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		buf_drop(&client->outbuf, (size_t)n);
}

static enum outcome
take(void *arg, struct client *client, struct span in, size_t most,
    size_t *used, size_t *requests, struct fault *f)
{
	struct authority *a = arg;
	enum outcome got;
	size_t end;

	*used = *requests = 0;
	if (most > 0 && (end = span_find(in, '\n')) < in.len) {
		look(a);
		got = answer(a, span_head(in, end), &client->outbuf, f);
		/* `in` is the client's own buffer: no password stays in it. */
		sodium_memzero((char *)(uintptr_t)in.p, end);
		if (got != OK)
			return got;
		answer_now(client);
		*used = end + 1;
		*requests = 1;
		return OK;
	}
	if (in.len > RECORD_MAX && span_find(in, '\n') > RECORD_MAX)
		return fault_set(f, TEMP, "4.3.0", 0, "auth request: too long");
	return OK;
}

static void
after(void *arg)
{
	struct authority *a = arg;

	journal_flush(&a->journal);
}

/* The descriptor of the cache that all auth processes share; -1: none. */
static int
shared_cache(void)
{
	const char *number = getenv(AUTH_CACHE_ENV);
	uint64_t fd;

	if (number == NULL || !num_parse(span_of(number), 3, 65535, &fd))
		return -1;
	return (int)fd;
}

static enum outcome
begin(struct authority *a, struct fault *f)
{
	unsigned char key[AUTH_KEY_LEN];
	bool given;
	int cache = shared_cache();

	if (sodium_init() < 0)
		return fault_set(f, TEMP, "4.3.0", 0, "libsodium");
	if (auth_ticket_take_key(key, &given, f) != OK || prog_home(f) != OK ||
	    verify_begin(&a->verifier, &prog.settings, given ? key : NULL,
	        given ? cache : -1, f) != OK)
		return f->outcome;
	if (cache != -1)
		(void)close(cache);
	sodium_memzero(key, sizeof(key));
	journal_open(&a->journal, "auth");
	/* Without a database it answers temp, and looks again. */
	look(a);
	return OK;
}

int
main(int argc, char *argv[])
{
	static const struct prog_about about = { .name = "auth",
		.usage = "[-C DIR]",
		.promises = "stdio rpath",
		.summary = "Name and password to identity: a line `auth "
		           "user=bob@example.org password=...` each." };
	static const struct sandbox_path paths[] = { { "secrets", "r" },
		{ NULL, NULL } };
	static const struct line_service service = { .take = take,
		.after = after,
		.shared = true,
		.clients_max = CLIENTS_MAX };
	struct authority a = { .journal = { .fd = -1 } };
	struct fault f = FAULT_NONE;
	const char *value;

	prog_begin(&about);
	while (prog_option(argc, argv, &value) != -1)
		continue;
	if (begin(&a, &f) != OK)
		prog_exit(&f);
	serve_signals();
	if (prog_sandbox(about.promises, paths, &f) != OK ||
	    serve_lines(&service, &a, &f) != OK)
		prog_exit(&f);
	journal_close(&a.journal);
	verify_free(&a.verifier);
	prog_exit(&f);
}
