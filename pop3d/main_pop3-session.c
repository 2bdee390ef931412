/* SPDX-License-Identifier: ISC */
/*
 * pop3-session: one maildrop, after the login. pop3d hands over the client's
 * descriptor with a ticket that auth made; without a ticket that fits, no
 * mailbox is opened, and with it none but that one can be, enforced by the
 * kernel before an octet of the client is looked at.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "codes.h"
#include "fds.h"
#include "prog.h"
#include "serve.h"
#include "session.h"
#include "usage.h"
#include "wire_auth.h"

#define HANDOVER_MS  10000 /* to the last octet */
#define SHARE        1000 /* sessions of a worker: so a pool can shrink again */
#define HANDOVER_MAX (RECORD_MAX + AUTH_UNREAD_MAX)

static const char not_now[] = "-ERR [SYS/TEMP] login is not possible now\r\n";

struct keeper {
	const struct settings *settings;
	struct journal journal;
	struct trace trace;
	unsigned char key[AUTH_KEY_LEN];
	bool has_key;
	int mail; /* the directory of all mailboxes, until one is chosen */
	int quota; /* of their uses; -1: no mailbox here has a quota */
};

/* ---- One session ---- */

/*
 * Nothing but this mailbox from here on: the directory of all is closed, and
 * the kernel refuses every path outside.
 */
static enum outcome
confine(struct keeper *k, int box, struct fault *f)
{
	static const struct sandbox_path here[] = { { "!.", "rc" },
		{ NULL, NULL } };
	enum sandbox_mode mode = (enum sandbox_mode)k->settings->pneu.sandbox;

	(void)close(k->mail);
	k->mail = -1;
	fds_close(&k->quota);
	sodium_memzero(k->key, sizeof(k->key));
	if (fchdir(box) != 0)
		return fault_set(f, TEMP, "4.2.0", errno, "mailbox");
	return sandbox_paths(mode, here, f);
}

/* Of a mailbox with a quota: to take off what is removed, and nothing else can
   be done with it. It is opened while it can be. */
static void
open_use(const struct keeper *k, struct session_about *about)
{
	static int use;

	if (k->quota == -1)
		return;
	use = usage_open(k->quota, about->path, O_WRONLY | O_APPEND);
	if (use != -1)
		about->use = &use;
}

static enum outcome
serve_mailbox(struct keeper *k, struct session_about *about, uint64_t port,
    struct fault *f)
{
	static struct session s;
	int box = fds_open_beneath(k->mail, about->path);

	if (box == -1)
		return fault_set(
		    f, TEMP, "4.2.0", errno, "mailbox %s", about->path);
	open_use(k, about);
	if (confine(k, box, f) != OK)
		return f->outcome;
	serve_interrupt(-1, FD_IN);
	trace_begin(&k->trace, about->ip, (uint16_t)port, about->user);
	about->trace = &k->trace;
	session_begin(&s, about, box, FD_IN, FD_OUT);
	session_run(&s);
	session_free(&s);
	return OK;
}

/* ---- The hand-over ---- */

struct handover {
	struct buf octets;
	struct auth_handover record;
	struct span unread; /* of octets, behind the record */
	int client[2]; /* in, and out where that is another; -1: none */
};

/* A late ticket is no alarm: it waited while all sessions were at work. */
static void
journal_refusal(
    struct keeper *k, const struct auth_handover *h, const struct fault *f)
{
	struct record_out out = journal_begin(&k->journal,
	    f->error == ETIME ? CODE_LOGIN_FAILED : CODE_ALARM, NULL);

	record_puts(out, "user", h->who.user);
	record_puts(out, "ip", h->ip);
	record_put_fault(out, f);
	journal_end(&k->journal, out);
	journal_flush(&k->journal);
}

/* What comes next of it, with its descriptor. */
static enum outcome
receive_more(
    struct handover *h, uint64_t until_ms, size_t *got, struct fault *f)
{
	uint64_t now = clock_mono_ms();
	struct buf *b = &h->octets;
	int fd;

	if (now >= until_ms)
		return fault_set(f, TEMP, "4.3.0", ETIMEDOUT, "hand-over");
	fds_set_timeouts(FD_IN, until_ms - now, until_ms - now);
	if (fds_receive(FD_IN, true, b, b->max - b->len, got, &fd, f) != OK)
		return f->outcome;
	if (h->client[0] == -1)
		h->client[0] = fd;
	else if (h->client[1] == -1)
		h->client[1] = fd;
	else
		fds_close(&fd);
	return OK;
}

/*
 * The record, the octets after it, and the descriptors of the client. OK without
 * octets: the end of input, nobody logged in.
 */
static enum outcome
receive_handover(struct handover *h, struct fault *f)
{
	uint64_t until_ms = clock_mono_ms() + HANDOVER_MS;
	size_t got, line, whole = SIZE_MAX; /* octets: not known yet */

	do {
		if (receive_more(h, until_ms, &got, f) != OK)
			return f->outcome;
		line = span_find(buf_span(&h->octets), '\n');
		if (whole == SIZE_MAX && line < h->octets.len) {
			if (wire_auth_get_handover(
			        span_head(buf_span(&h->octets), line),
			        &h->record, f) != OK)
				return f->outcome;
			whole = line + 1 + (size_t)h->record.unread;
		}
	} while (got > 0 && h->octets.len < whole);
	if (h->octets.len == 0)
		return OK;
	if (whole == SIZE_MAX)
		return fault_set(f, TEMP, "4.3.0", 0, "hand-over: no record");
	h->unread = span_from(buf_span(&h->octets), line + 1);
	if (h->octets.len != whole)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "hand-over: unread=%llu, and %zu octets came",
		    (unsigned long long)h->record.unread, h->unread.len);
	if (h->client[0] == -1)
		return fault_set(
		    f, TEMP, "4.3.0", 0, "hand-over: no descriptor");
	return OK;
}

/*
 * The client takes the place of the connection, whose end tells pop3d that we
 * have it. Where it has two descriptors, pop3d waits until we end.
 */
static void
take_client(struct keeper *k, const int client[2])
{
	uint64_t timeout_ms = k->settings->pop3d.timeout_ms;

	if (client[1] != -1)
		(void)!dup(FD_IN);
	(void)dup2(client[0], FD_IN);
	(void)dup2(client[client[1] == -1 ? 0 : 1], FD_OUT);
	(void)close(client[0]);
	fds_set_timeouts(FD_IN, timeout_ms, timeout_ms);
	if (client[1] == -1)
		return;
	(void)close(client[1]);
	fds_set_timeouts(FD_OUT, timeout_ms, timeout_ms);
}

/* One hand-over to its end. The client is told what went wrong before. */
static enum outcome
serve_handover(struct keeper *k, struct fault *f)
{
	static struct handover h = { .client = { -1, -1 } };
	const struct auth_ans *who = &h.record.who;
	struct session_about about;
	enum outcome got;

	h.octets = BUF_INIT(HANDOVER_MAX + 1);
	got = receive_handover(&h, f);
	if (got == OK && h.octets.len == 0)
		return OK; /* nobody logged in */
	if (h.client[0] != -1)
		take_client(k, h.client);
	about = (struct session_about){ k->settings, &k->journal, who->user,
		who->path, h.record.ip, h.unread, NULL, NULL };
	if (got == OK && auth_ticket_check(k->key, who, f) == OK &&
	    serve_mailbox(k, &about, h.record.port, f) == OK)
		return OK;
	journal_refusal(k, &h.record, f);
	if (h.client[0] != -1)
		(void)!write(FD_OUT, not_now, sizeof(not_now) - 1);
	return f->outcome;
}

static void
pool_session(void *arg, int in, int out, const struct peer *peer)
{
	struct fault f = FAULT_NONE;

	(void)in, (void)out, (void)peer;
	if (serve_handover(arg, &f) != OK)
		prog_warn("%s", f.text);
}

/*
 * Who started us will hand over when its client has logged in; that has its own
 * deadline there. SIGTERM and the end of that program both end the wait.
 */
static void
wait_for_login(void)
{
	struct pollfd p = { FD_IN, POLLIN, 0 };

	serve_interrupt(-1, FD_IN);
	while (poll(&p, 1, -1) == -1 && errno == EINTR)
		continue;
	serve_interrupt(-1, -1);
}

/* ---- Begin ---- */

static enum outcome
enter_child(void *arg, struct fault *f)
{
	(void)arg;
	return sandbox_close(f);
}

/* An operator's tool: the rights of the file system decide. */
static enum outcome
serve_operator(struct keeper *k, const char *path, struct fault *f)
{
	struct session_about about = { k->settings, &k->journal, "operator",
		path, "", SPAN_EMPTY, NULL, NULL };

	if (!resolve_path_is_safe(span_of(path)))
		return fault_set(f, PERM, "5.3.5", 0,
		    "a mailbox is named like example.org/bob");
	return serve_mailbox(k, &about, 0, f);
}

/*
 * A Landlock domain is for life: a process serves one mailbox and ends. What
 * all of them need has been read and made once, by the worker that forks them.
 */
static const struct session_service service = {
	.sessions = SHARE,
	.session = pool_session,
	.in_child = enter_child,
};

static enum outcome
serve(struct keeper *k, const char *mailbox, struct fault *f)
{
	struct stat st;

	if (mailbox == NULL && fstat(FD_IN, &st) == 0 && !S_ISSOCK(st.st_mode))
		return fault_set(f, PERM, "5.3.5", 0,
		    "a login comes from pop3d over a socket; -m PATH serves "
		    "a mailbox here");
	if (mailbox == NULL && !k->has_key)
		return fault_set(f, PERM, "5.3.5", 0,
		    "no ticket key: the supervisor gives it on the descriptor "
		    "in $" AUTH_KEY_ENV);
	if (mailbox == NULL && fds_kind(FD_IN) == FDS_LISTENER)
		return serve_sessions(&service, k, f);
	if (sandbox_close(f) != OK)
		return f->outcome;
	if (mailbox != NULL)
		return serve_operator(k, mailbox, f);
	wait_for_login();
	return serve_handover(k, f);
}

/*
 * Where no mailbox has a quota a session costs nothing for it. A worker that was
 * started before the first use was kept counts no removals: the next count has
 * them.
 */
static bool
has_quotas(const struct settings *s)
{
	bool has = s->mail.quota > 0 || s->mail.quota_messages > 0;
	DIR *d = has ? NULL : opendir(USAGE_DIRECTORY);
	const struct dirent *e;

	while (!has && d != NULL && (e = readdir(d)) != NULL)
		has = e->d_name[0] != '.';
	if (d != NULL)
		(void)closedir(d);
	return has;
}

static const char *mailbox;
static const struct prog_option options[] = {
	{ 'm', "mailbox", "PATH", "serve this mailbox on fds 0 and 1",
	    &mailbox },
	{ .name = NULL },
};

static const struct prog_about about_program = {
	.name = "pop3-session",
	.usage = "[-C DIR] [-c FILE] [-m PATH]",
	.summary = "Serve one POP3 maildrop after the login. Clients come from "
	           "pop3d, with a ticket;\n-m serves one mailbox at once, as "
	           "the user who runs it.",
	.options = options,
	.promises = "stdio rpath cpath sync flock recvfd unveil",
	.more = "Example:\n  printf 'LIST\\r\\nRETR 1\\r\\n' | pop3-session -C "
	        "DIR -m example.org/bob\n",
};

int
main(int argc, char *argv[])
{
	static struct keeper k = { .mail = -1, .quota = -1 };
	struct sandbox_path paths[] = { { NULL, "rc" },
		{ USAGE_DIRECTORY, "w" }, { NULL, NULL } };
	const struct settings *s = &prog.settings;
	struct fault f = FAULT_NONE;

	prog_start(&about_program, argc, argv);
	if (prog_home(&f) != OK ||
	    auth_ticket_take_key(k.key, &k.has_key, &f) != OK)
		prog_exit(&f);
	serve_hangs_up = true;
	serve_signals();
	k.settings = s;
	journal_open(&k.journal, about_program.name);
	trace_open(&k.trace, about_program.name);
	k.mail = open(s->mail.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k.mail == -1)
		(void)fault_set(&f, TEMP, "4.3.0", errno, "[mail] directory %s",
		    s->mail.directory);
	paths[0].path = s->mail.directory;
	if (has_quotas(s))
		k.quota =
		    open(USAGE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k.mail != -1 &&
	    prog_prepare_sandbox(about_program.promises, paths, &f) == OK)
		(void)!serve(&k, mailbox, &f);
	journal_close(&k.journal);
	prog_exit(&f);
}
