/* SPDX-License-Identifier: ISC */
/*
 * auth: name and password to identity. A line service: requests on fd 0,
 * answers on fd 1; its caller is pop3d, which may be in an attacker's hands.
 * It reads the directory's secrets, nothing else, and writes nothing.
 */
#include <unistd.h>

#include "answerer.h"
#include "clock.h"
#include "prog.h"
#include "verify.h"

struct authority {
	struct answerer answerer; /* first: its functions get this */
	struct verifier verifier;
};

static enum outcome
answer(struct answerer *a, struct span line, struct buf *out, struct fault *f)
{
	struct verifier *v = &((struct authority *)a)->verifier;
	struct record record;
	struct auth_req req;
	struct auth_ans ans;
	struct fault why = FAULT_NONE;
	enum outcome got = wire_auth_get_req(line, &record, &req, f);

	if (got == OK) {
		enum outcome who =
		    verify_login(v, &req, clock_mono_ms(), &ans, &why);

		if (who == TEMP)
			answerer_alarm_seldom(a, "directory", why.text);
		got = wire_auth_put_ans(out, who, &ans, &why, f);
	}
	sodium_memzero(&record, sizeof(record));
	return got;
}

static enum outcome
begin(struct verifier *v, struct fault *f)
{
	unsigned char key[AUTH_KEY_LEN];
	bool given, shared;
	uint64_t cache; /* the descriptor that all auth processes share */

	shared = num_from_env(AUTH_CACHE_ENV, 3, 65535, &cache);
	if (auth_ticket_take_key(key, &given, f) != OK || prog_home(f) != OK ||
	    verify_begin(v, &prog.settings, given ? key : NULL,
	        given && shared ? (int)cache : -1, f) != OK)
		return f->outcome;
	if (shared)
		(void)close((int)cache);
	sodium_memzero(key, sizeof(key));
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
	struct authority a;
	struct fault f = FAULT_NONE;

	prog_start(&about, argc, argv);
	a.answerer = (struct answerer){ .database = &a.verifier.secrets,
		.answer = answer,
		.is_slow = true };
	if (begin(&a.verifier, &f) == OK &&
	    answerer_serve(&a.answerer, paths, &f) == OK)
		verify_free(&a.verifier);
	prog_exit(&f);
}
