/* SPDX-License-Identifier: ISC */
/*
 * tls-keys: the only program that reads private keys of TLS. A line service:
 * smtpd and pop3d, which strangers may have taken, get the certificates, and
 * signatures of digests; never a key.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "keeper.h"
#include "prog.h"
#include "serve.h"

#define CLIENTS_MAX 1024 /* connections: each smtpd and pop3d keeps one */
#define PATHS_MAX   (4 * TLS_CHAINS_MAX)

struct tls_keys {
	struct keeper keeper;
	struct journal journal;
};

/* Who asks again before the answer was sent gets no second descriptor. */
static enum outcome
answer_chains(struct keeper *k, struct client *client, struct fault *f)
{
	if (k->chains_fd != -1 && client->is_socket && client->pass_fd == -1)
		client->pass_fd = dup(k->chains_fd);
	return wire_tls_put_size(&client->outbuf,
	    client->pass_fd == -1 ? 0 : k->chains_size, k->generation, f);
}

static enum outcome
answer(void *arg, struct client *client, struct span line, struct fault *f)
{
	struct keeper *k = &((struct tls_keys *)arg)->keeper;
	unsigned char signature[TLS_SIGNATURE_MAX];
	struct fault why = FAULT_NONE;
	struct tls_sign_req req;
	struct record_out out;
	bool chains;
	size_t len;

	if (wire_tls_get_req(line, &chains, &req, f) != OK)
		return f->outcome;
	if (chains)
		return answer_chains(k, client, f);
	if (keeper_sign(k, &req, signature, &len, &why) == OK)
		return wire_tls_put_signature(
		    &client->outbuf, signature, len, f);
	out = record_begin(&client->outbuf, outcome_word(why.outcome));
	record_put_fault(out, &why);
	return record_end(out, f);
}

/* No descriptor of its own: only the time of the next look. */
static size_t
prepare(void *arg, struct pollfd *fds, size_t max, int *wait_ms)
{
	uint64_t now = clock_mono_ms();
	struct tls_keys *t = arg;
	uint64_t next = keeper_look(&t->keeper, false);

	(void)fds, (void)max;
	if (t->journal.pending_entries > 0)
		journal_flush(&t->journal);
	*wait_ms =
	    next > now ? (int)(next - now < INT_MAX ? next - now : INT_MAX) : 0;
	return 0;
}

static void
reload(void *arg)
{
	(void)keeper_look(&((struct tls_keys *)arg)->keeper, true);
}

/*
 * Where the files lie, and where links lead today: what renews a certificate
 * makes a new file beside the old one, and turns the link.
 */
static void
add_paths(struct sandbox_path paths[PATHS_MAX + 1], const char *file)
{
	char real[PATH_MAX], own[PATH_MAX];
	const char *of[2] = { NULL, NULL };
	size_t n = 0;

	(void)span_copy(span_of(file), own, sizeof(own));
	of[0] = dirname(own);
	if (realpath(file, real) != NULL)
		of[1] = dirname(real);
	while (paths[n].path != NULL)
		n++;
	for (size_t i = 0; i < 2 && n < PATHS_MAX; i++)
		if (of[i] != NULL) {
			paths[n].path = strdup(of[i]);
			paths[n++].rights = "r";
		}
}

int
main(int argc, char *argv[])
{
	static const struct prog_about about = { .name = "tls-keys",
		.usage = "[-C DIR] [-c FILE]",
		.promises = "stdio rpath sendfd memfd",
		.summary = "Hold the private keys of TLS, and sign for smtpd "
		           "and pop3d: lines on descriptors 0 and 1, or those "
		           "that come to a listening socket on 0." };
	static struct tls_keys t;
	static struct sandbox_path paths[PATHS_MAX + 1];
	static const struct line_service service = { .line = answer,
		.prepare = prepare,
		.reload = reload,
		.clients_max = CLIENTS_MAX };
	struct fault f = FAULT_NONE;

	prog_start(&about, argc, argv);
	if (prog_home(&f) != OK)
		prog_exit(&f);
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	serve_signals();
	journal_open(&t.journal, about.name);
	if (keeper_begin(&t.keeper, &prog.settings.tls, tls_shared_map(true),
	        &t.journal, &f) != OK)
		prog_exit(&f);
	for (size_t i = 0; i < t.keeper.pairs; i++) {
		add_paths(paths, t.keeper.pair[i].names.chain);
		add_paths(paths, t.keeper.pair[i].names.key);
	}
	if (prog_sandbox(about.promises, paths, &f) == OK)
		(void)!serve_lines(&service, &t, &f);
	keeper_free(&t.keeper);
	journal_close(&t.journal);
	prog_exit(&f);
}
